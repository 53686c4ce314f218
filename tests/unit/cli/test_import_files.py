"""Files of any size to pieces: read block by block or in parts they say what they say as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.codec import encode_event
from schemas.patient_event import ContextChange, LabReport
from services.cli.importing import csv_file, files, message_files
from services.cli.importing.pieces import Options, Piece, said_at
from services.mapping.site import DEFAULT_SITE, Sender, Site, SiteFile
from services.reading.batches import split
from services.reading.formats import UnreadableFile
from tests.unit.fhir_messages import as_fhir
from tests.unit.messages import Sent, day
from tests.unit.test_csv_tells_the_same import as_csv

NOW = "2026-11-25T20:00:00.000Z"
OPTIONS = Options(purpose="history", now=lambda: NOW)
SENT = [Sent(patient=f"P{n % 4}", code="2823-3", value="4.4", unit="mmol/L", order=f"O{n}", collected=day(n), reported=day(n))
        for n in range(40)]  # fmt: skip


def read(folder: Path, text: str, options: Options = OPTIONS) -> list[Piece]:
    path = folder / "history"
    path.write_bytes(text.encode())
    return list(files.read(path, None, options))


def reports(pieces: list[Piece]) -> list[LabReport]:
    return [event for one in pieces for event in one.events if isinstance(event, LabReport)]


@pytest.mark.parametrize("size", [1, 7, 300, 5000])
@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_messages_are_cut_as_in_the_whole_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, end: str
) -> None:
    text = "FHS|^~\\&|x\r" + "\n".join(one.message() for one in SENT) + "FTS|1\r"
    path = tmp_path / "all.hl7"
    path.write_bytes(text.replace("\r", end).encode())
    monkeypatch.setattr(message_files, "BLOCK", size)
    assert list(message_files.messages(path)) == split(path.read_bytes())


def test_all_formats_are_dated_marked_and_in_order_of_patients(tmp_path: Path) -> None:
    by_hl7 = reports(read(tmp_path, "\n".join(one.message() for one in SENT)))
    by_fhir = reports(read(tmp_path, "\n".join(as_fhir(one) for one in SENT)))
    by_csv = reports(read(tmp_path, "\n".join(as_csv(SENT))))
    by_event = reports(read(tmp_path, "\n".join(encode_event(one).decode() for one in by_hl7)))
    for found in (by_hl7, by_fhir, by_csv, by_event):
        assert {(one.purpose, one.source.received_at) for one in found} == {("history", NOW)}
        assert sum(len(one.results) for one in found) == len(SENT)
        assert [one.patient.id for one in found] == sorted(one.patient.id for one in found)
    assert by_event == by_hl7


def test_a_csv_in_parts_makes_the_records_of_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n".join([*as_csv(SENT), ";".join(["HOSP"] + [""] * 19), "too;few"]) + "\n"
    whole = read(tmp_path, text)
    monkeypatch.setattr(csv_file, "IN_MEMORY", 500)
    parts = read(tmp_path, text)
    assert {one.event_id for one in reports(parts)} == {one.event_id for one in reports(whole)}
    refused = [sorted((one.place, one.refusal.text) for one in found if one.refusal) for found in (whole, parts)]
    assert refused[0] == refused[1]
    assert [place for place, _ in refused[0]] == ["history, line 42", "history, line 43"]


def test_an_unlisted_sender_is_refused_as_on_the_wire(tmp_path: Path) -> None:
    site = Site(SiteFile(sender=(Sender(name="lab", application="OTHER", facility="LAB9"),)), version="1")
    (one,) = read(tmp_path, SENT[0].message(), Options(purpose="history", now=lambda: NOW, site=site))
    assert one.refusal is not None
    assert one.refusal.reason == "unlisted_sender"
    assert not reports([one])


def test_what_people_knew_is_dated_when_it_was_said(tmp_path: Path) -> None:
    """A death of years ago in an old message is not of today; nothing is said in the future."""
    text = SENT[0].message().replace("|19500102|F", "|19500102|F" + "|" * 21 + "20260228|Y")
    changes = [event for one in read(tmp_path, text) for event in one.events if isinstance(event, ContextChange)]
    assert [change.source.received_at for change in changes] == ["2026-03-01T08:00:00Z"]
    assert said_at("2099-01-01T00:00:00Z", "LIS|LAB1", DEFAULT_SITE, NOW) == "2026-11-25T20:00:00Z"
    assert said_at("", "LIS|LAB1", DEFAULT_SITE, NOW) == NOW


def test_a_file_that_is_none_of_these_names_itself(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"history: line 1.*did you mean 'value'"):
        read(tmp_path, "patient;collected_at;vaule;status;code\n")
