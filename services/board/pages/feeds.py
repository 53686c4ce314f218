"""The page of the feeds: which are silent or live, what comes of each, what is wrong, and what was refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from litestar import Request, Response, get

from services.board.access import named_reader
from services.board.audit import record
from services.board.bars import bars
from services.board.context import board_of, route_of, viewer_in
from services.board.rendering import page, words_for
from services.shared import feed_reading

REFUSED_DAYS = 14


@get("/feeds", guards=[named_reader], include_in_schema=False)
async def feeds_page(request: Request[Any, Any, Any]) -> Response[str]:
    """No patient's data: anybody who may log in sees it; only `halo feed` changes a feed, by two people."""
    async with board_of(request).connection() as conn:
        found = await feed_reading.now(conn)
        refused = await feed_reading.refused(conn, datetime.now(UTC) - timedelta(days=REFUSED_DAYS))
        await record(conn, viewer_in(request).who, "read", route_of(request))
    words = words_for(request)
    pictures = {one.name: bars(one.counts, words("feeds.bars", count=sum(one.counts))) for one in found}
    return page(request, "feeds.html", feeds=found, refused=refused, pictures=pictures, days=REFUSED_DAYS)
