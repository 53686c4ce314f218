"""Files of any supported format to outcomes, in file order; what `halo evaluate` reads with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from types import MappingProxyType
from typing import Literal

from schemas.patient_event import Purpose
from services.reading import csv_reports, hl7v2, ndjson
from services.reading.adt import DISPOSITIONS
from services.reading.batches import split
from services.reading.csv_layout import CsvInvalid, looks_like_csv
from services.reading.fhir.files import looks_like_fhir, read_documents
from services.reading.fhir.naming import Naming
from services.reading.header import NotHl7, read_header
from services.reading.outcome import Outcome
from services.reading.patients import Choose, first_identifier

Format = Literal["hl7v2", "ndjson", "csv", "fhir"]


FHIR_SENDER = "fhir"
"""Whose resources a file holds; over HTTP it is the sender of the token."""
NO_SYSTEMS: Mapping[str, str] = MappingProxyType({})
LINE = 64 * 1024
"""A line of column names is shorter."""


class UnreadableFile(ValueError):
    """The file as a whole has no form that Halo reads; the text says what was expected."""


def detect(data: bytes) -> Format:
    """JSON is FHIR by its resourceType, else NDJSON; a line of column names CSV, all else HL7 v2.

    UnreadableFile for an empty file.
    """
    start = data.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n\0\x0b")[:1]
    if not start:
        raise UnreadableFile("the file is empty; expected HL7 v2 messages, FHIR resources or one JSON event a line")
    if start in (b"{", b"["):
        return "fhir" if looks_like_fhir(data) else "ndjson"
    return "csv" if looks_like_csv(data[:LINE].partition(b"\n")[0]) else "hl7v2"


def read_file(  # noqa: PLR0913 - one a property of the site
    data: bytes,
    format: Format | None = None,  # noqa: A002 - the option's name
    *,
    zone: tzinfo = UTC,
    purpose: Purpose = "live",
    default_charset: str = hl7v2.DEFAULT_CHARSET,
    choose: Choose = first_identifier,
    dispositions: Mapping[str, str] = DISPOSITIONS,
    systems: Mapping[str, str] = NO_SYSTEMS,
) -> Iterator[Outcome]:
    """The outcomes of all messages. An event is taken as received at its sender's time (MSH-7; of CSV its newest row).

    `zone` is the sender's zone, for MSH-7 without an offset; `choose` and `dispositions` as of `hl7v2.read`;
    `systems` are the authorities behind FHIR identifier systems.
    Raises UnreadableFile where nothing can be read at all.
    """
    kind = format or detect(data)
    if kind == "ndjson":
        yield from ndjson.read(data)
        return
    if kind == "fhir":
        naming = Naming(sender=FHIR_SENDER, systems=systems, choose=choose)
        yield from read_documents(data, naming=naming, zone=zone, purpose=purpose)
        return
    if kind == "csv":
        yield from _rows(data, zone)
        return
    messages = split(data)
    if not messages:
        raise UnreadableFile("the file holds no HL7 v2 message; a message starts with MSH on a line of its own")
    for message in messages:
        received_at = _sent_at(message, default_charset, zone)
        yield hl7v2.read(
            message, received_at, purpose=purpose, default_charset=default_charset, choose=choose,
            dispositions=dispositions,
        )  # fmt: skip


def _rows(data: bytes, zone: tzinfo) -> Iterator[Outcome]:
    try:
        yield from csv_reports.read(data, zone=zone)
    except CsvInvalid as error:
        raise UnreadableFile(str(error)) from error


def _sent_at(message: bytes, default_charset: str, zone: tzinfo) -> str:
    """MSH-7 as UTC text; "" when there is none, or none with a day."""
    try:
        moment = datetime.fromisoformat(read_header(message, default_charset).sent_at)
    except (NotHl7, ValueError):
        return ""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")
