"""Lets time pass for one person: fires the timer in one transaction, with the same code as an event that came in.

Whatever happens to the process, a timer is fired exactly when its alerts are stored: the mark and the alerts commit
together, under the person's lock. Two clocks wait for one another; the second finds the mark and does nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Any, LiteralString

from psycopg import AsyncConnection

from services.ledger import patients, timers
from services.ledger.applying import Work
from services.ledger.batch import AGAIN, ATTEMPTS, Ledger
from services.ledger.done import Done
from services.ledger.errors import AliasesChanged, LedgerError, OutOfStep
from services.ledger.record import Outcome
from services.ledger.timers import Due
from services.ledger.writes import Writes

_SENT: LiteralString = "SELECT sent_id FROM patient WHERE id = %s"


class Lapses(Ledger):
    """A ledger that no events come to, only time."""

    async def due(self, until: datetime, *, without: Iterable[int] = (), most: int = 50) -> list[Due]:
        """Timers due up to `until`, those of some roots left out. Unavailable when the database is away."""
        async with self.transaction() as conn:
            return await timers.due(conn, until, without, most)

    async def fire(self, due: Due, until: datetime) -> Outcome:
        """Fire one; an outcome without changes when it was fired already. LedgerError: look again later."""
        for attempt in range(ATTEMPTS):
            try:
                return await self._fire(due, until)
            except (AliasesChanged, OutOfStep, *AGAIN) as error:
                self._cache.clear()
                if attempt == ATTEMPTS - 1 and isinstance(error, OutOfStep):
                    raise
                await asyncio.sleep(0.02 * 2**attempt)
        raise LedgerError(f"gave up on a timer after {ATTEMPTS} attempts in a row")

    async def _fire(self, due: Due, until: datetime) -> Outcome:
        done, outcome = Done(), Outcome()
        async with self.transaction() as conn:
            await self._in_transaction(conn, due, until, done)
        self._settle(done, [], outcome)
        return outcome

    async def _in_transaction(self, conn: AsyncConnection[Any], due: Due, until: datetime, done: Done) -> None:
        row = await (await conn.execute(_SENT, (due.patient,))).fetchone()
        if row is None:
            return
        await self._govern(conn)
        locked = await patients.lock(conn, [row[0]])
        at = await timers.take(conn, due.patient, until)
        if at is None or locked.root(row[0]) != due.patient:  # the survivor of a merge has a timer of its own
            return
        work = Work(
            locked=locked, persons=await self._persons(conn, locked, done), rules=self._rules, teller=self._teller,
            zone=self._zone, writes=Writes(), outcome=done.outcome,
        )  # fmt: skip
        work.lapse(due.patient, at)
        await work.writes.flush(conn, self._journal)
        done.count(work.writes)
        done.persons |= work.persons
        done.outcome.events += 1
