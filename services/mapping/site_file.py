"""TOML text to a `Site`; a mistake is reported with line and key."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from schemas.analytes import ANALYTES
from schemas.units import canonical_spelling, scales
from services.mapping import sender_checks
from services.mapping.codes import CodeEntry
from services.mapping.site import Laboratory, Site, SiteFile

_OWN = frozenset(SiteFile.__struct_fields__)
_OTHERS = frozenset({
    "ward", "team", "recipient", "person", "channel", "schedule", "policy", "language", "languages", "listen",
    "rules", "retention",
})  # fmt: skip
"""Tables of other parts of Halo."""
_NUMBERS = ("1234567", "ABC123")
"""Identifiers of nobody in particular: a pattern for test patients must not mean them all."""
_HEADER = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.\-]+)\s*\]")
_UNKNOWN = re.compile(r"unknown field `([^`]*)`")
_PLACE = re.compile(r"at `\$\.?([^`]*)`")


class SiteInvalid(ValueError):
    """The site file cannot be used; the text names line, key and mistake."""


def read_site(text: str, name: str = "site file") -> Site:
    """Raises SiteInvalid. `name` stands in the messages; nothing is read but `text`."""
    try:
        everything = tomllib.loads(text)
        own = {key: value for key, value in everything.items() if key in _OWN}
        unknown = sorted(everything.keys() - _OWN - _OTHERS)
        if unknown:
            raise _invalid(text, name, unknown[0], "no such key or table")
        file = msgspec.convert(own, SiteFile, strict=True)
    except tomllib.TOMLDecodeError as error:
        raise SiteInvalid(f"{name}: not TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise _invalid(text, name, _place(str(error)), str(error)) from error
    for place, mistake in _mistakes(file):
        raise _invalid(text, name, place, mistake)
    others = {key: value for key, value in everything.items() if key in _OTHERS}
    return Site(file, hashlib.sha256(text.encode()).hexdigest()[:12], others, text)


def _place(message: str) -> str:
    """Where msgspec says the mistake is, down to a key that should not be there."""
    found, unknown = _PLACE.search(message), _UNKNOWN.search(message)
    return ".".join(part for part in (found[1] if found else "", unknown[1] if unknown else "") if part)


def _invalid(text: str, name: str, place: str, mistake: str) -> SiteInvalid:
    return SiteInvalid(f"{name}, line {line_of(text, place)}: {place or 'file'}: {mistake}")


def _mistakes(file: SiteFile) -> Iterator[tuple[str, str]]:
    """What types alone do not catch; places are written as msgspec does: `code[2].analyte`."""
    yield from _zones(file)
    yield from _patterns(file)
    yield from _feeds(file)
    yield from sender_checks.mistakes(file.sender)
    yield from ((f"units.{sent}", text) for sent, text in _units(file.units))
    seen: dict[tuple[str, str, str], int] = {}
    for at, entry in enumerate(file.code):
        yield from _code(at, entry)
        first = seen.setdefault((entry.laboratory, entry.code, entry.system), at)
        if first != at:
            yield f"code[{at}].code", f"{entry.code!r} is mapped already in entry {first + 1}"
    for at, laboratory in enumerate(file.laboratory):
        yield from _laboratory(at, laboratory)


def _code(at: int, entry: CodeEntry) -> Iterator[tuple[str, str]]:
    if entry.analyte not in ANALYTES:
        yield f"code[{at}].analyte", f"{entry.analyte!r} is no analyte; there are {', '.join(sorted(ANALYTES))}"
    elif entry.unit_when_missing and canonical_spelling(entry.unit_when_missing) not in scales(entry.analyte):
        yield f"code[{at}].unit_when_missing", f"{entry.unit_when_missing!r} is not accepted for {entry.analyte}"


def _laboratory(at: int, laboratory: Laboratory) -> Iterator[tuple[str, str]]:
    yield from ((f"laboratory[{at}].units", text) for _, text in _units(laboratory.units))
    for name in sorted(laboratory.reference.keys() - ANALYTES.keys()):
        yield f"laboratory[{at}].reference", f"{name!r} is no analyte"
    for name in sorted(laboratory.loq.keys() - ANALYTES.keys()):
        yield f"laboratory[{at}].loq", f"{name!r} is no analyte"
    for name, bounds in laboratory.reference.items():
        if bounds.low is not None and bounds.high is not None and bounds.low > bounds.high:
            yield f"laboratory[{at}].reference", f"{name}: low {bounds.low} is above high {bounds.high}"
    if any(not value.is_finite() or value < Decimal(0) for value in laboratory.loq.values()):
        yield f"laboratory[{at}].loq", "a limit of quantification is a number from 0"


def _units(units: dict[str, str]) -> Iterator[tuple[str, str]]:
    known = {unit for name, row in ANALYTES.items() for unit in (*scales(name), *row.ratios, *row.per_volume)}
    for sent, unit in units.items():
        if canonical_spelling(unit) not in known:
            yield sent, f"{sent!r} stands for {unit!r}, which no analyte accepts"


def _patterns(file: SiteFile) -> Iterator[tuple[str, str]]:
    for pattern in file.identifier.test_patients:
        try:
            re.compile(pattern)
        except re.error as error:
            yield "identifier.test_patients", f"{pattern!r} is no regular expression: {error}"
            continue
        if all(re.fullmatch(pattern, number) for number in _NUMBERS):
            yield "identifier.test_patients", f"{pattern!r} takes in everybody: no alert at all would be sent"


def _feeds(file: SiteFile) -> Iterator[tuple[str, str]]:
    for at, sender in enumerate(file.sender):
        if sender.live_from and not is_instant(sender.live_from):
            yield f"sender[{at}].live_from", f"{sender.live_from!r} is no time with its zone (2026-03-01T06:00+01:00)"


def is_instant(text: str) -> bool:
    """A date and time with its offset: nobody's zone is guessed."""
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _zones(file: SiteFile) -> Iterator[tuple[str, str]]:
    named = [("zone", file.zone), *((f"sender[{at}].zone", sender.zone) for at, sender in enumerate(file.sender))]
    for place, zone in named:
        try:
            ZoneInfo(zone or file.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield place, f"{zone!r} is no time zone of the tz database, such as Europe/Ljubljana"


def line_of(text: str, place: str) -> int:
    """Line, from 1, of a place such as `code[2].analyte`; of its table when the key is not written there."""
    head, _, rest = place.partition(".")
    table, _, index = head.partition("[")
    key, wanted = re.split(r"[.\[]", rest)[0], int(index.rstrip("]") or 0) if index.rstrip("]").isdigit() else 0
    best, count, inside = 1, -1, False
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(line)
        if header is not None:
            count += header[2] == table
            inside = header[2].split(".")[0] == table and count <= wanted and count in {wanted, -1}
            best = number if header[2] == table and count == wanted else best
        elif _is_key(line, key if inside and key else table) and (inside if key else count < 0):
            return number
    return best


def _is_key(line: str, key: str) -> bool:
    return re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line) is not None
