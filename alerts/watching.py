"""Who is watched: enrolment, care and death, as states that hold from a moment on (behaviour 3). Pure.

Of each kind the entry with the newest `from` that has come, and has not ended, counts; of two that begin together the
one that keeps watching, because a wrong flag must not silence a living patient. So the answer is the same for any order
of arrival, and taking a state back is one more entry: `deceased` with `no`, `care` with `active`, `enrolled`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, get_args

from alerts.context import Context, Fact

Gate = Literal["", "test_realm", "not_enrolled", "deceased", "care_palliative_no_bloods", "care_moved", "care_declined"]
"""Why nothing is sent of a patient; empty: the patient is watched."""
GATES: tuple[str, ...] = get_args(Gate)[1:]
Watched = Literal["all", "listed"]
"""The hospital's rule: everyone but whose enrolment ended, or only who is enrolled."""

ENROLMENT: Mapping[str, bool] = {"candidate": False, "enrolled": True, "ended": False}
"""Word, and whether it keeps watching."""
CARE: Mapping[str, bool] = {"active": True, "palliative_no_bloods": False, "moved": False, "declined": False}
DECEASED: Mapping[str, bool] = {"yes": False, "no": True}
WORDS: Mapping[str, Mapping[str, bool]] = {"enrolment": ENROLMENT, "care": CARE, "deceased": DECEASED}
_NO = frozenset({"no", "false", "n", "alive"})


def word(fact: Fact) -> str:
    """What an entry of these kinds says, empty for a word that nobody knows; `deceased` without a word is `yes`."""
    said = (fact.code or fact.value).strip().casefold()
    if fact.kind == "deceased":
        return "no" if said in _NO else "yes"
    return said if said in WORDS[fact.kind] else ""


def state(context: Context, kind: str, at: datetime) -> Fact | None:
    """The entry of `enrolment`, `care` or `deceased` that holds at `at`."""
    known = [fact for fact in context.active(kind, at) if word(fact)]
    return max(known, key=lambda f: (f.start is not None, *_moment(f), WORDS[kind][word(f)]), default=None)


def said(context: Context, kind: str, at: datetime) -> str:
    """Its word; empty when nothing is said."""
    found = state(context, kind, at)
    return word(found) if found else ""


def gate(context: Context, watched: Watched, at: datetime, sampled_at: datetime | None = None) -> Gate:
    """Why nothing is sent of this patient at `at`. Who is not enrolled is nobody's patient here, dead or alive.

    With `sampled_at`, the newest sample of an alert: one after the recorded death is told as if there were no record.
    """
    enrolment, care = said(context, "enrolment", at), said(context, "care", at)
    if enrolment == "ended" or (watched == "listed" and enrolment != "enrolled"):
        return "not_enrolled"
    contradicted = sampled_at is not None and after_death(context, at, sampled_at)
    if said(context, "deceased", at) == "yes" and not contradicted:
        return "deceased"
    return _CARE.get(care, "")


def after_death(context: Context, at: datetime, collected_at: datetime) -> bool:
    """Whether a sample was collected after the death that is recorded at `at`: then the record may be wrong.

    Of a death without a time every sample may be one; of one whose day only is known, samples of that day are none.
    """
    death = state(context, "deceased", at)
    if death is None or word(death) == "no":
        return False
    latest = death.begun_by or death.start
    return latest is None or collected_at > latest


def turns(context: Context, at: datetime) -> datetime | None:
    """The next moment after `at` at which one of the states begins or ends by itself; None when none does."""
    facts = [fact for kind in WORDS for fact in context.of(kind)]
    return min((time for f in facts for time in (f.start, f.end) if time is not None and time > at), default=None)


def _moment(fact: Fact) -> tuple[datetime, ...]:
    return () if fact.start is None else (fact.start,)


_CARE: Mapping[str, Gate] = {
    "palliative_no_bloods": "care_palliative_no_bloods", "moved": "care_moved", "declined": "care_declined",
}  # fmt: skip
