"""What another rule pack would change: everybody stored judged by it, against the stored alerts. Writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from psycopg import AsyncConnection

from alerts.alert import AlertState
from alerts.evaluate import evaluate
from alerts.rules import RULES
from alerts.thresholds import Pack
from services.ledger import comparing, replaying
from services.ledger.comparing import Change
from services.ledger.stored import Stored

What = Literal["open", "change", "close"]
_WHAT: dict[comparing.Kind, What] = {
    "opened": "open", "reopened": "open", "regraded": "change", "updated": "change",
    "cleared": "close", "retracted": "close", "superseded": "close",
}  # fmt: skip


class Group(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Alerts that would change alike; an empty severity: there is no alert on that side."""

    what: What
    rule: str
    before: str
    after: str


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """How many alerts would open, change and close, over all stored persons."""

    persons: int
    groups: dict[Group, int]
    failed: int
    """Persons for whom a rule raised; its alerts are not counted."""

    def total(self, what: What) -> int:
        """Over all rules."""
        return sum(count for group, count in self.groups.items() if group.what == what)

    def summary(self) -> dict[str, int]:
        """The figures that are kept with the activation."""
        totals = {what: self.total(what) for what in ("open", "change", "close")}
        return {"persons": self.persons, "failed": self.failed, **totals}


async def preview(
    conn: AsyncConnection[Any], zone: ZoneInfo, pack: Pack, *, progress: Callable[[int], None] | None = None
) -> Preview:
    """Judge everybody who is stored by `pack`; `progress` is told the number of persons done."""
    groups: Counter[Group] = Counter()
    done = failed = 0
    async for person in replaying.persons(conn, zone):
        found = evaluate(replaying.view(person, pack), RULES)
        groups.update(grouped(changes(person, found.alerts, frozenset(found.failed))))
        done, failed = done + 1, failed + bool(found.failed)
        if progress is not None:
            progress(done)
    return Preview(persons=done, groups=dict(groups), failed=failed)


def changes(person: Stored, derived: Iterable[AlertState], failed: frozenset[str]) -> list[Change]:
    """What the ledger would write; that a state bears the name of another pack is no change by itself."""
    stored = [alert for alert in person.alerts.values() if alert.state.rule not in failed]
    packs = {alert.alert_id: alert.state.rule_pack for alert in stored}
    same = [msgspec.structs.replace(s, rule_pack=packs.get(s.alert_id, s.rule_pack)) for s in derived]
    return comparing.compare(stored, same)


def grouped(found: Iterable[Change]) -> Iterable[Group]:
    """One a change."""
    for change in found:
        what = _WHAT[change.kind]
        before = str(change.before.state.severity) if change.before and change.before.holds else ""
        after = str(change.after.severity) if change.after and what != "close" else ""
        state = change.after or (change.before.state if change.before else None)
        yield Group(what=what, rule=state.rule if state else "", before=before, after=after)
