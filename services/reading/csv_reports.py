"""Rows of one person to records: reports put together up to a size, so that years of history are few records. No I/O.

Which rows share a record changes event ids only: each report is a part of its own, and the ids of results come from
its rows. The order of rows in the file changes nothing.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, tzinfo
from hashlib import sha256
from io import BytesIO

from msgspec import structs

from schemas.identity import event_id
from schemas.patient_event import Identifier, LabReport, Patient, Purpose, Refused, ReportedResult, Source, Where
from services.reading.csv_layout import CsvInvalid, Layout, read_layout
from services.reading.csv_rows import Person, Raw, Row, RowRefused, raw_rows, read_row
from services.reading.outcome import DATA_TYPE_ERROR, Outcome, Refusal
from services.reading.refusing import RAW_LIMIT

SENDER = "csv"
MOST_RESULTS = 500
"""Of one record; a report is never cut, so a larger one makes a larger record."""


def read(data: bytes, *, zone: tzinfo = UTC, encoding: str = "utf-8") -> Iterator[Outcome]:
    """A whole file in memory; a record is received when its newest row was reported. CsvInvalid for the whole file."""
    lines = BytesIO(data)
    layout = read_layout(lines.readline(), encoding)
    check_encoding(data, layout)
    people: dict[Person, list[Row]] = {}
    for raw in raw_rows(lines, layout):
        try:
            row = read_row(raw, layout.places)
        except RowRefused as error:
            yield refused(raw, str(error), layout, SENDER, "")
        else:
            people.setdefault(row.person, []).append(row)
    for person in sorted(people):
        for report in reports(people[person], layout, SENDER, "live"):
            source = structs.replace(report.source, received_at=_newest(report, zone))
            yield Outcome(events=(structs.replace(report, source=source),))


def _newest(report: LabReport, zone: tzinfo) -> str:
    times = (datetime.fromisoformat(result.reported_at) for result in report.results)
    newest = max((at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC) for at in times)
    return newest.isoformat().replace("+00:00", "Z")


def check_encoding(data: bytes, layout: Layout) -> None:
    """CsvInvalid with the line where the bytes are none of the encoding."""
    try:
        codecs.decode(data.removeprefix(codecs.BOM_UTF8), layout.encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CsvInvalid(wrong_encoding(layout.encoding, line)) from error


def wrong_encoding(encoding: str, line: int) -> str:
    """What to do about it."""
    return (
        f"line {line} is no {encoding}; say which encoding the file has, for example --encoding windows-1250, "
        "or save it as UTF-8"
    )


def reports(rows: Iterable[Row], layout: Layout, sender: str, purpose: Purpose) -> Iterator[LabReport]:
    """The records of one person; `received_at` is left empty."""
    parts: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        parts.setdefault(row.report, []).append(row)
    chunk: list[list[Row]] = []
    size = 0
    for key in sorted(parts):
        part = sorted(parts[key], key=lambda row: row.data)
        if chunk and size + len(part) > MOST_RESULTS:
            yield _record(chunk, layout, sender, purpose)
            chunk, size = [], 0
        chunk.append(part)
        size += len(part)
    if chunk:
        yield _record(chunk, layout, sender, purpose)


def _record(parts: list[list[Row]], layout: Layout, sender: str, purpose: Purpose) -> LabReport:
    pieces = [_ended(layout.header), *(_ended(row.data) for part in parts for row in part)]
    raw = b"".join(pieces)
    digest, person = sha256(raw).hexdigest(), parts[0][0].person
    return LabReport(
        event_id=event_id(sender, digest, person.id),
        patient=_patient(person),
        source=Source(
            format="csv", sender=sender, received_at="", sent_at=max(row.report[0] for part in parts for row in part),
            charset=layout.encoding, sha256=digest, raw_sha256=digest,
        ),
        raw=raw, results=tuple(_placed(parts, pieces)), purpose=purpose,
    )  # fmt: skip


def _placed(parts: list[list[Row]], pieces: list[bytes]) -> Iterator[ReportedResult]:
    offset, number = len(pieces[0]), 1
    for name, part in enumerate(parts, 1):
        for row in part:
            length = len(pieces[number])
            number += 1
            where = Where(segment=number, offset=offset, length=length)
            yield structs.replace(row.result, where=where, part=str(name))
            offset += length


def _ended(line: bytes) -> bytes:
    """The last line of a file may lack its end."""
    return line if line.endswith((b"\n", b"\r")) else line + b"\n"


def _patient(person: Person) -> Patient:
    authority, _, value = person.id.partition("|")
    return Patient(
        id=person.id, identifiers=(Identifier(value=value, authority=authority),), family=person.family,
        given=person.given, birth_date=person.birth_date, sex=person.sex,
    )  # fmt: skip


def refused(raw: Raw, text: str, layout: Layout, sender: str, received_at: str) -> Outcome:
    """The outcome of a row that cannot be placed; its event carries the header and the row."""
    data = _ended(layout.header) + raw.data
    digest, place = sha256(data).hexdigest(), f"line {raw.line}"
    event = Refused(
        event_id=event_id(sender, digest, place),
        source=Source(format="csv", sender=sender, received_at=received_at, sha256=digest, raw_sha256=digest),
        reason=f"row_unreadable: {text}", field=place, raw=data[:RAW_LIMIT],
    )  # fmt: skip
    return Outcome(
        events=(event,),
        refusal=Refusal(reason="row_unreadable", text=text, condition=DATA_TYPE_ERROR, location=place),
    )
