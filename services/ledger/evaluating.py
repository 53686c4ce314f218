"""Asks the rules about one person, and only those whose inputs changed; equal to asking all (tested)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from time import perf_counter

from alerts.alert import AlertState
from alerts.evaluate import evaluate
from alerts.rule import Rule, View
from alerts.thresholds import Pack
from services.ledger.stored import Stored


class Rules:
    """The rules in force with their pack; counts the seconds each took."""

    def __init__(self, rules: Sequence[Rule], pack: Pack) -> None:
        self.rules = tuple(rules)
        self.pack = pack
        self.seconds: dict[str, float] = {}

    def view(self, person: Stored) -> View:
        """What the rules may read of this person."""
        return View(
            patient=person.patient, series=person.series, context=person.context, pack=self.pack, as_of=person.as_of
        )

    def ask(self, person: Stored, changed: Iterable[str] | None) -> None:
        """Bring `by_rule` and `incomplete` up to date; `changed` analytes, None when anything may have changed."""
        view, analytes = self.view(person), None if changed is None else frozenset(changed)
        for rule in self.rules:
            if analytes is not None and rule.name in person.by_rule and not rule.inputs & analytes:
                continue
            self._one(person, view, rule)

    def _one(self, person: Stored, view: View, rule: Rule) -> None:
        """A rule that raises keeps what it said last, and the patient is marked incomplete."""
        began = perf_counter()
        found = evaluate(view, (rule,), derived=False)
        self.seconds[rule.name] = self.seconds.get(rule.name, 0.0) + perf_counter() - began
        if rule.name in found.failed:
            person.incomplete[rule.name] = found.failed[rule.name]
            person.by_rule.setdefault(rule.name, last_said(person, rule.name))
            return
        person.incomplete.pop(rule.name, None)
        person.by_rule[rule.name] = found.alerts
        person.undetermined[rule.name] = found.undetermined


def last_said(person: Stored, rule: str) -> tuple[AlertState, ...]:
    """The stored alerts of a rule that now raises: left as they are, neither retracted nor renewed."""
    return tuple(a.state for a in person.alerts.values() if a.holds and a.state.rule == rule)


def states(person: Stored) -> list[AlertState]:
    """All alerts the rules make of this person."""
    return [state for rule in sorted(person.by_rule) for state in person.by_rule[rule]]
