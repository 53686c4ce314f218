"""Timers that are due, from the `timer` table. The kinds register what they do; an unknown kind is left and told.

Timers about data (`DATA`) fire only up to the oldest heartbeat that every partition has committed: while the processor
lags behind, what it has not stored yet may still answer them. People's timers always go by the clock.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, LiteralString

import psycopg
from prometheus_client import Counter as Counted
from prometheus_client import Gauge
from psycopg import AsyncConnection, errors

from services.ledger import patients
from services.ledger.applying import FUTURE_COLLECTION
from services.ledger.errors import AliasesChanged, OutOfStep
from services.ledger.operations import Technical, report
from services.ledger.timers import OVERDUE
from services.shared import database
from services.shared.clock import Clock
from services.shared.log import logger
from services.shared.topics import PATIENT_EVENTS

_DUE: LiteralString = """
SELECT id::text, kind, due_at FROM timer
WHERE fired_at IS NULL AND due_at <= CASE WHEN kind = ANY(%(data)s) THEN %(watermark)s::timestamptz ELSE %(now)s END
  AND NOT (kind = ANY(%(unknown)s)) AND NOT (id = ANY(%(failed)s::text[]::uuid[]))
ORDER BY due_at LIMIT 50
"""
_WHOSE: LiteralString = "SELECT p.sent_id FROM timer AS t JOIN patient AS p ON p.id = t.patient_id WHERE t.id = %s"
_TAKE: LiteralString = """
SELECT patient_id, due_at, body FROM timer WHERE id = %s AND fired_at IS NULL FOR UPDATE SKIP LOCKED
"""
_FIRED: LiteralString = "UPDATE timer SET fired_at = clock_timestamp() WHERE id = %s"
_WATERMARK: LiteralString = """
SELECT CASE WHEN bool_and(heartbeat_at IS NOT NULL) THEN min(heartbeat_at) END FROM consumer_offset
WHERE (consumer_group, cluster_id, topic_id) = (
    SELECT consumer_group, cluster_id, topic_id FROM consumer_offset WHERE topic = %s ORDER BY updated_at DESC LIMIT 1)
"""
FIRED = Counted("halo_timers_fired_total", "Timers fired.", ["kind"])
FAILED = Counted("halo_timers_failed_total", "Timers whose action failed; they are tried again.", ["kind"])
OLDEST = Gauge(
    "halo_timer_oldest_due_timestamp_seconds", "When the oldest timer that has not fired was due; 0 for none."
)

Action = Callable[[AsyncConnection[Any], int | None, datetime, dict[str, Any]], Awaitable[None]]
"""Patient record, due time and body; runs inside the transaction that marks its timer as fired."""
DATA = frozenset({FUTURE_COLLECTION})
"""Kinds that what is not stored yet could still answer."""
REST = timedelta(minutes=1)
"""Before an action that failed is tried again."""
TRIES = 10
"""So often in a row what usually passes by itself may stand in the way of a timer; then operations are told."""
_AGAIN = (AliasesChanged, OutOfStep, errors.DeadlockDetected, errors.SerializationFailure, errors.LockNotAvailable)


class Timers:
    """Looks every `every` seconds."""

    def __init__(self, dsn: str, clock: Clock, *, every: float, actions: Mapping[str, Action]) -> None:
        self._dsn, self._clock, self._every, self._actions = dsn, clock, every, actions
        self._conn: AsyncConnection[Any] | None = None
        self._unknown = {OVERDUE}  # fired by `services.clock.silence`, under the person's lock
        self._failed: dict[str, datetime] = {}
        self._tries: Counter[str] = Counter()
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

    async def close(self) -> None:
        """Give the connection back. Harmless without one."""
        conn, self._conn = self._conn, None
        if conn is not None:
            await conn.close()

    async def fire(self) -> int:
        """Fire what is due; how many. Each in its own transaction, so that one cannot hold the others back."""
        if self._conn is None or self._conn.closed:
            self._conn = await database.connect(self._dsn, "clock", autocommit=True)
        conn, now = self._conn, self._clock.now()
        self._failed = {identity: until for identity, until in self._failed.items() if until > now}
        rows = await self._due(conn, now)
        OLDEST.set(min((due_at.timestamp() for _, _, due_at in rows), default=0))
        return sum([await self._one(conn, identity, kind) for identity, kind, _ in rows])

    async def _due(self, conn: AsyncConnection[Any], now: datetime) -> list[tuple[str, str, datetime]]:
        row = await (await conn.execute(_WATERMARK, (PATIENT_EVENTS,))).fetchone()
        stored = row[0] if row else None
        parameters = {
            "now": now, "watermark": min(now, stored) if stored else None, "data": sorted(DATA),
            "unknown": sorted(self._unknown), "failed": sorted(self._failed),
        }  # fmt: skip
        return await (await conn.execute(_DUE, parameters)).fetchall()

    async def _one(self, conn: AsyncConnection[Any], identity: str, kind: str) -> int:
        action = self._actions.get(kind)
        if action is None:
            self._unknown.add(kind)
            detail = f"timers of kind {kind} are due and this version does not know them; they stay. Check versions."
            await report(conn, [Technical(key=f"timer_unknown:{kind}", kind="timer_unknown", detail=detail)])
            return 0
        try:
            fired = await self._take(conn, identity, kind, action)
        except _AGAIN as error:
            logger.info("timers.again", kind=kind, reason=f"{type(error).__name__}: {error}")
            self._tries[identity] += 1
            if self._tries[identity] >= TRIES:
                await self._report(conn, identity, kind, error)
        except (psycopg.OperationalError, psycopg.InterfaceError, OSError):
            raise  # the database is away: nothing is known of this timer or of any other
        except Exception as error:  # noqa: BLE001 - whatever it is, the other timers go on; operations are told, it is tried again
            await self._report(conn, identity, kind, error)
        else:
            self._tries.pop(identity, None)
            return fired
        return 0

    async def _take(self, conn: AsyncConnection[Any], identity: str, kind: str, action: Action) -> int:
        async with conn.transaction():
            whose = await (await conn.execute(_WHOSE, (identity,))).fetchone()
            if whose is not None:  # the person first, as everybody does who touches timers: no circle
                await patients.lock(conn, [whose[0]])
            row = await (await conn.execute(_TAKE, (identity,))).fetchone()
            if row is None:  # another clock has it
                return 0
            await action(conn, *row)
            await conn.execute(_FIRED, (identity,))
        FIRED.labels(kind).inc()
        return 1

    async def _report(self, conn: AsyncConnection[Any], identity: str, kind: str, error: Exception) -> None:
        self._failed[identity] = self._clock.now() + REST
        FAILED.labels(kind).inc()
        detail = (
            f"timer {identity} of kind {kind} failed: {_said(error)}; it stays and is tried again every minute. "
            "What it waits for is kept in `timer` and `quarantine`."
        )
        await report(conn, [Technical(key=f"timer_failed:{identity}", kind="timer_failed", detail=detail)])


def _said(error: Exception) -> str:
    """What may be told: Postgres quotes values in its messages."""
    return type(error).__name__ if isinstance(error, psycopg.Error) else f"{type(error).__name__}: {error}"
