"""The CSV of patient context: `patient,kind,from,to,code,value,unit,note`, named as in `PUT patients/{id}/context`."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec

from schemas.patient_event import ContextChange, ContextEntry
from services.shared.context_event import SENDER, context_change, fault

COLUMNS = ("patient", "kind", "from", "to", "code", "value", "unit", "note")
KINDS: tuple[str, ...] = get_args(get_type_hints(ContextEntry)["kind"])


class ContextInvalid(ValueError):
    """The file cannot be used; the text names line and mistake."""


def read_context(path: Path, received_at: str) -> list[ContextChange]:
    """One event a line, the later lines said later.

    ContextInvalid naming every line that cannot be used; OSError when the file is unreadable.
    """
    found: list[ContextChange] = []
    wrong: list[str] = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        unknown = set(rows.fieldnames or ()) - set(COLUMNS)
        if unknown or "patient" not in (rows.fieldnames or ()):
            raise ContextInvalid(f"{path}, line 1: columns are {','.join(COLUMNS)}; unknown: {sorted(unknown)}")
        for row in rows:
            try:
                found.append(_change(f"{path}, line {rows.line_num}", row, _after(received_at, len(found))))
            except ContextInvalid as error:
                wrong.append(str(error))
    if wrong:
        raise ContextInvalid("\n".join(wrong))
    return found


def _after(received_at: str, lines: int) -> str:
    """So many microseconds later."""
    at = datetime.fromisoformat(received_at) + timedelta(microseconds=lines)
    return at.isoformat().replace("+00:00", "Z")


def _change(where: str, row: dict[str | None, Any], received_at: str) -> ContextChange:
    if None in row:
        raise ContextInvalid(f"{where}: more cells than columns; a comma within a note needs quotes")
    cells = {name: (value or "").strip() for name, value in row.items() if name}
    patient = _patient(cells.pop("patient"), where)
    if cells.get("kind") not in KINDS:
        raise ContextInvalid(f"{where}: kind {cells.get('kind')!r} is none of {', '.join(KINDS)}")
    entry = msgspec.convert(cells, ContextEntry)
    wrong = fault(entry)
    if wrong:
        raise ContextInvalid(f"{where}, {wrong}")
    return context_change(patient, (entry,), who=SENDER, received_at=received_at, form="csv")


def _patient(text: str, where: str) -> str:
    if not text:
        raise ContextInvalid(f"{where}: no patient")
    if "|" not in text:
        raise ContextInvalid(f"{where}: the patient is written `authority|value`, as in the output")
    return text
