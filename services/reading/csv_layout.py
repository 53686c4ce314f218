"""How a CSV of results is laid out: encoding, delimiter and the names of its columns (docs/import.md). No I/O.

Strict on purpose: a column that is misspelt or an encoding that is guessed would be read wrong ten thousand times.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from csv import Error, reader
from dataclasses import dataclass
from difflib import get_close_matches

COLUMNS = (
    "authority", "patient", "family", "given", "birth_date", "sex", "laboratory", "order", "placer_order", "accession",
    "specimen", "specimen_condition", "code", "system", "name", "loinc", "sub_id", "value", "unit", "status",
    "collected_at", "reported_at", "reference_range", "method", "flags", "comment",
)  # fmt: skip
"""In the order of the template; a file may have them in any order and leave out all but REQUIRED."""
REQUIRED = ("patient", "value", "status", "collected_at")
CODES = ("code", "loinc")
"""At least one of them."""
DELIMITERS = (";", ",", "\t")
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
TEMPLATE = (
    ";".join(COLUMNS) + "\r\n"
    "HOSP;0000001;Madeup;Person;1950-01-01;F;LAB1;O-1001;;;S-1001;;CA;LAB1;Calcium;17861-6;;2,41;mmol/L;F;"
    "2024-03-01T08:10:00+01:00;2024-03-01T10:02:00+01:00;2,15-2,55;;;\r\n"
    "HOSP;0000001;Madeup;Person;1950-01-01;F;LAB1;O-1001;;;S-1001;;MKOMP;LAB1;M-protein;33358-3;;<1,0;g/L;F;"
    "2024-03-01T08:10:00+01:00;2024-03-01T10:02:00+01:00;;;;\r\n"
)
"""The header and two rows of a person who does not exist."""


class CsvInvalid(ValueError):
    """The file as a whole cannot be read; the text says what to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Of one file."""

    encoding: str
    """A codec name; a byte-order mark is taken off before."""
    delimiter: str
    columns: tuple[str, ...]
    header: bytes
    """The first line as it stands, without a byte-order mark."""

    @property
    def places(self) -> tuple[int, ...]:
        """For each of COLUMNS where it stands in a row; -1 where the file has none."""
        return tuple(self.columns.index(name) if name in self.columns else -1 for name in COLUMNS)


def read_layout(first: bytes, encoding: str = "utf-8") -> Layout:
    """From the first line. CsvInvalid says which columns are missing or unknown, and what they may have meant."""
    if first.startswith(UTF_16):
        raise CsvInvalid("the file is UTF-16; save it as UTF-8")
    line = first.removeprefix(codecs.BOM_UTF8)
    try:
        text = line.decode("utf-8" if line is not first else encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise CsvInvalid(f"line 1 is no {encoding}: {error}") from error
    delimiter, names = _split(text.strip())
    _check(names)
    return Layout(
        encoding="utf-8" if line is not first else encoding, delimiter=delimiter, columns=tuple(names), header=line
    )


def looks_like_csv(first: bytes) -> bool:
    """Whether a first line has the names that every file of results has."""
    text = first.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")
    return {"patient", "collected_at"} <= set(_split(text.strip())[1])


def _split(text: str) -> tuple[str, list[str]]:
    """By the delimiter that gives most of the known names."""
    forms = [(delimiter, _names(text, delimiter)) for delimiter in DELIMITERS]
    return max(forms, key=lambda form: len(set(form[1]) & set(COLUMNS)))


def _names(text: str, delimiter: str) -> list[str]:
    try:
        cells: list[str] = next(iter(reader([text], delimiter=delimiter)), [])
    except Error:  # a line break inside, as of HL7 v2: no names
        return []
    return [cell.strip().lower() for cell in cells]


def _check(names: list[str]) -> None:
    wrong = [*_unknown(names), *_twice(names), *_missing(names)]
    if wrong:
        raise CsvInvalid(
            f"line 1, the names of the columns: {'; '.join(wrong)}. Known are {', '.join(COLUMNS)}; "
            "`halo import --template` prints a file to begin with"
        )


def _unknown(names: Iterable[str]) -> Iterable[str]:
    for name in names:
        if name not in COLUMNS:
            near = get_close_matches(name, COLUMNS, 1)
            yield f"unknown {name!r}" + (f" (did you mean {near[0]!r}?)" if near else "")


def _twice(names: list[str]) -> Iterable[str]:
    return [f"{name!r} stands twice" for name in sorted({n for n in names if names.count(n) > 1})]


def _missing(names: list[str]) -> Iterable[str]:
    yield from (f"{name!r} is missing" for name in REQUIRED if name not in names)
    if not set(CODES) & set(names):
        yield "'code' or 'loinc' is missing"
