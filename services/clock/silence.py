"""Tests that are late: their timers are fired in the ledger, one transaction each, so that none holds another back.

They go by the watermark, not by the clock on the wall: up to the oldest committed heartbeat, so that a processor that
lags raises no false "overdue". A timer that cannot be fired stays, is tried again later, and operations are told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import psycopg
from prometheus_client import Counter, Gauge

from services.ledger import offsets, timers
from services.ledger.errors import LedgerError, Unavailable
from services.ledger.lapsing import Lapses
from services.ledger.operations import Technical, report
from services.ledger.timers import Due
from services.shared.clock import Clock
from services.shared.log import logger
from services.shared.topics import PATIENT_EVENTS

FIRED = Counter("halo_overdue_fired_total", "Timers of late tests that fired.")
FAILED = Counter("halo_overdue_failed_total", "Timers of late tests that could not be fired and stay.")
OLDEST = Gauge(
    "halo_overdue_oldest_due_timestamp_seconds", "When the oldest timer of a late test was due that waits; 0 for none."
)
WATERMARK = Gauge(
    "halo_watermark_timestamp_seconds", "Up to when everything that came in is stored; 0 while it is not known."
)
PAUSE = timedelta(minutes=1)


class Silence:
    """Looks every `every` seconds. `partitions` says how many the log has, 0 while that is not known."""

    def __init__(
        self, ledger: Lapses, clock: Clock, *, every: float, partitions: Callable[[], int] = lambda: 0
    ) -> None:  # fmt: skip
        self._ledger, self._clock, self._every, self._partitions = ledger, clock, every, partitions
        self._paused: dict[int, datetime] = {}
        self._wrong = ""

    def wrong(self) -> dict[str, str]:
        """Why timers do not fire; nothing when they do."""
        return {"database": self._wrong} if self._wrong else {}

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                more = await self._try_round()
                await asyncio.sleep(0 if more else self._every)
        finally:
            await self._ledger.close()

    async def _try_round(self) -> int:
        try:
            fired = await self.fire()
            self._wrong = ""
        except (LedgerError, psycopg.Error, OSError) as error:
            self._wrong = f"{type(error).__name__}: {error}"
            logger.warning("timers.unavailable", reason=self._wrong)
            return 0
        return fired

    async def fire(self) -> int:
        """Fire what is due now; how many timers were fired."""
        until = await self._until()
        if until is None:
            return 0
        due = await self._ledger.due(until, without=self._pausing())
        return sum([await self._one(one, until) for one in due])

    async def _until(self) -> datetime | None:
        """The watermark, and never the future."""
        now = self._clock.now()
        async with self._ledger.transaction() as conn:
            mark = await offsets.watermark(conn, self._ledger.stream.group, PATIENT_EVENTS, self._partitions())
            oldest = await timers.oldest(conn, min(mark, now)) if mark else None
        OLDEST.set(oldest.timestamp() if oldest else 0)
        WATERMARK.set(mark.timestamp() if mark else 0)
        return None if mark is None else min(mark, now)

    def _pausing(self) -> set[int]:
        return {patient for patient, end in self._paused.items() if self._clock.now() < end}

    async def _one(self, due: Due, until: datetime) -> bool:
        try:
            outcome = await self._ledger.fire(due, until)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - one patient's timer must not stop everybody's; operations are told below
            self._paused[due.patient] = self._clock.now() + PAUSE
            await self._failed(due, error)
            return False
        self._paused.pop(due.patient, None)
        FIRED.inc(outcome.events)
        return outcome.events > 0

    async def _failed(self, due: Due, error: Exception) -> None:
        """It stays where it is; nothing of it was stored. Unavailable when the database is away."""
        FAILED.inc()
        fault = Technical(
            key=f"timer_failed:{due.patient}", kind="timer_failed", patient_id=due.patient,
            detail=f"a timer due {due.due_at:%Y-%m-%dT%H:%M}Z could not be fired: {type(error).__name__}. It stays and "
            "is tried again each minute; its alerts are late until then.",
        )  # fmt: skip
        async with self._ledger.transaction() as conn:
            await report(conn, [fault])
