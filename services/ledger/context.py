"""From stored entries and demographics to `alerts.context.Context`: a function of their set, not their order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from alerts.context import Context, Fact
from alerts.watching import WORDS, word
from schemas.patient_event import ContextEntry, Patient
from services.ledger.cancelling import Ranked, in_effect
from services.shared.context_event import WITHDRAWN

__all__ = [
    "DAY", "Demographics", "Ranked", "Said", "build", "in_force", "instant", "located", "newest", "rank", "said",
    "speaks", "where",
]  # fmt: skip
DAY = len("2026-03-01")
"""A time this short is a day."""
_RANK = "%Y%m%dT%H%M%S%f"
_SEXES = {"F": "F", "M": "M"}
RULE = "rule"
"""As the unit of an entry of enrolment: a rule of the site file said it, and the note names the rule."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One demographic value, with when and in which event it came."""

    value: tuple[str, ...]
    at: datetime
    event_id: str

    @property
    def rank(self) -> tuple[datetime, str]:
        """The greatest counts."""
        return (self.at, self.event_id)


Demographics = dict[str, Said]
"""`name` (family, given), `birth_date`, `sex`, `place` (ward, bed): of each the newest that was not empty.

`located` (ward, bed, who said it) is made anew of all entries of context whenever one comes: it may go back."""


def said(patient: Patient, at: datetime, event_id: str) -> Demographics:
    """What one event says of the person; empty parts say nothing."""
    parts = {
        "name": (patient.family, patient.given), "birth_date": (patient.birth_date,), "sex": (patient.sex,),
        "place": (patient.ward, patient.bed),
    }  # fmt: skip
    return {name: Said(value=value, at=at, event_id=event_id) for name, value in parts.items() if any(value)}


def located(entries: Iterable[Ranked], zone: ZoneInfo) -> Demographics:
    """Ward and bed by context, as of the newest `from` that came; empty when nothing was said.

    A `place` without both says that the patient left. What is cancelled does not count, but that it was said does.
    """
    places = [item for item in entries if item[2].kind == "place"]
    if not places:
        return {}
    newest_said = max(places, key=lambda item: (_begins(item, zone), item[:2]))
    standing = in_force(in_effect(places, lambda item: _begins(item, zone)))
    last = max(standing, key=lambda item: (_begins(item, zone), item[:2]), default=None)
    by = newest_said[2].note.partition("^")[0].partition(".")[0]
    where = (last[2].code, last[2].value, by) if last else ("", "", by)
    return {_LOCATED: Said(value=where, at=_begins(newest_said, zone), event_id=newest_said[0].partition(" ")[2])}


def where(demographics: Demographics) -> Said | None:
    """Ward and bed: what administration said counts for 72 h (agreed behaviour 3), then the newest of all sources."""
    reported, known = demographics.get("place"), demographics.get(_LOCATED)
    if known is None or reported is None:
        return known or reported
    stands = known.at + (_FRESH if known.value[2] in _ADMINISTRATION else timedelta()) >= reported.at
    return known if stands else reported


_LOCATED = "located"
_FRESH = timedelta(hours=72)
_ADMINISTRATION = ("ADT", "Encounter")


def _begins(item: Ranked, zone: ZoneInfo) -> datetime:
    """When an entry holds from: at the latest as of when it was said."""
    said_at = datetime.strptime(item[0].partition(" ")[0], _RANK).replace(tzinfo=UTC)
    return min(instant(item[2].from_, zone) or said_at, said_at)


def newest(*many: Demographics) -> Demographics:
    """The newest of each part, whatever the order they are given in."""
    result: Demographics = {}
    for one in many:
        for name, value in one.items():
            if name not in result or result[name].rank < value.rank:
                result[name] = value
    return result


def rank(received_at: datetime, event_id: str) -> str:
    """What was said later sorts after what was said before, for any order of arrival."""
    return f"{received_at.astimezone(UTC).strftime(_RANK)} {event_id}"


class _Run(msgspec.Struct, kw_only=True):
    """One word on who is watched, without a time, said again and again with no other such word between."""

    word: str
    since: str
    """`rank` of where it was said first."""
    back: set[str] = msgspec.field(default_factory=set)
    """Codes under which it was taken back: a mere repetition does not bring it back."""


def in_force(entries: Iterable[Ranked]) -> list[Ranked]:
    """Of what is said again of the same kind, begin and code the newest counts; a `withdrawn` takes it back.

    What a rule of the site file says of enrolment counts only while nobody else says anything of it.
    So an entry without an end is ended, and a wrong one corrected, by saying it again. Without a code the value tells
    entries apart. A state without a time comes with the rank of where its word was first said.
    """
    entries = list(entries)
    if any(entry.kind == "enrolment" and entry.unit != RULE for _, _, entry in entries):
        entries = [item for item in entries if item[2].unit != RULE or item[2].kind != "enrolment"]
    kept: dict[tuple[str, str, str, str], Ranked] = {}
    runs: dict[str, _Run] = {}
    for item in sorted(entries, key=lambda item: item[:2]):
        said_at, number, entry = item
        place, run = (entry.kind, entry.from_, entry.code), _run(runs, item)
        if _is_withdrawal(entry):
            kept = {key: other for key, other in kept.items() if key[:3] != place}
            if run is not None:
                run.back.add(entry.code)
        elif run is None or entry.code not in run.back:
            kept[*place, "" if entry.code else entry.value] = (run.since if run else said_at, number, entry)
    return list(kept.values())


def _run(runs: dict[str, _Run], item: Ranked) -> _Run | None:
    """What the entry goes on with, begun by it when its word is another; None when it has a time or is no state.

    What is said with a time does not interrupt: somebody's dated word, newer than the first saying, goes on to win over
    a sender that repeats it, as senders do for weeks after an error was put right.
    """
    said_at, _, entry = item
    if entry.kind not in WORDS or entry.from_:
        return None
    if _is_withdrawal(entry):
        return runs.get(entry.kind)
    found = word(Fact(kind=entry.kind, code=entry.code, value=entry.value))
    if not found:
        return None
    if entry.kind not in runs or runs[entry.kind].word != found:
        runs[entry.kind] = _Run(word=found, since=said_at)
    return runs[entry.kind]


def _is_withdrawal(entry: ContextEntry) -> bool:
    return entry.value.strip().casefold() == WITHDRAWN


def build(entries: Iterable[Ranked], demographics: Demographics, zone: ZoneInfo) -> Context:
    """The context of a patient; an entry on sex or birth outweighs what PID says."""
    standing = in_effect(entries, lambda item: _begins(item, zone))
    ordered = sorted(in_force(standing), key=lambda item: (item[2].kind, item[2].from_, item[0], item[1]))
    facts = tuple(_fact(entry, zone, said_at) for said_at, _, entry in ordered)
    said_last = sorted(ordered, key=lambda item: item[:2])
    named = {entry.kind: entry.value or entry.code for _, _, entry in said_last if entry.kind in ("sex", "birth_date")}
    sex = named.get("sex") or _first(demographics, "sex")
    born = named.get("birth_date") or _first(demographics, "birth_date")
    return Context(sex=_SEXES.get(sex.upper()[:1], ""), birth_date=_date(born), facts=facts)


def speaks(context: Context) -> Context:
    """What rules may read of it: not the ward, which changes all day."""
    return msgspec.structs.replace(context, facts=tuple(fact for fact in context.facts if fact.kind != "place"))


def _first(demographics: Demographics, name: str) -> str:
    found = demographics.get(name)
    return found.value[0] if found else ""


def _fact(entry: ContextEntry, zone: ZoneInfo, said_at: str) -> Fact:
    """Who is watched without a time: as of when it was first said."""
    start = instant(entry.from_, zone)
    if start is None and entry.kind in WORDS:
        start = datetime.strptime(said_at.partition(" ")[0], _RANK).replace(tzinfo=UTC)
    return Fact(
        kind=entry.kind, start=start, end=instant(entry.to, zone, last=True),
        begun_by=instant(entry.from_, zone, last=True) if 0 < len(entry.from_) <= DAY else None,
        code=entry.code, value=entry.value, unit=entry.unit, note=entry.note,
    )  # fmt: skip


def instant(text: str, zone: ZoneInfo, *, last: bool = False) -> datetime | None:
    """UTC; a date alone means its local beginning, with `last` its end. None when empty. ValueError when no time."""
    if not text:
        return None
    if len(text) <= DAY:
        day = datetime.combine(date.fromisoformat(text), time(), zone)
        return (day + timedelta(days=1, microseconds=-1) if last else day).astimezone(UTC)
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)


def _date(text: str) -> date | None:
    """A whole birth date; a shortened or wrong one is unknown, never guessed."""
    digits = text[:10].replace("-", "")
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8])) if len(digits) >= len("20260301") else None
    except ValueError:
        return None
