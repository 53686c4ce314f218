"""A feed goes live or is silent again: one transaction, and nothing falls between what was decided before and after.

What is open of it at that moment is told once, as one list to the clinicians; only what is CRITICAL by a sample under
24 h old pages (agreed behaviour 1). Late tests count from then on: whoever has one is judged anew by the clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, LiteralString
from zoneinfo import ZoneInfo

import msgspec
from psycopg import AsyncConnection

from alerts.severity import Severity
from schemas.identity import stable_id
from services.ledger import governing, patients, site_in_force, stored, timers
from services.ledger.applying import Work
from services.ledger.evaluating import Rules
from services.ledger.imported import FRESH
from services.ledger.journal import Journal
from services.ledger.operations import Technical, report
from services.ledger.record import Outcome
from services.ledger.stored import StoredAlert
from services.ledger.telling import Cause, Teller
from services.ledger.writes import TIMER, Writes
from services.shared.feeds import ALONE, State

LISTED = 40
"""Lines of the list; the rest is counted and stands on the page."""
LIVE_PAGE = "feed_live"
"""Kind of the timer."""
_SENT: LiteralString = "SELECT sent_id FROM patient WHERE id = %s"
_SET: LiteralString = """
UPDATE feed SET state = %(state)s, live_from = CASE WHEN %(state)s = 'live' THEN clock_timestamp() END,
    who = %(who)s, second = %(second)s, changed_at = clock_timestamp()
WHERE name = %(name)s AND state <> %(state)s RETURNING live_from
"""
_OPEN: LiteralString = """
SELECT a.alert_id::text, p.id, a.rule, a.level, a.severity, a.code, p.ward, a.sampled_at, a.family
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
_HELD: LiteralString = """
SELECT count(*)::int FROM quarantine AS q JOIN source_message AS s ON s.event_id = q.event_id
JOIN feed AS f ON s.sender IN (f.key, f.name) LEFT JOIN patient AS p ON p.id = q.patient_id
WHERE f.name = %s AND q.closed_at IS NULL AND q.would_be = 'CRITICAL' AND s.purpose = 'live'
  AND coalesce(p.unwatched, '') = ''
  AND NOT EXISTS (SELECT FROM quarantine_log AS l WHERE l.item = q.id AND l.kind = 'told')
"""
"""Held while the feed was silent: their timers called nobody, or will not, being from before it was live."""


class Open(msgspec.Struct, frozen=True, kw_only=True):
    """An alert of the feed that nobody was told of."""

    alert_id: str
    root: int
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
    held: int = 0
    """Held values that look CRITICAL, of which the list says how many."""


class NoSuchTurn(LookupError):
    """The feed is not known, or is so already."""


class Switch:
    """Turns feeds; who is paged is the clock's, which knows the installation's channels."""

    def __init__(self, zone: ZoneInfo, rules: Rules) -> None:
        self._zone, self._rules = zone, rules

    async def turn(self, conn: AsyncConnection[Any], name: str, state: State, people: tuple[str, str]) -> Turned:
        """In the caller's transaction. NoSuchTurn; DeadlockDetected: nothing was done, try again."""
        await conn.execute(ALONE)
        values = {"name": name, "state": state, "who": people[0], "second": people[1]}
        row = await (await conn.execute(_SET, values)).fetchone()
        if row is None:
            raise NoSuchTurn(f"there is no feed {name!r}, or it is {state} already")
        return Turned(live_from=None) if state == "silent" else await self._begin(conn, name, row[0])

    async def _begin(self, conn: AsyncConnection[Any], name: str, at: datetime) -> Turned:
        self._rules, standing = await governing.in_force(conn, self._rules)
        found = await open_of(conn, name)
        urgent = [one for one in found if one.severity == "CRITICAL" and at - one.sampled_at < FRESH]
        await TIMER.run(conn, [_timer(one, at) for one in urgent])
        held = await _held(conn, name)
        if found or held:
            await report(conn, [self._list(name, at, found, len(urgent), held, standing.status)])
        await self._count_anew(conn, name, at)
        return Turned(live_from=at, listed=len(found), paged=len(urgent), held=held)

    async def _count_anew(self, conn: AsyncConnection[Any], name: str, at: datetime) -> None:
        """A timer that is due now for everybody with a late test: it is not late any more."""
        rows = await (await conn.execute(_LATE, (name,))).fetchall()
        await timers.write(conn, {root: at for (root,) in rows})

    def _list(self, name: str, at: datetime, found: Sequence[Open], paged: int, held: int, status: str) -> Technical:
        counts = Counter(one.severity for one in found)
        many = ", ".join(f"{counts[severity]} {severity}" for severity in counts) or "0"
        lines = "; ".join(one.said for one in found[:LISTED])
        rest = len(found) - LISTED
        since = f"{at.astimezone(self._zone):%d.%m.%Y %H:%M}"
        english = (
            f"{name} is live since {since}. Open at that moment, told here once: {many}. "
            f"Of these, CRITICAL by a sample under 24 h old: {paged}; each of them pages as well, the others do not. "
            + (f"Held values that look CRITICAL and called nobody: {held}; see /quarantine now. " if held else "")
            + f"Read them today: {lines}"
            + (f"; and {rest} more" if rest > 0 else "")
        )
        slovene = (
            f"{name} je v živo od {since}. Takrat odprto, sporočeno tu enkrat: {many}. "
            f"Od teh CRITICAL po vzorcu, mlajšem od 24 ur: {paged}; vsako od njih pokliče tudi posamič, druga ne. "
            + (f"Zadržane vrednosti, videti CRITICAL, ki niso poklicale nikogar: {held}; glejte /quarantine takoj. "
               if held else "")
            + f"Preglejte še danes: {lines}" + (f"; in še {rest}" if rest > 0 else "")
        )  # fmt: skip
        return Technical(
            key=f"feed_live:{name}:{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", kind="feed_live", audience="clinical",
            severity="MEDIUM",  # a list to be read today; what must ring rings by itself
            link="/alerts?state=unacknowledged" if found else "/quarantine", detail=english, detail_sl=slovene,
            rule_pack_status=status,
        )  # fmt: skip


class Pager:
    """The action of the timer of an alert that was urgent and fresh when its feed went live."""

    def __init__(self, zone: ZoneInfo, teller: Teller, journal: Journal, rules: Rules) -> None:
        self._zone, self._teller, self._journal, self._rules = zone, teller, journal, rules

    async def __call__(
        self, conn: AsyncConnection[Any], patient_id: int | None, due_at: datetime, body: dict[str, Any]
    ) -> None:
        """Page it unless it ended or was told since. A LedgerError leaves everything as it was: try again."""
        row = await (await conn.execute(_SENT, (patient_id,))).fetchone()
        if row is None:
            raise LookupError(f"a timer of kind {LIVE_PAGE} names patient record {patient_id}: unknown")
        locked = await patients.lock(conn, [row[0]])
        self._teller.follow(await site_in_force.in_force(conn, self._teller.site))
        self._rules, self._teller.standing = await governing.in_force(conn, self._rules)
        await governing.keep(conn, self._rules)
        work = Work(
            locked=locked, persons=await stored.read(conn, locked.rows, locked.members, self._zone),
            rules=self._rules, teller=self._teller, zone=self._zone, writes=Writes(), outcome=Outcome(),
        )  # fmt: skip
        for person in work.persons.values():
            alert = person.alerts.get(str(body["alert_id"]))
            if alert is not None and _still(alert):
                cause = Cause(event_id=None, received_at=due_at)
                self._teller.tell_live(person, alert, cause, work.writes, self._rules)
                work.touch(person)
        await work.writes.flush(conn, self._journal)


def _still(alert: StoredAlert) -> bool:
    return alert.condition == "active" and alert.state.severity is Severity.CRITICAL and alert.told_at is None


def _timer(one: Open, at: datetime) -> tuple[Any, ...]:
    identity = stable_id("timer", LIVE_PAGE, one.alert_id, at.isoformat())
    return (identity, LIVE_PAGE, one.root, at, msgspec.json.encode({"alert_id": one.alert_id}).decode())


async def _held(conn: AsyncConnection[Any], feed: str) -> int:
    row = await (await conn.execute(_HELD, (feed,))).fetchone()
    return int(row[0]) if row else 0


async def open_of(conn: AsyncConnection[Any], feed: str) -> list[Open]:
    """What is open of a feed and was told to nobody, the worst and newest first."""
    rows = await (await conn.execute(_OPEN, (feed,))).fetchall()
    return [Open(**dict(zip(Open.__struct_fields__, row, strict=True))) for row in rows]
