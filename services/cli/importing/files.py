"""Any file to pieces, patient by patient as far as memory allows: fewer evaluations, equal results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from services.cli.importing import csv_file, message_files
from services.cli.importing.pieces import Format, Options, Piece
from services.reading.csv_layout import CsvInvalid
from services.reading.formats import UnreadableFile, detect

HEAD = 64 * 1024
TOGETHER = 16 * 1024 * 1024
"""Bytes of messages that are put in order of their patients at once."""


def read(path: Path, form: Format | None, options: Options) -> Iterator[Piece]:
    """UnreadableFile, naming the file, where nothing can be read at all; OSError."""
    try:
        yield from _read(path, form or _detected(path), options)
    except (CsvInvalid, UnreadableFile) as error:
        raise UnreadableFile(f"{path}: {error}") from error


def _detected(path: Path) -> Format:
    with path.open("rb") as file:
        return detect(file.read(HEAD))


def _read(path: Path, form: Format, options: Options) -> Iterator[Piece]:
    if form == "csv":
        yield from csv_file.read(path, options)
    elif form == "ndjson":
        yield from by_patient(message_files.read_ndjson(path, options))
    elif form == "fhir":
        yield from by_patient(message_files.read_fhir(path, options))
    else:
        yield from by_patient(message_files.read_hl7v2(path, options))


def by_patient(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Stretches of the file, each in order of patients; of one patient nothing changes places."""
    held: list[Piece] = []
    size = 0
    for one in pieces:
        held.append(one)
        size += one.size
        if size >= TOGETHER:
            yield from sorted(held, key=_patient)
            held, size = [], 0
    yield from sorted(held, key=_patient)


def _patient(one: Piece) -> str:
    """The first named; a message of several patients, or of a merge, keeps its place among that one's."""
    patients = (getattr(event, "patient", None) for event in one.events)
    return next((patient.id for patient in patients if patient is not None), "")
