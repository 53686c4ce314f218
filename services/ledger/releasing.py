"""Ends the wait of alerts of a specimen in doubt: with a repeat, when the doubt is gone, or when the time is up.

With every event of the patient, and by the timer that was written when the alert began to wait. What holds is told
then, once; what a newer sample does not bear out is not, with its reason on the log.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, LiteralString
from zoneinfo import ZoneInfo

from psycopg import AsyncConnection

from services.ledger import governing, holding, patients, site_in_force, stored
from services.ledger.applying import Work
from services.ledger.evaluating import Rules
from services.ledger.journal import Journal
from services.ledger.record import Outcome
from services.ledger.telling import Cause, Teller
from services.ledger.writes import Writes

_SENT: LiteralString = "SELECT sent_id FROM patient WHERE id = %s"


class Releaser:
    """The action of the timer; the caller's transaction marks the timer as fired."""

    def __init__(self, zone: ZoneInfo, teller: Teller, journal: Journal, rules: Rules) -> None:
        self._zone, self._teller, self._journal, self._rules = zone, teller, journal, rules

    async def __call__(
        self, conn: AsyncConnection[Any], patient_id: int | None, due_at: datetime, body: dict[str, Any]
    ) -> None:
        """Tell what has waited long enough. A LedgerError leaves everything as it was: try again."""
        del body  # whatever of this patient has waited long enough goes now
        row = await (await conn.execute(_SENT, (patient_id,))).fetchone()
        if row is None:
            raise LookupError(f"a timer of kind {holding.SPECIMEN_HOLD} names patient record {patient_id}: unknown")
        locked = await patients.lock(conn, [row[0]])
        self._teller.follow(await site_in_force.in_force(conn, self._teller.site))
        self._rules, self._teller.standing = await governing.in_force(conn, self._rules)
        await governing.keep(conn, self._rules)
        work = Work(
            locked=locked, persons=await stored.read(conn, locked.rows, locked.members, self._zone),
            rules=self._rules, teller=self._teller, zone=self._zone, writes=Writes(), outcome=Outcome(),
        )  # fmt: skip
        cause = Cause(event_id=None, received_at=due_at)
        for person in work.persons.values():
            work.release(person, cause, max(datetime.now(UTC), due_at))
        await work.writes.flush(conn, self._journal)
