"""Who is followed and how often: from what people entered, never assumed of a patient nobody described.

Described is a patient of whom one of `DESCRIBES` holds at that moment. Without any of them there is no overdue test:
nobody said that this person has myeloma, and no schedule is invented. The interval is, in this order:

1. `monitoring_interval` in days, where it is a whole number above 0 (anything else is refused at the door, and passed
   over where it came another way);
2. 61 d on treatment or in response assessment [S], by `state`; without a `state`, while a line of therapy is in force
   (flag `state_assumed`; a drug alone says nothing, it may be for anything);
3. 91 d otherwise: smouldering, off treatment or not known (three months [S]; NICE [R:49], ESMO [R:50]).

Death, care without blood tests, a move, a refusal and the end of enrolment stop the count while they hold
(behaviour 3).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from alerts.context import Context, Fact
from alerts.thresholds import Pack
from alerts.watching import WORDS, gate

DESCRIBES = ("state", "monitoring_interval", "patient_type", "isotype", "line_start")
DAY_WORDS = frozenset({"", "d", "day", "days", "dan", "dni"})
TREATED = frozenset({"on_treatment", "response_assessment"})
_READ = frozenset({*DESCRIBES, *WORDS})
_INSTANT = timedelta(microseconds=1)


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """How often tests are expected."""

    days: int
    assumed: bool = False
    """Nobody entered the state: a line of therapy in force stands for treatment."""


def schedule(pack: Pack, context: Context, at: datetime) -> Schedule | None:
    """The interval that holds at `at`; None for a patient who is not described or no longer followed."""
    if stopped(context, at) or not any(context.active(kind, at) for kind in DESCRIBES):
        return None
    entered = [days for fact in context.active("monitoring_interval", at) if (days := interval_of(fact))]
    if entered:
        return Schedule(days=entered[-1])
    states = [_word(fact) for fact in context.active("state", at)]
    on_treatment = states[-1] in TREATED if states else bool(context.active("line_start", at))
    key = "stale.treated_days" if on_treatment else "stale.other_days"
    return Schedule(days=int(pack[key]), assumed=on_treatment and not states)


def stopped(context: Context, at: datetime) -> bool:
    """Nobody expects tests of this patient any more."""
    return bool(gate(context, "all", at))


def described(context: Context) -> bool:
    """Whether anybody ever said how this patient is followed."""
    return any(fact.kind in DESCRIBES for fact in context.facts)


def changes(context: Context) -> list[datetime]:
    """Every moment at which the schedule or the kind of disease may become another one, in order."""
    facts = [fact for fact in context.facts if fact.kind in _READ]
    starts = {fact.start for fact in facts if fact.start is not None}
    return sorted(starts | {fact.end + _INSTANT for fact in facts if fact.end is not None})


def intervals(pack: Pack, context: Context, moments: Iterable[datetime]) -> set[int]:
    """Every interval that holds at one of the moments."""
    found = (schedule(pack, context, moment) for moment in moments)
    return {one.days for one in found if one is not None}


def _word(fact: Fact) -> str:
    return (fact.code or fact.value).strip().casefold()


def interval_of(fact: Fact) -> int:
    """The days of a `monitoring_interval`; 0 where it names no whole number of days."""
    text = (fact.value or fact.code).strip()
    in_days = fact.unit.strip().casefold() in DAY_WORDS
    return int(text) if in_days and text.isascii() and text.isdigit() else 0
