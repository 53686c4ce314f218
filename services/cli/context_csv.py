"""The CSV of patient context: `patient,kind,from,to,code,value,unit,note`, named as in `PUT patients/{id}/context`."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import get_args, get_type_hints

import msgspec

from schemas.identity import event_id
from schemas.patient_event import ContextChange, ContextEntry, Patient, Source

COLUMNS = ("patient", "kind", "from", "to", "code", "value", "unit", "note")


KINDS: tuple[str, ...] = get_args(get_type_hints(ContextEntry)["kind"])


class ContextInvalid(ValueError):
    """The file cannot be used; the text names line and mistake."""


def read_context(path: Path, received_at: str) -> Iterator[ContextChange]:
    """One event a line. ContextInvalid for a wrong column, kind or missing patient; OSError when unreadable."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        unknown = set(rows.fieldnames or ()) - set(COLUMNS)
        if unknown or "patient" not in (rows.fieldnames or ()):
            raise ContextInvalid(f"{path}, line 1: columns are {','.join(COLUMNS)}; unknown: {sorted(unknown)}")
        for number, row in enumerate(rows, start=2):
            yield _change(
                path, number, {name: (value or "").strip() for name, value in row.items() if name}, received_at
            )


def _change(path: Path, number: int, row: dict[str, str], received_at: str) -> ContextChange:
    who = row.pop("patient")
    if not who:
        raise ContextInvalid(f"{path}, line {number}: no patient")
    if "|" not in who:
        raise ContextInvalid(f"{path}, line {number}: the patient is written `authority|value`, as in the output")
    if row.get("kind") not in KINDS:
        raise ContextInvalid(f"{path}, line {number}: kind {row.get('kind')!r} is none of {', '.join(KINDS)}")
    for name in ("from", "to"):
        _time(row.get(name, ""), f"{path}, line {number}, {name}")
    try:
        entry = msgspec.convert(row, ContextEntry)
    except msgspec.ValidationError as error:
        raise ContextInvalid(f"{path}, line {number}: {error}") from error
    digest = hashlib.sha256(msgspec.json.encode((number, row))).hexdigest()
    source = Source(format="csv", sender="context", received_at=received_at, sha256=digest)
    return ContextChange(
        event_id=event_id("context", digest, who), patient=Patient(id=who), source=source, entries=(entry,)
    )


def _time(text: str, where: str) -> None:
    """Empty, a date or a time as ISO 8601 writes them."""
    try:
        datetime.fromisoformat(text or "2000-01-01")
    except ValueError as error:
        raise ContextInvalid(f"{where}: {text!r} is no time; write 2026-03-01 or 2026-03-01T10:00:00+01:00") from error
