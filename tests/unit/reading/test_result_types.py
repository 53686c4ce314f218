"""Results in all the shapes that the versions and types know: specimen first or last, ORC behind, no trigger, PID-2."""

from __future__ import annotations

import pytest

from schemas.patient_event import LabReport, ReportedResult
from services.reading.hl7v2 import read
from tests.unit.reading.samples import MSH, PID, message
from tests.unit.reading.test_oru import AT, only


def typed(kind: str, version: str = "2.5.1") -> str:
    return MSH.replace("ORU^R01^ORU_R01", kind).replace("2.5.1", version)


def results(kind: str, *segments: str, version: str = "2.5.1") -> tuple[ReportedResult, ...]:
    return only(message(PID, *segments, msh=typed(kind, version))).results


def obr(order: str, **more: str) -> str:
    fields = ["OBR", "1", "", order, "X", "", "", more.get("seven", ""), *[""] * 22]
    fields[26], fields[29] = more.get("parent_result", ""), more.get("parent", "")
    return "|".join(fields)


def obx(code: str, fourteen: str = "") -> str:
    return f"OBX|1|NM|{code}^x^LN||1|g/L|||||F|||{fourteen}"


def spm(identity: str, seventeen: str = "", condition: str = "") -> str:
    fields = ["SPM", "1", f"^{identity}", *[""] * 22]
    fields[17], fields[24] = seventeen, condition
    return "|".join(fields)


def drawn(found: tuple[ReportedResult, ...]) -> list[tuple[str, str, str]]:
    return [(one.code[0].code, one.filler_order, one.specimen) for one in found]


@pytest.mark.parametrize("kind", ["ORU^R01", "ORU", "ORU^R30", "ORU^R31", "ORU^R32", "OUL^R21"])
def test_orders_with_their_specimen_behind(kind: str) -> None:
    sent = ("ORC|RE", obr("1"), obx("A"), spm("S1"), "ORC|RE", obr("2"), obx("B"), obx("C"), spm("S2"))
    assert drawn(results(kind, *sent)) == [("A", "1", "S1"), ("B", "2", "S2"), ("C", "2", "S2")]


@pytest.mark.parametrize("kind", ["OUL^R22", "OUL^R23"])
def test_specimens_with_their_orders_behind(kind: str) -> None:
    sent = (
        spm("S1", "20260301080000", "HEM"), "SAC|||C1", "INV|x", obr("1"), "ORC|RE|P1", obx("A"), "TCD|x", "SID|x",
        "NTE|1||note of A", obr("2"), obx("B"), spm("S2", "20260302080000"), "SAC|||C2", obr("3"), "ORC|RE|P3", obx("C"),
    )  # fmt: skip
    found = results(kind, *sent)
    assert drawn(found) == [("A", "1", "S1"), ("B", "2", "S1"), ("C", "3", "S2")]
    assert [one.placer_order for one in found] == ["P1", "", "P3"]
    assert [one.specimen_conditions for one in found] == [("HEM",), ("HEM",), ()]
    assert [one.collected_at[:10] for one in found] == ["2026-03-01", "2026-03-01", "2026-03-02"]
    assert found[0].comments == ("note of A",)


def test_orders_with_orc_and_specimen_behind() -> None:
    sent = (obr("1"), "ORC|RE|P1", spm("S1"), "SAC|||C1", obx("A"), obr("2"), "ORC|RE|P2", spm("S2"), obx("B"))
    found = results("OUL^R24", *sent)
    assert drawn(found) == [("A", "1", "S1"), ("B", "2", "S2")]
    assert [one.placer_order for one in found] == ["P1", "P2"]


def test_a_sender_that_puts_the_specimen_first_in_an_oru_means_all_orders_behind_it() -> None:
    sent = (spm("S1"), "ORC|RE", obr("1"), obx("A"), obr("2"), obx("B"), spm("S2"), obr("3"), obx("C"))
    assert drawn(results("ORU^R01", *sent)) == [("A", "1", "S1"), ("B", "2", "S1"), ("C", "3", "S2")]


def test_a_specimen_of_the_patient_before_says_nothing_of_the_next() -> None:
    data = message(
        PID, spm("S1"), obr("1"), obx("A"), PID.replace("123", "124"), obr("2"), obx("B"), msh=typed("ORU^R01")
    )
    found = [event.results for event in read(data, AT).events if isinstance(event, LabReport)]
    assert [drawn(one) for one in found] == [[("A", "1", "S1")], [("B", "2", "")]]


def test_an_order_without_results_leaves_its_orc_alone() -> None:
    assert drawn(results("ORU^R01", obr("1"), "ORC|RE|P2|2", obr(""), obx("A"))) == [("A", "2", "")]


def test_every_time_of_collection_that_was_sent_is_kept_when_they_differ() -> None:
    (one,) = results(
        "ORU^R01", obr("1", seven="20260301083000"), obx("A", "20260301110000"), spm("S", "20260301080000")
    )
    assert (one.collected_at, one.collected_from) == ("2026-03-01T08:00:00", "SPM-17")
    assert one.collection_times == {
        "SPM-17": "2026-03-01T08:00:00", "OBR-7": "2026-03-01T08:30:00", "OBX-14": "2026-03-01T11:00:00",
    }  # fmt: skip
    (one,) = results("ORU^R01", obr("1", seven="20260301083000"), obx("A", "20260301083000"))
    assert (one.collected_from, one.collection_times) == ("OBR-7", {})
    (one,) = results("ORU^R01", obr("1", seven="soon"), obx("A", "20260301083000"))
    assert (one.collected_at, one.collection_times) == ("", {"OBR-7": "", "OBX-14": "2026-03-01T08:30:00"})


def test_a_child_order_names_its_parent() -> None:
    (one,) = results("ORU^R01", obr("2", parent="P1^F1&LAB", parent_result="600-7&Culture&LN^1^E. coli"), obx("A"))
    assert (one.parent_order, one.parent_result) == ("F1", "600-7&Culture&LN^1^E. coli")
    assert results("ORU^R01", obr("2", parent="P1"), obx("A"))[0].parent_order == "P1"


@pytest.mark.parametrize(
    ("version", "patient"), [("2.1", "LAB/PID-2|55"), ("2.2", "LAB/PID-2|55"), ("2.3.1", "LAB/PID-2|55")]
)
def test_the_external_number_of_old_versions_names_who_has_no_other(version: str, patient: str) -> None:
    event = only(message("PID|1|55|||Izmišljena^Oseba", obr("1"), obx("A"), msh=typed("ORU", version)))
    assert event.patient.id == patient
    event = only(message("PID|1|55|66||Izmišljena^Oseba", obr("1"), obx("A"), msh=typed("ORU", version)))
    assert event.patient.id == "LAB|66"


def test_newer_versions_do_not_read_it() -> None:
    outcome = read(message("PID|1|55|||A^B", obr("1"), obx("A"), msh=typed("ORU^R01", "2.5.1")), AT)
    assert outcome.refusal is not None
    assert outcome.refusal.reason == "no_patient_id"


def test_a_report_of_version_2_1() -> None:
    found = results(
        "ORU", "OBR|1||7^LAB|CA^CALCIUM|||202603010830", "OBX|1|NM|CA^CALCIUM||3.6|MMOL/L|2.1-2.6|HH|||F",
        "NTE|1||HAEMOLYSED", version="2.1",
    )  # fmt: skip
    assert [(one.filler_order, one.collected_at, one.status, one.comments) for one in found] == [
        ("7", "2026-03-01T08:30", "F", ("HAEMOLYSED",))
    ]
