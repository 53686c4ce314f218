"""Merges, links and their parting name both patients; a message that does not is refused whole."""

from __future__ import annotations

import pytest

from schemas.patient_event import PatientMerge
from services.reading.hl7v2 import read
from tests.unit.reading.samples import PID, message
from tests.unit.reading.test_adt import AT, msh

EVN = "EVN||20260301100000+0100"
MRG = "MRG|77^^^HOSP^MR"


def merges(*segments: str, trigger: str = "A40", **more: str) -> list[PatientMerge]:
    events = read(message(EVN, *segments, msh=msh(trigger, **more)), AT).events
    assert all(isinstance(event, PatientMerge) for event in events)
    return list(events)  # type: ignore[arg-type]


def pairs(found: list[PatientMerge]) -> list[tuple[str, str]]:
    return [(event.retired.id, event.patient.id) for event in found]


@pytest.mark.parametrize("trigger", ["A18", "A30", "A34", "A36", "A39", "A40", "A46", "A47"])
def test_the_identifier_of_mrg_is_retired(trigger: str) -> None:
    (merge,) = merges(PID, MRG, trigger=trigger)
    assert (merge.retired.id, merge.patient.id, merge.undo, merge.link) == ("HOSP|77", "HOSP|123", False, False)
    assert (merge.at, merge.patient.family) == ("2026-03-01T10:00:00+01:00", "Izmišljena")


def test_several_pairs_in_one_message() -> None:
    other = PID.replace("123", "200")
    assert pairs(merges(PID, MRG, other, "PD1|", "MRG|88^^^HOSP", "PV1|1|I")) == [
        ("HOSP|77", "HOSP|123"), ("HOSP|88", "HOSP|200"),
    ]  # fmt: skip


def test_several_retired_identifiers_of_one_authority_are_several_records() -> None:
    found = merges(PID, "MRG|77^^^HOSP~78^^^HOSP~5^^^ZZZS")
    assert pairs(found) == [("HOSP|77", "HOSP|123"), ("HOSP|78", "HOSP|123")]
    assert [item.value for item in found[0].retired.identifiers] == ["77", "78", "5"]


def test_an_identifier_without_authority_is_the_facilitys() -> None:
    assert pairs(merges(PID, "MRG|77")) == [("HOSP|77", "HOSP|123")]


def test_a_link_only_proposes_and_its_parting_undoes() -> None:
    other = PID.replace("123^^^HOSP", "9^^^OTHER")
    (link,) = merges(PID, other, trigger="A24")
    assert (link.retired.id, link.patient.id, link.link, link.undo) == ("OTHER|9", "HOSP|123", True, False)
    (parted,) = merges(PID, other, trigger="A37")
    assert (parted.retired.id, parted.patient.id, parted.link, parted.undo) == ("OTHER|9", "HOSP|123", False, True)


@pytest.mark.parametrize(
    ("segments", "trigger", "reason", "location"),
    [
        ((PID,), "A40", "no_merge_id", "MRG^1^1"),
        ((PID, "MRG|"), "A40", "no_merge_id", "MRG^1^1"),
        ((PID, "MRG|^^^HOSP"), "A40", "no_merge_id", "MRG^1^1"),
        ((PID, MRG, PID.replace("123", "200")), "A40", "no_merge_id", "MRG^1^1"),
        (("PID|1||||A^B", MRG), "A40", "no_patient_id", "PID^1^3"),
        ((MRG,), "A40", "no_patient_id", "PID^1^3"),
        ((PID,), "A24", "no_merge_id", "PID^2^3"),
    ],
)
def test_whoever_is_not_named_is_refused(segments: tuple[str, ...], trigger: str, reason: str, location: str) -> None:
    outcome = read(message(EVN, *segments, msh=msh(trigger)), AT)
    assert outcome.refusal is not None
    assert (outcome.refusal.reason, outcome.refusal.location) == (reason, location)
    assert len(outcome.events) == 1


def test_a_merge_with_itself_is_named_not_dropped() -> None:
    outcome = read(message(EVN, PID, "MRG|123^^^HOSP", msh=msh("A40")), AT)
    assert (outcome.events, outcome.ignored, outcome.refusal) == ((), "merges_itself", None)


def test_the_same_merge_again_is_the_same_event() -> None:
    (one,) = merges(PID, MRG)
    (again,) = merges(PID, MRG, sent="20260305100000+0100", control="C9")
    (other,) = merges(PID, "MRG|78^^^HOSP")
    assert one.event_id == again.event_id != other.event_id
