"""CSV of results (docs/import.md): every row is read, or refused with its line; what shares a record changes no id."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from schemas.patient_event import Absent, Coding, LabReport, Quantity, Refused, Text
from services.mapping.report import map_report
from services.reading import csv_reports
from services.reading.csv_layout import COLUMNS, TEMPLATE, CsvInvalid, read_layout
from services.reading.csv_times import read_moment
from services.reading.formats import UnreadableFile, detect, read_file

HEADER = "authority;patient;order;code;system;value;unit;status;collected_at;reported_at\n"


def _row(value: str = "2.41", *, patient: str = "1", order: str = "O1", code: str = "17861-6", unit: str = "mg/dL",
         status: str = "F", collected: str = "2024-03-01T08:10:00+01:00", reported: str = "") -> str:  # fmt: skip
    return f"HOSP;{patient};{order};{code};LN;{value};{unit};{status};{collected};{reported}\n"


def _reports(text: str | bytes) -> list[LabReport]:
    data = text.encode() if isinstance(text, str) else text
    return [event for outcome in csv_reports.read(data) for event in outcome.events if isinstance(event, LabReport)]


def _refusals(text: str | bytes) -> list[tuple[str, str]]:
    data = text.encode() if isinstance(text, str) else text
    return [(o.refusal.location, o.refusal.text) for o in csv_reports.read(data) if o.refusal is not None]


def _ids(reports: list[LabReport]) -> set[str]:
    return {result.result_id for report in reports for result in map_report(report).results}


def test_the_template_is_read_by_its_own_reader_and_names_every_column() -> None:
    (report,) = _reports(TEMPLATE)
    assert TEMPLATE.splitlines()[0].split(";") == list(COLUMNS)
    assert [r.code[0].code for r in report.results] == ["CA", "MKOMP"]
    assert report.results[0].code[1] == Coding(code="17861-6", system="LN")
    assert [r.value for r in report.results] == [Quantity(number="2,41"), Quantity(number="1,0", comparator="<")]
    assert (report.patient.id, report.patient.family, report.patient.sex) == ("HOSP|0000001", "Madeup", "F")
    assert report.results[0].reported_at == "2024-03-01T10:02:00+01:00"


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_any_usual_delimiter_with_or_without_a_byte_order_mark(delimiter: str, mark: bytes) -> None:
    text = (HEADER + _row("9.1")).replace(";", delimiter)
    (report,) = _reports(mark + text.encode())
    (result,) = report.results
    assert report.raw == text.encode()
    assert result.value == Quantity(number="9.1")
    assert report.raw[result.where.offset :][: result.where.length] == _row("9.1").replace(";", delimiter).encode()


def test_windows_1250_is_read_when_said_and_never_guessed() -> None:
    text = "authority;patient;family;code;system;value;unit;status;collected_at\nHOSP;1;Žnidarič;CREA;LAB;88;µmol/L;F;1.3.2024\n"
    data = text.encode("cp1250")
    outcomes = list(csv_reports.read(data, encoding="windows-1250"))
    (report,) = [e for o in outcomes for e in o.events]
    assert isinstance(report, LabReport)
    assert (report.patient.family, report.results[0].unit) == ("Žnidarič", "µmol/L")
    with pytest.raises(CsvInvalid, match=r"line 2 is no utf-8.*--encoding windows-1250"):
        list(csv_reports.read(data))


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("patient;vaule;status;collected_at;code", "unknown 'vaule' (did you mean 'value'?)"),
        ("patient;value;status;code", "'collected_at' is missing"),
        ("patient;value;status;collected_at", "'code' or 'loinc' is missing"),
        ("patient;patient;value;status;collected_at;code", "'patient' stands twice"),
    ],
)
def test_a_wrong_header_is_refused_whole_and_says_what_is_wrong(header: str, said: str) -> None:
    with pytest.raises(CsvInvalid) as error:
        read_layout(header.encode())
    assert said in str(error.value)
    assert "halo import --template" in str(error.value)


def test_a_row_that_cannot_be_placed_is_refused_with_its_line_and_the_others_are_read() -> None:
    text = (
        HEADER + _row("9.1") + _row(patient="") + _row(code="") + _row(status="") + _row(collected="3/1/2024")
        + _row("9.2;extra") + '"open;quote\n'
    )  # fmt: skip
    found = _refusals(text)
    assert [place for place, _ in found] == ["line 3", "line 4", "line 5", "line 6", "line 7", "line 8"]
    assert "names no patient" in found[0][1]
    assert "`status` is empty" in found[2][1]
    assert "no time that can be read in one way only" in found[3][1]
    assert "11 cells, the header has 10" in found[4][1]
    assert "quotes" in found[5][1]
    assert len(_ids(_reports(text))) == 1


def test_a_refused_row_is_an_event_with_its_bytes() -> None:
    (outcome,) = csv_reports.read((HEADER + _row(code="")).encode())
    (event,) = outcome.events
    assert isinstance(event, Refused)
    assert event.raw == (HEADER + _row(code="")).encode()
    assert event.field == "line 2"


def test_cells_of_several_lines_keep_their_bytes_and_the_lines_after_their_numbers() -> None:
    text = (
        "patient;code;value;status;collected_at;comment\n"
        'H|1;CA;2,4;F;2024-03-01;"first\nsecond"\n'
        "H|1;;2,4;F;2024-03-01;\n"
    )
    (report,) = _reports(text)
    assert report.results[0].comments == ("first\nsecond",)
    assert [place for place, _ in _refusals(text)] == ["line 4"]


def test_values_stay_as_written() -> None:
    rows = [_row(value, order=f"O{n}") for n, value in enumerate(["2,41", "<15", ">= 3", "negativno", "", "1.234,5"])]
    (report,) = _reports(HEADER + "".join(rows))
    assert [r.value for r in sorted(report.results, key=lambda r: r.filler_order)] == [
        Quantity(number="2,41"), Quantity(number="15", comparator="<"), Quantity(number="3", comparator=">="),
        Text(text="negativno"), Absent(), Text(text="1.234,5"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2024-03-01T08:10:00+01:00", "2024-03-01T08:10:00+01:00"), ("2024-03-01 08:10", "2024-03-01T08:10"),
        ("2024-03-01T08:10Z", "2024-03-01T08:10Z"), ("2024-03-01T08:10+0100", "2024-03-01T08:10+01:00"),
        ("20240301081000+0100", "2024-03-01T08:10:00+01:00"), ("1.3.2024", "2024-03-01"),
        ("01. 03. 2024 8:10", "2024-03-01T08:10"), ("2024-03-01", "2024-03-01"),
        ("3/1/2024", ""), ("2024-02-30", ""), ("31.2.2024", ""), ("1.3.24", ""), ("2024", ""),
    ],
)  # fmt: skip
def test_times_are_read_in_one_way_only(text: str, read: str) -> None:
    assert read_moment(text) == read


def _years(draws: int) -> list[str]:
    """Rows of one patient: a draw of total protein, M share and calcium a week; the M follows from the protein."""
    rows = []
    for n in range(draws):
        day = f"{2020 + n // 300}-{1 + n // 25 % 12:02}-{1 + n % 25:02}T08:00:00+01:00"
        rows += [_row("70", order=f"O{n}", code="2885-2", unit="g/L", collected=day),
                 _row("20", order=f"O{n}", code="33358-3", unit="g/L", collected=day),
                 _row("9.1", order=f"O{n}", collected=day)]  # fmt: skip
    return rows


def test_ids_of_results_depend_neither_on_the_record_nor_on_the_order_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = _years(40)
    whole = _reports(HEADER + "".join(rows))
    random.Random(5).shuffle(rows)
    assert [r.event_id for r in _reports(HEADER + "".join(rows))] == [r.event_id for r in whole]
    for size in (1, 7, 1000):
        monkeypatch.setattr(csv_reports, "MOST_RESULTS", size)
        cut = _reports(HEADER + "".join(rows))
        assert _ids(cut) == _ids(whole)
        assert max(len(report.results) for report in cut) <= max(size, 3)
    assert len(_ids(whole)) == 120


def test_one_report_says_nothing_of_another_in_the_same_record() -> None:
    """The protein of one order would make a contradiction of an albumin of another order taken at the same time."""
    one = _row("60", order="O1", code="2885-2", unit="g/L") + _row("40", order="O1", code="1751-7", unit="g/L")
    other = _row("70", order="O2", code="1751-7", unit="g/L")
    together, apart = _reports(HEADER + one + other), _reports(HEADER + one) + _reports(HEADER + other)
    assert len(together) == 1
    assert _ids(together) == _ids(apart)


def test_a_correction_is_a_version_of_its_slot_not_a_repeated_one() -> None:
    text = (
        HEADER
        + _row("9.1", reported="2024-03-01T10:00:00+01:00")
        + _row("9.9", status="C", reported="2024-03-01T12:00:00+01:00")
    )
    (report,) = _reports(text)
    mapped = map_report(report)
    assert not mapped.quarantined
    assert len({r.slot for r in mapped.results}) == 1
    assert len(mapped.results) == 2


def test_without_a_time_of_report_a_row_overtakes_nothing_that_has_one() -> None:
    undated, dated = _row("9.1"), _row("9.9", reported="2024-03-01T10:00:00+01:00")
    results = [r for one in (undated, dated) for report in _reports(HEADER + one) for r in map_report(report).results]
    assert results[0].version_time < results[1].version_time
    day_only = map_report(_reports(HEADER + _row("9.1", collected="2024-03-01"))[0]).results[0]
    assert day_only.version_time_from == "OBR-22"


def test_the_kind_of_a_file_is_found_out(tmp_path: Path) -> None:
    assert detect((HEADER + _row()).encode()) == "csv"
    assert detect(b"MSH|^~\\&|LIS|LAB1") == "hl7v2"
    assert detect(b'{"type":"lab_report"}') == "ndjson"
    with pytest.raises(UnreadableFile, match="did you mean 'value'"):
        list(read_file(b"patient;collected_at;vaule;code;status\n"))
