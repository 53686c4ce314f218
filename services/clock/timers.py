"""Timers that are due, from the `timer` table. The kinds register what they do; an unknown kind is left and told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, LiteralString

import psycopg
from prometheus_client import Counter, Gauge
from psycopg import AsyncConnection

from services.ledger.operations import Technical, report
from services.shared import database
from services.shared.clock import Clock
from services.shared.log import logger

_DUE: LiteralString = """
SELECT id::text, kind, patient_id, due_at, body FROM timer
WHERE fired_at IS NULL AND due_at <= %s AND NOT (kind = ANY(%s))
ORDER BY due_at LIMIT 50 FOR UPDATE SKIP LOCKED
"""
_FIRED: LiteralString = "UPDATE timer SET fired_at = clock_timestamp() WHERE id = %s"
FIRED = Counter("halo_timers_fired_total", "Timers fired.", ["kind"])
OLDEST = Gauge(
    "halo_timer_oldest_due_timestamp_seconds", "When the oldest timer that has not fired was due; 0 for none."
)

Action = Callable[[AsyncConnection[Any], int | None, datetime, dict[str, Any]], Awaitable[None]]
ACTIONS: dict[str, Action] = {}
"""By kind; each runs inside the transaction that marks its timer as fired."""


class Timers:
    """Looks every `every` seconds."""

    def __init__(self, dsn: str, clock: Clock, *, every: float) -> None:
        self._dsn, self._clock, self._every = dsn, clock, every
        self._conn: AsyncConnection[Any] | None = None
        self._unknown: set[str] = set()
        self._wrong = ""

    def wrong(self) -> dict[str, str]:
        """Why timers do not fire; nothing when they do."""
        return {"database": self._wrong} if self._wrong else {}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.fire()
                self._wrong = ""
            except (psycopg.OperationalError, psycopg.InterfaceError, OSError) as error:
                self._wrong, self._conn = f"{type(error).__name__}: {error}", None
                logger.warning("timers.unavailable", reason=self._wrong)
            await asyncio.sleep(self._every)

    async def fire(self) -> int:
        """Fire what is due; how many. Each in its own transaction, so that one cannot hold the others back."""
        if self._conn is None or self._conn.closed:
            self._conn = await database.connect(self._dsn, "clock", autocommit=True)
        fired = 0
        async with self._conn.transaction():
            rows = await (await self._conn.execute(_DUE, (self._clock.now(), sorted(self._unknown)))).fetchall()
            OLDEST.set(min((row[3].timestamp() for row in rows), default=0))
            for identity, kind, patient_id, due_at, body in rows:
                fired += await self._one(self._conn, identity, kind, (patient_id, due_at, body))
        return fired

    async def _one(self, conn: AsyncConnection[Any], identity: str, kind: str, what: tuple[Any, Any, Any]) -> int:
        action = ACTIONS.get(kind)
        if action is None:
            self._unknown.add(kind)
            detail = f"timers of kind {kind} are due and this version does not know them; they stay. Check versions."
            await report(conn, [Technical(key=f"timer_unknown:{kind}", kind="timer_unknown", detail=detail)])
            return 0
        async with conn.transaction():
            await action(conn, *what)
            await conn.execute(_FIRED, (identity,))
        FIRED.labels(kind).inc()
        return 1
