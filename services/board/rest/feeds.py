"""`GET /api/v1/feeds`: every feed with what came of it; and what intake refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from litestar import Request, get

from services.board.access import named_reader
from services.board.audit import record
from services.board.context import board_of, route_of, viewer_in
from services.shared import feed_reading
from services.shared.feed_reading import FeedNow, RefusedBy

DAYS = 14


class Feeds(msgspec.Struct, frozen=True, kw_only=True):
    """Feeds by name, and refusals of the last 14 days by sender, listed or not, and reason."""

    feeds: list[FeedNow]
    refused: list[RefusedBy]


@get("/feeds", guards=[named_reader], operation_id="listFeeds",
     summary="Senders: silent or live, last message, rate, errors, silence and drift; refusals")  # fmt: skip
async def feeds(request: Request[Any, Any, Any]) -> Feeds:
    """No patient's data. A feed is made live or silent by `halo feed`, by two people."""
    async with board_of(request).connection() as conn:
        found = await feed_reading.now(conn)
        refused = await feed_reading.refused(conn, datetime.now(UTC) - timedelta(days=DAYS))
        await record(conn, viewer_in(request).who, "read", route_of(request))
    return Feeds(feeds=found, refused=refused)


ROUTES = [feeds]
