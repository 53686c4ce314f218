"""After other rules came into force: persons nobody sends results of are judged by them too, a few at a time.

First come those of whom something waits to be told that was kept back while its rule was off or the rules were a draft
(`alert.withheld`): when the rule is on again, by a person or by itself, or the rules are approved, it goes out once. Of
a draft at once only what is HIGH or CRITICAL, the rest with the patient's next event: training leaves much behind.

What changes only because of the rules goes to the review list (`pack_change`), never to a page (behaviour 5). Each
person is a transaction: nobody's rows are locked for longer than it takes to judge them, and one who cannot be judged
holds nobody else back.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any, LiteralString

from psycopg import AsyncConnection, errors

from services.ledger import governing, patients, site_in_force, stored
from services.ledger.applying import Work
from services.ledger.errors import AliasesChanged, PackUnusable
from services.ledger.evaluating import Rules
from services.ledger.journal import Journal
from services.ledger.operations import Technical, report
from services.ledger.record import Outcome
from services.ledger.telling import Teller
from services.ledger.writes import Writes
from services.mapping.site import Site

CHUNK = 20
"""Persons at most before the caller is asked again."""
SPAN = 1.0
"""Seconds after which no further one is begun: the caller has other things to do."""
LOOK_AGAIN = 300.0
"""Seconds. In a rolling upgrade an old worker puts persons back to its own rules; what failed may be mended."""
_BEHIND: LiteralString = """
SELECT id, sent_id FROM patient
WHERE rule_pack NOT IN ('', %s) AND id NOT IN (SELECT retired_id FROM patient_alias) AND NOT (id = ANY(%s))
ORDER BY id LIMIT %s
"""
_STOPPED: LiteralString = """
SELECT id, sent_id FROM patient WHERE NOT (id = ANY(%(left)s)) AND id IN (
    SELECT patient_id FROM alert WHERE condition = 'active' AND severity <> 'INFO' AND NOT (rule = ANY(%(off)s))
        AND (withheld = 'rule_off'
             OR (%(approved)s AND withheld = 'draft_pack' AND severity IN ('HIGH', 'CRITICAL'))))
ORDER BY id LIMIT %(most)s
"""
_AGAIN = (AliasesChanged, errors.DeadlockDetected, errors.SerializationFailure, errors.LockNotAvailable)


class CatchUp:
    """Brings everybody up to the rules in force."""

    def __init__(self, site: Site, teller: Teller, journal: Journal, rules: Rules) -> None:
        self._site, self._teller, self._journal, self._rules = site, teller, journal, rules
        self._done = ""
        """Fingerprint of the rules that nobody was found behind."""
        self._left: set[int] = set()
        """Records of persons who could not be judged by them; operations know."""
        self._mark, self._since = "", 0.0

    async def __call__(self, conn: AsyncConnection[Any]) -> int:
        """About a second's work: how many persons were taken up; 0 when nobody is behind.

        A LedgerError, or one of psycopg: nothing is wrong with the person, try again.
        """
        async with conn.transaction():
            found = await self._find(conn)
        end = monotonic() + SPAN
        for number, (record, sent) in enumerate(found, 1):
            await self._try(conn, record, sent)
            await asyncio.sleep(0)
            if monotonic() >= end:
                return number
        return len(found)

    async def _find(self, conn: AsyncConnection[Any]) -> list[tuple[int, str]]:
        await self._govern(conn)
        self._forget()
        waiting = await self._waiting(conn)
        if waiting:
            return waiting
        mark = self._rules.mark
        if self._done == mark:
            return []
        behind = await (await conn.execute(_BEHIND, (mark, sorted(self._left), CHUNK))).fetchall()
        self._done = "" if behind else mark
        return behind

    async def _waiting(self, conn: AsyncConnection[Any]) -> list[tuple[int, str]]:
        """Of whom something can be told that was kept back."""
        standing = self._teller.standing
        asked = {
            "left": sorted(self._left), "off": [off.rule for off in standing.off], "most": CHUNK,
            "approved": standing.status == "approved",
        }  # fmt: skip
        return await (await conn.execute(_STOPPED, asked)).fetchall()

    async def _govern(self, conn: AsyncConnection[Any]) -> None:
        self._site = await site_in_force.in_force(conn, self._site)
        self._teller.follow(self._site)
        self._rules, self._teller.standing = await governing.in_force(conn, self._rules)

    def _forget(self) -> None:
        """Under other rules, and every few minutes, everybody is looked at anew."""
        if self._mark != self._rules.mark or monotonic() - self._since >= LOOK_AGAIN:
            self._mark, self._since = self._rules.mark, monotonic()
            self._done, self._left = "", set()

    async def _try(self, conn: AsyncConnection[Any], record: int, sent: str) -> None:
        try:
            async with conn.transaction():
                await self._bring(conn, sent)
        except (*_AGAIN, PackUnusable):
            raise
        except Exception as error:  # one person must not stop everybody
            if conn.closed:
                raise
            await report(conn, [_fault(record, error)])  # raises when the database is what is wrong
            self._left.add(record)

    async def _bring(self, conn: AsyncConnection[Any], sent: str) -> None:
        await self._govern(conn)
        await governing.keep(conn, self._rules)
        locked = await patients.lock(conn, [sent])
        work = Work(
            locked=locked, persons=await stored.read(conn, locked.rows, locked.members, self._site.zone),
            rules=self._rules, teller=self._teller, zone=self._site.zone, writes=Writes(), outcome=Outcome(),
        )  # fmt: skip
        for person in work.persons.values():
            work.catch_up(person)
            work.let_go(person)
        await work.writes.flush(conn, self._journal)


def _fault(record: int, error: Exception) -> Technical:
    """Names the class of the error only: its text may quote a value."""
    detail = (
        f"patient record {record} could not be judged by the rules in force: {type(error).__name__}. Its alerts stand "
        f"as they were; it is left out and tried again every {LOOK_AGAIN / 60:.0f} minutes. `halo rebuild` compares "
        "what is stored with the rules"
    )
    return Technical(key=f"catch_up_failed:{record}", kind="catch_up_failed", patient_id=record, detail=detail)
