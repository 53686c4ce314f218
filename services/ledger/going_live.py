"""A feed goes live or is silent again: one transaction, and nothing falls between what was decided before and after.

What is open of it at that moment is told once, as one list to the clinicians; only what is CRITICAL by a sample under
24 h old pages (agreed behaviour 1). Late tests count from then on: whoever has one is judged anew by the clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection

from alerts.severity import Severity
from services.ledger import governing, patients, stored, timers
from services.ledger.applying import Work
from services.ledger.evaluating import Rules
from services.ledger.journal import Journal
from services.ledger.operations import Technical, report
from services.ledger.record import Outcome
from services.ledger.telling import Cause, Teller
from services.ledger.writes import Writes
from services.mapping.site import Site
from services.shared.feeds import ALONE, State

FRESH = timedelta(hours=24)
LISTED = 40
"""Lines of the list; the rest is counted and stands on the page."""
_SET: LiteralString = """
UPDATE feed SET state = %(state)s, live_from = CASE WHEN %(state)s = 'live' THEN clock_timestamp() END,
    who = %(who)s, second = %(second)s, changed_at = clock_timestamp()
WHERE name = %(name)s AND state <> %(state)s RETURNING live_from
"""
_OPEN: LiteralString = """
SELECT a.alert_id::text, p.sent_id, a.rule, a.level, a.severity, a.code, p.ward, a.sampled_at, a.family
FROM alert AS a LEFT JOIN patient_alias AS l ON l.retired_id = a.patient_id
JOIN patient AS p ON p.id = COALESCE(l.root_id, a.patient_id)
WHERE a.feed = %s AND a.condition = 'active' AND a.response <> 'closed' AND a.severity <> 'INFO'
  AND a.told_at IS NULL AND p.unwatched = '' AND a.family <> 'overdue_test'
ORDER BY array_position(ARRAY['CRITICAL','HIGH','MEDIUM','LOW'], a.severity), a.sampled_at DESC, a.alert_id
"""
_LATE: LiteralString = """
SELECT DISTINCT COALESCE(l.root_id, a.patient_id) FROM alert AS a
LEFT JOIN patient_alias AS l ON l.retired_id = a.patient_id
WHERE a.family = 'overdue_test' AND a.condition IN ('active', 'cleared') AND a.feed = %s
"""


class Open(msgspec.Struct, frozen=True, kw_only=True):
    """An alert of the feed that nobody was told of."""

    alert_id: str
    patient: str
    rule: str
    level: str
    severity: str
    code: str
    ward: str
    sampled_at: datetime
    family: str

    @property
    def said(self) -> str:
        """A line of the list, without a name or number: the code leads to the alert."""
        return " ".join(part for part in (self.severity, self.level, self.code, self.ward) if part)


class Turned(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it."""

    live_from: datetime | None
    listed: int = 0
    paged: int = 0
    """CRITICAL alerts that were sent one by one."""


class NoSuchTurn(LookupError):
    """The feed is not known, or is so already."""


class Switch:
    """Turns feeds, with the rules, site and channels of the installation."""

    def __init__(self, site: Site, teller: Teller, journal: Journal, rules: Rules) -> None:
        self._site, self._teller, self._journal, self._rules = site, teller, journal, rules

    async def turn(self, conn: AsyncConnection[Any], name: str, state: State, people: tuple[str, str]) -> Turned:
        """In the caller's transaction. NoSuchTurn; DeadlockDetected: nothing was done, try again."""
        await conn.execute(ALONE)
        values = {"name": name, "state": state, "who": people[0], "second": people[1]}
        row = await (await conn.execute(_SET, values)).fetchone()
        if row is None:
            raise NoSuchTurn(f"there is no feed {name!r}, or it is {state} already")
        return Turned(live_from=None) if state == "silent" else await self._begin(conn, name, row[0])

    async def _begin(self, conn: AsyncConnection[Any], name: str, at: datetime) -> Turned:
        self._rules, self._teller.standing = await governing.in_force(conn, self._rules)
        found = await open_of(conn, name)
        urgent = [one for one in found if one.severity == "CRITICAL" and at - one.sampled_at < FRESH]
        paged = await self._page(conn, urgent, at) if urgent else 0
        if found:
            await report(conn, [self._list(name, at, found)])
        await self._count_anew(conn, name, at)
        return Turned(live_from=at, listed=len(found), paged=paged)

    async def _page(self, conn: AsyncConnection[Any], urgent: Sequence[Open], at: datetime) -> int:
        locked = await patients.lock(conn, {one.patient for one in urgent})
        await governing.keep(conn, self._rules)
        persons = await stored.read(conn, locked.rows, locked.members, self._site.zone)
        work = Work(
            locked=locked, persons=persons, rules=self._rules, teller=self._teller, zone=self._site.zone,
            writes=Writes(), outcome=Outcome(),
        )  # fmt: skip
        cause = Cause(event_id=None, received_at=at)
        for one in urgent:
            person = persons[locked.root(one.patient)]
            alert = person.alerts.get(one.alert_id)
            if alert is not None and alert.state.severity is Severity.CRITICAL and alert.condition == "active":
                self._teller.tell_live(person, alert, cause, work.writes, self._rules)
                work.touch(person)
        await work.writes.flush(conn, self._journal)
        return len({row[1] for row in work.writes.deliveries})

    async def _count_anew(self, conn: AsyncConnection[Any], name: str, at: datetime) -> None:
        """A timer that is due now for everybody with a late test: it is not late any more."""
        rows = await (await conn.execute(_LATE, (name,))).fetchall()
        await timers.write(conn, {root: at for (root,) in rows})

    def _list(self, name: str, at: datetime, found: Sequence[Open]) -> Technical:
        counts = Counter(one.severity for one in found)
        many = ", ".join(f"{counts[severity]} {severity}" for severity in counts)
        lines = "; ".join(one.said for one in found[:LISTED])
        rest = len(found) - LISTED
        since = f"{at.astimezone(self._site.zone):%d.%m.%Y %H:%M}"
        english = (
            f"{name} is live since {since}. Open at that moment, told here once and not one by one: {many}. "
            f"Read them today: {lines}" + (f"; and {rest} more" if rest > 0 else "")
        )
        slovene = (
            f"{name} je v živo od {since}. Takrat odprto, sporočeno tu enkrat in ne posamič: {many}. "
            f"Preglejte še danes: {lines}" + (f"; in še {rest}" if rest > 0 else "")
        )
        return Technical(
            key=f"feed_live:{name}:{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", kind="feed_live", audience="clinical",
            severity=found[0].severity, link="/alerts?state=unacknowledged", detail=english, detail_sl=slovene,
            rule_pack_status=self._teller.standing.status,
        )  # fmt: skip


async def open_of(conn: AsyncConnection[Any], feed: str) -> list[Open]:
    """What is open of a feed and was told to nobody, the worst and newest first."""
    rows = await (await conn.execute(_OPEN, (feed,))).fetchall()
    return [Open(**dict(zip(Open.__struct_fields__, row, strict=True))) for row in rows]
