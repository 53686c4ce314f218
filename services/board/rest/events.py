"""`/api/v1/events`: the live stream (server-sent events), resumable by `Last-Event-ID`.

Events: `alert` and `series` (data: opaque patient id, whether the reader's ward is meant), `operations`, `reload`
(something may have been missed: load everything again) and `ping` every few seconds with the server's time. A ping
with `live` false says that the board itself does not hear the database.
"""

from __future__ import annotations

import time
from asyncio import wait_for
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, get
from litestar.params import Parameter
from litestar.response import ServerSentEvent
from litestar.response.sse import ServerSentEventMessage

from services.board import live, metrics
from services.board.access import known
from services.board.context import Board, board_of, viewer_in
from services.board.live import LiveEvent
from services.board.rendering import shown
from services.board.viewer import Viewer, still_valid

PING_SECONDS = 4.0
CHECK_SECONDS = 30.0
Message = ServerSentEventMessage


@get("/events", guards=[known], operation_id="events", summary="Live events, resumable")
async def events(
    request: Request[Any, Any, Any],
    last: Annotated[str, Parameter(header="Last-Event-ID", required=False)] = "",
    after: Annotated[int, Parameter(query="after", description="as Last-Event-ID, for a first connection")] = 0,
) -> ServerSentEvent:
    """Everything after the given event; without one, what comes from now on."""
    board, viewer = board_of(request), viewer_in(request)
    return ServerSentEvent(_stream(board, viewer, int(last) if last.isdigit() else after))


async def _stream(board: Board, viewer: Viewer, asked: int) -> AsyncIterator[Message]:
    metrics.CLIENTS.inc()
    try:
        cursor, missed = await _start(board, asked)
        yield _ping(board)
        for event in missed if missed is not None else []:
            yield _told(event, viewer)
        if missed is None:
            yield _reload(cursor)
        async for message in _follow(board, viewer, cursor):
            yield message
    finally:
        metrics.CLIENTS.dec()


async def _start(board: Board, asked: int) -> tuple[int, list[LiveEvent] | None]:
    """Where the stream goes on, and what was missed until there; None when that cannot be told."""
    here = board.live.last
    if not asked:
        return here, []
    async with board.connection() as conn:
        first, greatest = await live.ends(conn)
        if asked > greatest or (first and asked < first - 1) or (not first and asked < greatest):
            return here, None
        missed = await live.after(conn, asked)
    return (missed[-1].seq if missed else asked), missed


async def _follow(board: Board, viewer: Viewer, cursor: int) -> AsyncIterator[Message]:
    pinged, checked = time.monotonic(), time.monotonic()
    while not board.live.closing:
        waiter = board.live.waiter()
        fresh = board.live.since(cursor)
        if fresh is None:
            cursor = board.live.last
            yield _reload(cursor)
            continue
        for event in fresh:
            cursor = event.seq
            yield _told(event, viewer)
        now = time.monotonic()
        if now - checked > CHECK_SECONDS and board.live.fresh:
            checked = now
            async with board.connection() as conn:
                if not await still_valid(conn, viewer.token_id):
                    return
        if now - pinged >= PING_SECONDS:
            pinged = now
            yield _ping(board)
        with suppress(TimeoutError):
            await wait_for(waiter.wait(), max(0.05, PING_SECONDS - (time.monotonic() - pinged)))


def _told(event: LiveEvent, viewer: Viewer) -> Message:
    """A screen without names hears that something changed, not which alert."""
    data: dict[str, Any] = {"patient": event.public_id, "here": not viewer.ward or viewer.ward == event.ward}
    if viewer.named:
        data |= {"alert": str(event.alert_id) if event.alert_id else None, "ward": event.ward}
    kind = event.kind if viewer.named or event.kind == "operations" else "series"
    return Message(event=kind, id=event.seq, data=_json(data))


def _ping(board: Board) -> Message:
    state = {"now": datetime.now(UTC), "build": shown(board.live.rules), "live": board.live.fresh}
    return Message(event="ping", data=_json(state))


def _reload(cursor: int) -> Message:
    return Message(event="reload", id=cursor, data="{}")


def _json(data: dict[str, Any]) -> str:
    return msgspec.json.encode(data).decode()


ROUTES = [events]
