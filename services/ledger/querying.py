"""What a data steward must be asked about a stored measurement, because its parts do not make a whole. Pure.

Result life cycle 1 to 3; agreed behaviour 2. One line a laboratory and analyte, with a count, never one a result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from alerts.antigen_excess import CHAINS, suspected
from alerts.logic import Truth
from alerts.result import Result
from alerts.rule import View
from alerts.series import Series
from schemas.patient_event import LabReport
from services.ledger.operations import QUESTION, Technical
from services.mapping.mapped import CONFLICT, Quarantined

KIND, PAGE = QUESTION, "steward_page"
_ASKED: Mapping[str, str] = MappingProxyType({
    "slot_conflict": "uses one order number for two collections; both are kept as two measurements. Ask whether the "
    "number was used again or a collection time was put right.",
    "version_conflict": "sent two versions with one time and status that say different things; one of them counts by "
    "its id alone. Ask which is right and have it sent as a correction.",
    "silent_correction": "sent another value of a final result without saying that it is a correction; the later one "
    "counts. Ask it to send corrections with status C.",
    "reinstated_held": "sent a result again that was withdrawn or corrected, without a time of its own; it is kept and "
    "not used. Ask whether it holds; if so, have it sent with a new reporting time, under a new order after status W.",
    "correction_without_original": "sent a correction of a result that never came; its value is used. Find out what "
    "became of the first message.",
    "status_change_without_preliminary": "made a result final that never came (status U); there is no value. Ask for "
    "the result.",
    "expect_right_patient": "withdrew a result as another patient's; its right owner's result must come. If it does "
    "not, telephone.",
    "unparsed": "sent words as a value that are in no list; there is no value. Read them, and ask for a number if they "
    "hold one.",
})  # fmt: skip


URGENT = ("CRITICAL", "HIGH")


def pages(event: LabReport, held: Iterable[Quarantined], record: int | None) -> list[Technical]:
    """One call a message when a held value would be HIGH or CRITICAL in an allowed unit; history calls nobody.

    Beside it a question, when the message names two people under one number.
    `services.ledger.operations` joins them when a feed sends many.
    """
    held = tuple(held)
    urgent = [item for item in held if item.would_be in URGENT]
    asked = _two_people(event, held, record)
    if not urgent or event.purpose == "history":
        return asked
    worst = min(urgent, key=lambda item: URGENT.index(item.would_be))
    what = "; ".join(
        f"{item.analyte or item.code} of {item.laboratory or 'a laboratory without a name'}, {item.reason}, "
        f"{item.would_be} if it is read in an allowed unit"
        for item in urgent
    )
    detail = f"UNVERIFIED: {what}. Call the laboratory; the value stands in the quarantine, event {event.event_id}."
    return [
        *asked,
        Technical(
            key=f"{PAGE}:{event.event_id}", kind=PAGE, severity=worst.would_be, patient_id=record, detail=detail,
            feed=f"{PAGE}:{worst.laboratory or event.source.sender}:{worst.reason}", audience="steward",
            link=f"/quarantine/items?event={event.event_id}",
        )
    ]  # fmt: skip


def _two_people(event: LabReport, held: Iterable[Quarantined], record: int | None) -> list[Technical]:
    """Of the sender, with a count: it is its fault, and may happen with every message."""
    strange = [i for i in held if i.reason == CONFLICT and i.index >= 0 and event.results[i.index].contradicts]
    if not strange:
        return []
    detail = (
        f"identity_conflict: a message of {event.source.sender} names two people under one number; {strange[0].detail}."
        f" The second one's results are held ({len(strange)}). Find out whose they are: release them if they are this "
        f"patient's, else close them and have them sent under the right number. Event {event.event_id}."
    )
    key = f"{CONFLICT}:two_people:{event.source.sender}"
    return [Technical(key=key, kind=KIND, severity="HIGH", patient_id=record, detail=detail)]


def dilutions(view: View, fresh: Iterable[Result], root: int) -> list[Technical]:
    """A call for each new light chain that fell so far without therapy that it may be an antigen excess."""
    found = []
    for result in fresh:
        point = view.series.at(result.analyte, result.collected_at) if result.analyte in CHAINS else None
        if point is not None and point.result.result_id == result.result_id and suspected(view, point) is Truth.TRUE:
            sender = result.laboratory or "a laboratory without a name"
            detail = (
                f"antigen excess? {result.analyte} of {sender} fell over 90 % in less than 14 d without therapy: "
                f"ask for dilution and a repeat. Event {result.source.event_id}."
            )
            key = f"antigen_excess:{result.result_id}"
            found.append(Technical(key=key, kind=KIND, severity="HIGH", patient_id=root, detail=detail))
    return found


def questions(before: Series, after: Series, fresh: Iterable[Result], root: int) -> list[Technical]:
    """Of the measurements that `fresh` results belong to: what was no question before them."""
    found: dict[str, Technical] = {}
    for result in fresh:
        new = _flags(after, result) - _flags(before, result)
        said = {flag for flag in result.flags if flag in _ASKED}
        for flag in sorted((new | said) & _ASKED.keys()):
            found.setdefault(f"{flag}:{result.laboratory}:{result.analyte}", _technical(flag, result, root))
    return list(found.values())


def _flags(series: Series, result: Result) -> set[str]:
    return {flag for one in series.of_slot(result.analyte, result.slot) for flag in one.flags}


def _technical(flag: str, result: Result, root: int) -> Technical:
    laboratory = result.laboratory or "a laboratory without a name"
    return Technical(
        key=f"{flag}:{result.laboratory}:{result.analyte}", kind=KIND, severity="MEDIUM", patient_id=root,
        detail=f"{flag}: {laboratory} {_ASKED[flag]} Analyte {result.analyte}, event {result.source.event_id}.",
    )  # fmt: skip
