"""A CSV of any size to records of whole reports, person by person, in bounded memory.

A larger file is first cut into files without a name, each with all rows of some of the patients: gone by themselves
when the process ends, however it ends.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO
from zlib import crc32

from services.cli.importing.pieces import Options, Piece, dated, piece
from services.reading.csv_layout import CsvInvalid, Layout, read_layout
from services.reading.csv_reports import SENDER, refused, reports, wrong_encoding
from services.reading.csv_rows import Person, Raw, Row, RowRefused, patient_of, raw_rows, read_row

IN_MEMORY = 8 * 1024 * 1024
"""Bytes of a file that are held at once; some twenty times that in memory."""
MOST_PARTS = 512
BLOCK = 1024 * 1024
DEFAULT_ENCODING = "utf-8"


def read(path: Path, options: Options) -> Iterator[Piece]:
    """CsvInvalid before anything else when the file as a whole cannot be read."""
    encoding = options.encoding or DEFAULT_ENCODING
    with path.open("rb") as file:
        layout = read_layout(file.readline(), encoding)
        _check_encoding(path, layout)
        parts = min(-(-path.stat().st_size // IN_MEMORY), MOST_PARTS)
        if parts <= 1:
            yield from _pieces(raw_rows(file, layout), layout, path.name, options)
            return
        with ExitStack() as stack:
            held = [stack.enter_context(TemporaryFile()) for _ in range(parts)]
            yield from _cut(file, layout, held, path.name, options)
            for part in held:
                part.seek(0)
                yield from _pieces(_again(part, layout), layout, path.name, options)


def _check_encoding(path: Path, layout: Layout) -> None:
    decoder, lines = codecs.getincrementaldecoder(layout.encoding)(), 0
    with path.open("rb") as file:
        if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
            file.seek(0)
        while block := file.read(BLOCK):
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                line = lines + error.object.count(b"\n", 0, error.start) + 1
                raise CsvInvalid(wrong_encoding(layout.encoding, line)) from error
            lines += block.count(b"\n")


def _cut(file: IO[bytes], layout: Layout, held: Sequence[IO[bytes]], name: str, options: Options) -> Iterator[Piece]:
    """All rows of a patient go to the same part; a row that names nobody is refused at once."""
    places = layout.places
    for raw in raw_rows(file, layout):
        patient = "" if raw.fault else patient_of(raw, places, options.authority)
        if patient:
            part = held[crc32(patient.encode()) % len(held)]
            part.write(b"%d %d\n" % (raw.line, len(raw.data)) + raw.data)
        else:
            yield from _pieces([raw], layout, name, options)


def _again(part: IO[bytes], layout: Layout) -> Iterator[Raw]:
    while head := part.readline():
        line, length = map(int, head.split())
        yield from raw_rows(BytesIO(part.read(length)), layout, line)


def _pieces(rows: Iterable[Raw], layout: Layout, name: str, options: Options) -> Iterator[Piece]:
    people: dict[Person, list[Row]] = {}
    places = layout.places
    for raw in rows:
        try:
            row = read_row(raw, places, authority=options.authority, laboratory=options.laboratory)
        except RowRefused as error:
            outcome = refused(raw, str(error), layout, options.sender or SENDER, "")
            yield piece(outcome, f"{name}, line {raw.line}", len(raw.data), options)
        else:
            people.setdefault(row.person, []).append(row)
    for person in sorted(people):
        found = people.pop(person)
        for report in reports(found, layout, options.sender or SENDER, options.purpose):
            yield Piece(place=name, size=len(report.raw) - len(layout.header), events=(dated(report, options),))
