"""From the database to the screens: one reader a process hears NOTIFY, looks every second, and wakes every stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, LiteralString
from uuid import UUID

import msgspec
import psycopg
from psycopg import AsyncConnection

from services.board import metrics, rules_now, sequencer
from services.board.reading.rows import record_row
from services.shared.database import connect
from services.shared.log import logger

POLL_SECONDS = 1.0
RETRY_SECONDS = 1.0
FRESH_SECONDS = 3.0
PRUNE_SECONDS = 3600.0
REMEMBERED = 10_000
"""Events kept in memory; a stream that falls further behind reloads."""

_SINCE: LiteralString = """
SELECT e.seq, e.kind, COALESCE(r.public_id, p.public_id, '') AS public_id, COALESCE(r.ward, p.ward, '') AS ward,
       e.alert_id, e.created_at
FROM live_event AS e LEFT JOIN patient AS p ON p.id = e.patient_id
LEFT JOIN patient_alias AS a ON a.retired_id = p.id LEFT JOIN patient AS r ON r.id = a.root_id
WHERE e.seq > %s ORDER BY e.seq LIMIT 1000
"""
_ENDS: LiteralString = """
SELECT COALESCE((SELECT min(seq) FROM live_event), 0), GREATEST(COALESCE((SELECT max(seq) FROM live_event), 0),
       (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM live_event_seq))
"""


class LiveEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something a screen may have to show anew."""

    seq: int
    kind: str
    public_id: str
    ward: str
    alert_id: UUID | None
    created_at: datetime


class Live:
    """The events numbered since this process began, and whoever waits for more."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self.events: list[LiveEvent] = []
        self.last = 0
        self.closing = False
        self.heard_at = 0.0
        """Monotonic time of the last look at the database that worked."""
        self.rules = rules_now.shipped()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Live]:
        """Read while the block lasts."""
        self._task = asyncio.create_task(self._run(), name="live")
        try:
            yield self
        finally:
            self.close()
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def close(self) -> None:
        """End every stream, so that a shutdown does not wait for screens."""
        self.closing = True
        self._wake()

    def waiter(self) -> asyncio.Event:
        """Set at the next change. Take it before reading `since`, so that nothing falls between the two."""
        return self._changed

    @property
    def fresh(self) -> bool:
        """True while the database is being heard: else a screen is not live, whatever the connection says."""
        return time.monotonic() - self.heard_at < FRESH_SECONDS

    def since(self, seq: int) -> list[LiveEvent] | None:
        """Events after `seq` in order; None when they can no longer be told without a gap."""
        if self.events and seq < self.events[0].seq - 1:
            return None
        return [event for event in self.events if event.seq > seq]

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _run(self) -> None:
        while True:
            try:
                conn = await connect(self._dsn, "board-live", autocommit=True)
                async with conn:
                    await self._follow(conn)
            except (psycopg.Error, OSError) as error:
                logger.warning("live.database_away", error=type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self, conn: AsyncConnection[Any]) -> None:
        await conn.execute("LISTEN halo_live")
        await conn.execute(f"LISTEN {sequencer.CHANNEL}".encode())
        if not self.last:
            self.last = (await ends(conn))[1]
        pruned = time.monotonic()
        while True:
            self.rules = await rules_now.look(conn, self.rules)
            await sequencer.stamp(conn)
            await self._read(conn)
            if time.monotonic() - pruned > PRUNE_SECONDS:
                await sequencer.prune(conn)
                pruned = time.monotonic()
            async for _ in conn.notifies(timeout=POLL_SECONDS, stop_after=1):
                pass  # a hint without content

    async def _read(self, conn: AsyncConnection[Any]) -> None:
        fresh = await after(conn, self.last)
        self.heard_at = time.monotonic()
        if not fresh:
            return
        now = datetime.now(UTC)
        for event in fresh:
            metrics.EVENT_AGE.observe(max(0.0, (now - event.created_at).total_seconds()))
        self.events = [*self.events, *fresh][-REMEMBERED:]
        self.last = fresh[-1].seq
        self._wake()


async def after(conn: AsyncConnection[Any], seq: int) -> list[LiveEvent]:
    """The next numbered events."""
    async with conn.cursor(row_factory=record_row(LiveEvent)) as cursor:
        await cursor.execute(_SINCE, (seq,))
        return list(await cursor.fetchall())


async def ends(conn: AsyncConnection[Any]) -> tuple[int, int]:
    """The least number that is still kept (0 when none is) and the greatest ever given."""
    row = await (await conn.execute(_ENDS)).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)
