"""Asks the rules about one person: only those whose inputs changed, and only from where the change reaches.

Equal to asking about everything (tested): `alerts.memo` is the quick way of `alerts.evaluate`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from time import perf_counter

import msgspec

from alerts.alert import AlertState
from alerts.completing import NOTED
from alerts.delta_checks import DRAWS
from alerts.evaluate import in_turn
from alerts.memo import Memo, ask_again
from alerts.overdue.timeline import KEPT, next_due
from alerts.rule import Rule, View
from alerts.rules import specimen_mismatch
from alerts.stepping import TRAILS
from alerts.thresholds import Pack
from services.ledger.stored import Stored
from services.shared.rule_pack import fingerprint, hash_of, shipped


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """What a change can alter; the whole of a person unless more is known."""

    analytes: frozenset[str] | None = None
    since: datetime | None = None

    def __or__(self, other: Reach) -> Reach:
        """Both changes together."""
        if self.analytes is None or other.analytes is None:
            return Reach()
        times = [time for time in (self.since, other.since) if time is not None]
        return Reach(analytes=self.analytes | other.analytes, since=min(times, default=None))


PANELS = 10_000
"""So many different sets of analytes are remembered with the rules that read one of them."""
EVERYTHING = Reach()
NOTHING = Reach(analytes=frozenset())


class Rules:
    """The rules in force with their pack; counts the seconds each took."""

    def __init__(self, rules: Sequence[Rule], pack: Pack, content: str | None = None) -> None:
        """`content` is the text `pack` was read from; None: that of the pack that ships."""
        self.rules = tuple(rules)
        turns = in_turn(rules)
        self._untimed = tuple(rule for rule in turns if not rule.timed)
        self._timed = tuple(rule for rule in turns if rule.timed)
        self._readers: dict[frozenset[str], frozenset[str]] = {}
        self.pack = pack
        self.content = shipped() if content is None else content
        self.hash, self.mark = hash_of(self.content), fingerprint(self.content)
        self.seconds: dict[str, float] = {}
        self.live_from: Mapping[str, datetime] = {}
        """Per live feed; the ledger sets it anew in each transaction."""
        self.has_feeds = False
        """Whether any was known in the last transaction."""

    def view(self, person: Stored) -> View:
        """What the rules may read of this person."""
        return View(
            patient=person.patient, series=person.series, context=person.context, pack=self.pack, as_of=person.as_of,
            live_from=self.live_from,
        )  # fmt: skip

    def ask(self, person: Stored, reach: Reach) -> list[AlertState]:
        """All alerts the rules make now. A rule that raises leaves its alerts standing and the person incomplete."""
        view = self.view(person)
        trails = view.memo[TRAILS] = {}
        doubted = person.memos.get(specimen_mismatch.RULE.name)
        if doubted is not None and reach.analytes is not None:
            view.memo[DRAWS] = specimen_mismatch.known_draws(doubted.steps, reach.since)
        readers, since = self._reading(reach.analytes), None if reach.analytes is None else reach.since
        for rule in self._untimed:
            memo = person.memos.get(rule.name)
            if memo is None or rule.name in readers or _doubted(memo, reach):
                self._one(person, view, rule, since)
            trails[rule.name] = person.memos.get(rule.name)
        found = _said(person, self._untimed)
        for rule in self._timed:
            self._at_any_time(person, view, rule, reach, found)
        return found + _said(person, self._timed)

    def _reading(self, analytes: frozenset[str] | None) -> frozenset[str]:
        """Names of the rules that have an input among the analytes; kept, because most reports are of the same panels.

        None: all rules.
        """
        if analytes is None:
            return frozenset(rule.name for rule in self.rules)
        known = self._readers.get(analytes)
        if known is None:
            if len(self._readers) >= PANELS:
                self._readers.clear()
            known = frozenset(rule.name for rule in self.rules if not rule.inputs.isdisjoint(analytes))
            self._readers[analytes] = known
        return known

    def _at_any_time(self, person: Stored, view: View, rule: Rule, reach: Reach, others: Sequence[AlertState]) -> None:
        """Anew, after the others: time alone changes what it says. Keeps when that is next."""
        seen = msgspec.structs.replace(view, alerts=tuple(others))
        seen.memo[KEPT] = (person.disease, None if reach.analytes is None else reach.since)
        self._one(person, seen, rule, None)
        person.disease = seen.memo.get(("disease", view.as_of, ""))
        if rule.name in person.memos:
            person.next_due = next_due(seen)

    def _one(self, person: Stored, view: View, rule: Rule, since: datetime | None) -> None:
        began = perf_counter()
        try:
            person.memos[rule.name] = ask_again(view, rule, person.memos.get(rule.name), since)
        except Exception as error:  # noqa: BLE001 - design 6: the others go on; operations are paged with rule and patient
            person.memos.pop(rule.name, None)
            person.incomplete[rule.name] = f"{type(error).__name__}: {error}"
        else:
            if person.incomplete:
                person.incomplete.pop(rule.name, None)
        self.seconds[rule.name] = self.seconds.get(rule.name, 0.0) + perf_counter() - began


def _doubted(memo: Memo, reach: Reach) -> bool:
    """Whether what was measured now may cast doubt on the draw of one of the rule's alerts."""
    since = reach.since
    if since is None or not memo.alerts or reach.analytes is None or NOTED.isdisjoint(reach.analytes):
        return False
    return any(a.sampled_at >= since for a in memo.alerts)


def _said(person: Stored, rules: Sequence[Rule]) -> list[AlertState]:
    found: list[AlertState] = []
    for rule in rules:
        memo = person.memos.get(rule.name)
        found += said(person, rule.name) if memo is None else memo.alerts
    return found


def said(person: Stored, rule: str) -> tuple[AlertState, ...]:
    """What a rule says; of one that raises, its stored alerts: neither retracted nor renewed."""
    memo: Memo | None = person.memos.get(rule)
    if memo is not None:
        return memo.alerts
    return tuple(a.state for a in person.alerts.values() if a.holds and a.state.rule == rule)
