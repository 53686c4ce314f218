"""ADT becomes changes of context: who, where, and that the patient died. The same event again is the same event."""

from __future__ import annotations

import pytest

from schemas.patient_event import ContextChange, ContextEntry
from services.reading.hl7v2 import read
from tests.unit.reading.samples import PID, message

AT = "2026-03-01T09:06:00Z"


def msh(trigger: str, *, sent: str = "20260301100500+0100", control: str = "C1") -> str:
    return rf"MSH|^~\&|PAS|HOSP|HALO|HOSP|{sent}||ADT^{trigger}|{control}|P|2.5.1"


def adt(trigger: str, visit: str = "", *, evn: str = "EVN||20260301100000+0100", pid: str = PID, **more: str) -> bytes:
    return message(*(part for part in (evn, pid, visit) if part), msh=msh(trigger, **more))


def changes(data: bytes) -> list[ContextChange]:
    events = read(data, AT).events
    assert all(isinstance(event, ContextChange) for event in events)
    return list(events)  # type: ignore[arg-type]


def entries(data: bytes) -> list[ContextEntry]:
    return [entry for change in changes(data) for entry in change.entries]


VISIT = "PV1|1|I|H2^201^B^UKC"


def pv1(disposition: str = "", left_at: str = "") -> str:
    fields = ["PV1", "1", "I", "H2^201^B^UKC", *[""] * 42]
    fields[36], fields[45] = disposition, left_at
    return "|".join(fields)


@pytest.mark.parametrize("trigger", ["A01", "A02", "A04", "A06", "A07", "A08", "A10", "A17"])
def test_ward_and_bed_hold_from_the_event_on(trigger: str) -> None:
    (change,) = changes(adt(trigger, VISIT))
    assert change.entries == (
        ContextEntry(kind="place", from_="2026-03-01T10:00:00+01:00", code="H2", value="B", note=f"ADT^{trigger}"),
    )
    patient = change.patient
    assert (patient.id, patient.family, patient.birth_date, patient.sex) == (
        "HOSP|123",
        "Izmišljena",
        "1950-01-02",
        "F",
    )
    assert (patient.ward, patient.bed) == ("", "")  # the entry says it, as of its own time
    assert change.raw == adt(trigger, VISIT)


@pytest.mark.parametrize("trigger", ["A05", "A28", "A31"])
def test_others_describe_the_person_only(trigger: str) -> None:
    (change,) = changes(adt(trigger, VISIT))
    assert (change.entries, change.patient.family, change.patient.identifiers[0].value) == ((), "Izmišljena", "123")


def test_when_it_occurred_comes_before_when_it_was_recorded() -> None:
    (entry,) = entries(adt("A02", VISIT, evn="EVN||20260301100000+0100||||20260301093000+0100"))
    assert entry.from_ == "2026-03-01T09:30:00+01:00"
    (entry,) = entries(adt("A02", VISIT, evn=""))
    assert entry.from_ == "2026-03-01T10:05:00+01:00"


def test_a_discharge_says_that_the_patient_left() -> None:
    (entry,) = entries(adt("A03", VISIT))
    assert entry == ContextEntry(kind="place", from_="2026-03-01T10:00:00+01:00", note="ADT^A03")


def test_news_of_somebody_who_left_does_not_bring_them_back() -> None:
    assert entries(adt("A08", pv1(left_at="20260228"))) == []


@pytest.mark.parametrize("code", ["20", "40", "41", "42"])
def test_a_discharge_by_death_says_so(code: str) -> None:
    _, death = entries(adt("A03", pv1(code)))
    expected = ContextEntry(kind="deceased", from_="2026-03-01T10:00:00+01:00", note=f"ADT^A03 PV1-36 {code}")
    assert death == expected


def test_the_time_of_leaving_is_the_time_of_such_a_death() -> None:
    _, death = entries(adt("A03", pv1("20", "20260301083000+0100")))
    assert death.from_ == "2026-03-01T08:30:00+01:00"


@pytest.mark.parametrize("code", ["", "01", "02", "2", "43"])
def test_other_dispositions_are_no_death(code: str) -> None:
    assert [entry.kind for entry in entries(adt("A03", pv1(code)))] == ["place"]


def test_a_hospital_may_say_more_of_dispositions() -> None:
    words = {"X": "deceased", "51": "palliative_no_bloods"}
    found = [e for c in ("X", "51", "20") for e in read(adt("A03", pv1(c)), AT, dispositions=words).events]
    said = [(e.kind, e.value) for change in found for e in change.entries if e.kind != "place"]  # type: ignore[union-attr]
    assert said == [("deceased", ""), ("care", "palliative_no_bloods")]


def test_pid_knows_the_time_of_death_better_than_the_discharge() -> None:
    pid = f"{PID}{'|' * 21}20260301070000+0100|Y"
    death, place = entries(adt("A03", pv1("20"), pid=pid))
    assert (death.kind, death.from_, place.kind) == ("deceased", "2026-03-01T07:00:00+01:00", "place")


@pytest.mark.parametrize("at", ["00010101", "18991231", "22010101"])
def test_a_time_beyond_reason_is_no_death(at: str) -> None:
    assert [e.kind for e in entries(adt("A31", pid=f"{PID}{'|' * 21}{at}|"))] == []
    assert [(e.kind, e.from_) for e in entries(adt("A31", pid=f"{PID}{'|' * 21}{at}|Y"))] == [("deceased", "")]


@pytest.mark.parametrize("trigger", ["A11", "A12", "A13"])
def test_a_cancellation_takes_back(trigger: str) -> None:
    found = entries(adt(trigger, VISIT))
    back = ContextEntry(kind="place", from_="2026-03-01T10:00:00+01:00", value="withdrawn", note=f"ADT^{trigger}")
    assert found[0] == back
    assert [(e.code, e.value) for e in found[1:]] == ([] if trigger == "A11" else [("H2", "B")])


def test_the_same_event_again_is_the_same_event() -> None:
    one, again = (
        changes(adt("A02", VISIT, sent=sent, control=control))[0]
        for sent, control in (("20260301100500+0100", "C1"), ("20260303090000+0100", "C99"))
    )
    assert one.event_id == again.event_id
    others = [
        adt("A02", VISIT.replace("H2", "H3")),
        adt("A01", VISIT),
        adt("A02", VISIT, evn="EVN||20260301110000+0100"),
    ]
    assert len({one.event_id, *(changes(data)[0].event_id for data in others)}) == 4


def test_without_a_time_of_its_own_every_message_is_an_event() -> None:
    one, other = (changes(adt("A31", evn="", control=control))[0] for control in ("C1", "C2"))
    assert one.event_id != other.event_id


def test_nobody_is_refused() -> None:
    for data, location in ((adt("A01", VISIT, pid="PID|1||||A^B"), "PID^1^3"), (adt("A01", VISIT, pid=""), "PID^1^3")):
        outcome = read(data, AT)
        assert outcome.refusal is not None
        assert (outcome.refusal.reason, outcome.refusal.location) == ("no_patient_id", location)


def test_a_preferred_authority_names_the_patient() -> None:
    pid = PID.replace("123^^^HOSP^MR", "123^^^HOSP^MR~999^^^ZZZS^HC")
    (event,) = read(adt("A31", pid=pid), AT, choose=lambda ids: f"ZZZS|{list(ids)[1].value}").events
    assert isinstance(event, ContextChange)
    assert (event.patient.id, [i.value for i in event.patient.identifiers]) == ("ZZZS|999", ["123", "999"])


def test_swapped_patients_each_get_the_other_bed() -> None:
    data = message(
        "EVN||20260301100000", PID, VISIT, PID.replace("123", "124"), VISIT.replace("^B^", "^C^"), msh=msh("A17")
    )
    assert [(c.patient.id, c.entries[0].value) for c in changes(data)] == [("HOSP|123", "B"), ("HOSP|124", "C")]
