"""Files of messages: HL7 v2 (with or without envelopes and frames), FHIR resources, and events as NDJSON.

Read in bounded memory, but for one FHIR document, which is read as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from services.cli.importing.admitting import admitted
from services.cli.importing.pieces import Options, Piece, piece
from services.reading import hl7v2, ndjson
from services.reading.adt import DISPOSITIONS
from services.reading.batches import split
from services.reading.fhir import taking_in
from services.reading.fhir.files import documents, outcome_of
from services.reading.fhir.naming import Naming
from services.reading.limits import too_fine
from services.reading.outcome import Outcome
from services.reading.refusing import refuse
from services.reading.source import make_source

BLOCK = 16 * 1024 * 1024
"""Bytes read at once; a message may be longer."""
HEAD = 64 * 1024
"""MSH is shorter."""
FHIR_SENDER = "fhir"
_STARTS = re.compile(rb"[\r\n\x0b](?=MSH[!-/:-@\[-`{-~])")


def read_hl7v2(path: Path, options: Options) -> Iterator[Piece]:
    """One piece a message, numbered from 1."""
    for number, message in enumerate(messages(path), 1):
        yield piece(_outcome(message, options), f"{path.name}, message {number}", len(message), options)


def _outcome(message: bytes, options: Options) -> Outcome:
    now = options.now()
    header = hl7v2.header_of(message[:HEAD], hl7v2.DEFAULT_CHARSET)
    sender = options.site.sender(header.sender) if header else None
    charset = options.encoding or (sender.charset if sender else "") or hl7v2.DEFAULT_CHARSET
    if refusal := too_fine(message):
        return refuse(refusal, message, make_source(message, now, header=header), header)
    outcome = hl7v2.read(
        message, now, purpose=options.purpose, default_charset=charset, choose=options.site.patient_id,
        dispositions={**DISPOSITIONS, **options.site.file.discharge},
    )  # fmt: skip
    return admitted(outcome, message, options.site, now)


def messages(path: Path) -> Iterator[bytes]:
    """As `batches.split` cuts the whole file, block by block."""
    rest = b""
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            data = rest + block
            last = max((found.end() for found in _STARTS.finditer(data)), default=0)
            yield from split(data[:last])
            rest = data[last:]
    yield from split(rest)


def read_ndjson(path: Path, options: Options) -> Iterator[Piece]:
    """One piece a line that is not blank; a line that is no event is refused."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            for outcome in ndjson.read(line, options.now()):
                yield piece(outcome, f"{path.name}, line {number}", len(line), options)


def read_fhir(path: Path, options: Options) -> Iterator[Piece]:
    """One piece a document: the file, one of an array, or a line of a bulk export."""
    naming = Naming(
        sender=options.sender or FHIR_SENDER,
        laboratory=options.laboratory,
        systems=options.site.file.identifier.systems,
        choose=options.site.patient_id,
    )
    for number, document in enumerate(_documents(path), 1):
        reading = taking_in.read(document, options.now(), naming=naming, purpose=options.purpose)
        yield piece(outcome_of(reading), f"{path.name}, resource {number}", len(document), options)


def _documents(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        head = [file.readline(), file.readline()]
        if len(documents(b"".join(head))) == 1:
            yield from documents(path.read_bytes())
            return
        yield from (line for line in head if line.strip())
        yield from (line for line in file if line.strip())
