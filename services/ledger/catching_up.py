"""After other rules came into force: persons nobody sends results of are judged by them too, a few at a time.

What changes only because of the rules goes to the review list (`pack_change`), never to a page (behaviour 5).
"""

from __future__ import annotations

from typing import Any, LiteralString

from psycopg import AsyncConnection

from services.ledger import governing, patients, stored
from services.ledger.applying import Work
from services.ledger.evaluating import Rules
from services.ledger.journal import Journal
from services.ledger.record import Outcome
from services.ledger.telling import Teller
from services.ledger.writes import Writes
from services.mapping.site import Site

CHUNK = 20
"""Persons a transaction: their rows are locked for as long."""
_BEHIND: LiteralString = """
SELECT sent_id FROM patient WHERE rule_pack NOT IN ('', %s) AND id NOT IN (SELECT retired_id FROM patient_alias)
ORDER BY id LIMIT %s
"""


class CatchUp:
    """Brings everybody up to the rules in force."""

    def __init__(self, site: Site, teller: Teller, journal: Journal, rules: Rules) -> None:
        self._site, self._teller, self._journal, self._rules = site, teller, journal, rules
        self._done = ""
        """Fingerprint of the rules that nobody was found behind."""

    async def __call__(self, conn: AsyncConnection[Any]) -> int:
        """One transaction: how many persons were brought up; 0 when nobody is behind. A LedgerError: try again."""
        async with conn.transaction():
            self._rules, self._teller.standing = await governing.in_force(conn, self._rules)
            mark = self._rules.mark
            if self._done == mark:
                return 0
            behind = [sent for (sent,) in await (await conn.execute(_BEHIND, (mark, CHUNK))).fetchall()]
            await self._bring(conn, behind)
        self._done = "" if behind else mark
        return len(behind)

    async def _bring(self, conn: AsyncConnection[Any], behind: list[str]) -> None:
        if not behind:
            return
        await governing.keep(conn, self._rules)
        locked = await patients.lock(conn, behind)
        work = Work(
            locked=locked, persons=await stored.read(conn, locked.rows, locked.members, self._site.zone),
            rules=self._rules, teller=self._teller, zone=self._site.zone, writes=Writes(), outcome=Outcome(),
        )  # fmt: skip
        for person in work.persons.values():
            work.catch_up(person)
        await work.writes.flush(conn, self._journal)
