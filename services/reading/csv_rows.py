"""Rows of a CSV of results: the bytes of each, and what one says. No I/O.

A row that cannot be placed (no patient, no code, no time, cells that do not fit the header) is refused with its line.
What its value, unit or code means is not asked here: that is mapping's, which holds it for the steward.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from schemas.patient_event import Absent, Coding, Quantity, ReportedResult, Text, Value, Where
from services.reading.csv_layout import Layout
from services.reading.csv_times import read_moment

_NUMBER = re.compile(r"(?P<comparator>[<>]=?)?\s*+(?P<number>[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+))", re.ASCII)
_NOWHERE = Where(segment=0, offset=0, length=0)
BLANK = "T00:00:00"


class Raw(NamedTuple):
    """A row as it stands in the file."""

    line: int
    """Of its first byte; the header is 1."""
    data: bytes
    cells: list[str]
    fault: str = ""


class Person(NamedTuple):
    """Whom a row is about, as said in it."""

    id: str
    """`authority|value`."""
    family: str
    given: str
    birth_date: str
    sex: str


class Row(NamedTuple):
    """A row that can be placed."""

    person: Person
    report: tuple[str, str, str]
    """Reported at, laboratory, order: rows of one person with the same are one report."""
    data: bytes
    result: ReportedResult


class RowRefused(ValueError):
    """The row cannot be placed; the text says why."""


def raw_rows(lines: Iterable[bytes], layout: Layout, line: int = 2) -> Iterator[Raw]:
    """Cut at the line ends outside of quotes; blank lines are passed over. `lines` keep their ends."""
    taken: list[bytes] = []

    def texts() -> Iterator[str]:
        for one in lines:
            taken.append(one)
            yield one.decode(layout.encoding, "surrogateescape")

    rows = csv.reader(texts(), delimiter=layout.delimiter, strict=True)
    while True:
        fault, cells = "", []
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            fault = f"the quotes of this row do not match ({error})"
        data, first = b"".join(taken), line
        line += len(taken)
        taken.clear()
        if fault or cells:
            yield Raw(first, data, cells, fault or _misfit(cells, layout))


def _misfit(cells: list[str], layout: Layout) -> str:
    if len(cells) != len(layout.columns):
        return (
            f"{len(cells)} cells, the header has {len(layout.columns)}; a {layout.delimiter!r} within text needs quotes"
        )
    if any("\udc80" <= letter <= "\udcff" for cell in cells if not cell.isascii() for letter in cell):
        return f"not {layout.encoding}"
    return ""


def patient_of(raw: Raw, places: tuple[int, ...], authority: str = "") -> str:
    """`authority|value` of a row without a fault; `authority` where the row names none. Empty when it names nobody."""
    own = raw.cells[places[0]].strip() if places[0] >= 0 else ""
    value = raw.cells[places[1]].strip()
    if not own and "|" in value:
        own, _, value = value.partition("|")
    own = own.strip() or authority
    return f"{own}|{value.strip()}" if own and value.strip() else ""


def read_row(raw: Raw, layout_places: tuple[int, ...], *, authority: str = "", laboratory: str = "") -> Row:
    """What a row says; `authority` and `laboratory` where it names none. RowRefused."""
    if raw.fault:
        raise RowRefused(raw.fault)
    cells = [raw.cells[place].strip() if place >= 0 else "" for place in layout_places]
    (_, _, family, given, born, sex, own_laboratory, order, placer, accession, specimen, conditions, code, system, name,
     loinc, sub_id, value, unit, status, collected, reported, limits, method, flags, comment) = cells  # fmt: skip
    patient = patient_of(raw, layout_places, authority)
    if not patient:
        raise RowRefused("names no patient: `patient` and `authority` (or --authority) are needed")
    if not (code or loinc):
        raise RowRefused("neither `code` nor `loinc` says what was measured")
    if not status:
        raise RowRefused("`status` is empty; write F where the laboratory has released the value for good")
    collected_at = _moment(collected, "collected_at")
    reported_at = _moment(reported, "reported_at") if reported else _whole(collected_at)
    person = Person(patient, family, given, _moment(born, "birth_date") if born else "", sex)
    laboratory = own_laboratory or laboratory
    codings = [Coding(code=code, system=system, display=name)] if code else []
    codings += [Coding(code=loinc, system="LN", display="" if code else name)] if loinc else []
    result = ReportedResult(
        code=tuple(codings), status=status, value=read_cell(value), where=_NOWHERE, laboratory=laboratory,
        filler_order=order, placer_order=placer, accession=accession, specimen=specimen,
        specimen_conditions=_words(conditions), sub_id=sub_id, collected_at=collected_at, collected_from="collected_at",
        reported_at=reported_at, unit=unit, reference_range=limits, method=method, flags=_words(flags),
        comments=(comment,) if comment else (),
    )  # fmt: skip
    key = order or accession or specimen or placer or collected_at
    return Row(person, (reported_at, laboratory, key), raw.data, result)


def read_cell(text: str) -> Value:
    """A number with or without a comparator, digits as they stand; other words are text, nothing is absent."""
    if not text:
        return Absent()
    found = _NUMBER.fullmatch(text)
    if found is None:
        return Text(text=text)
    return Quantity(number=found["number"], comparator=found["comparator"] or "")


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.replace("~", " ").split()) if text else ()


def _whole(collected_at: str) -> str:
    """A version time where none is given: nothing is reported before it is collected, so it overtakes nothing dated."""
    return collected_at if "T" in collected_at else collected_at + BLANK


def _moment(text: str, column: str) -> str:
    found = read_moment(text)
    if len(found) < len("2024-03-01"):
        raise RowRefused(
            f"`{column}` {text[:40]!r} is no time that can be read in one way only; write 2024-03-01T08:10+01:00"
        )
    return found
