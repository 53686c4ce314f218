"""TOML text to a `Site`; a mistake is reported with line and key."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, get_args, get_type_hints
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from schemas.analytes import ANALYTES
from schemas.units import canonical_spelling, scales
from services.mapping import sender_checks, site_tables
from services.mapping.codes import CodeEntry, Ignore
from services.mapping.site import Enrolment, EnrolRule, IdentifierRules, Laboratory, Sender, Site, SiteFile
from services.mapping.specimen import CONDITIONS

_OWN = frozenset(SiteFile.__struct_fields__)
_KEYS = {
    "code": frozenset(CodeEntry.__struct_fields__), "ignore": frozenset(Ignore.__struct_fields__),
    "sender": frozenset(Sender.__struct_fields__), "laboratory": frozenset(Laboratory.__struct_fields__),
    "identifier": frozenset(IdentifierRules.__struct_fields__), "enrolment": frozenset(Enrolment.__struct_fields__),
    "enrol": frozenset(EnrolRule.__struct_fields__),
}  # fmt: skip
"""By table."""
_NUMBERS = ("1234567", "ABC123")
"""Identifiers of nobody in particular: a pattern for test patients must not mean them all."""
_HEADER = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.\-]+)\s*\]")
_UNKNOWN = re.compile(r"unknown field `([^`]*)`")
_PLACE = re.compile(r"at `\$\.?([^`]*)`")
_STEP = re.compile(r"([a-z_]+)|\[[^\]]*\]")
"""A key, or an entry of a list or table (an empty match of the group)."""


_HOW = {
    "Expected `array`, got `str`": 'it is a list, write ["..."]', "Expected `str`, got `int`": "write it in quotes",
    "Expected `str`, got `float`": "write it in quotes", "Invalid decimal string": 'write a number as "2.15"',
}  # fmt: skip
"""What to do about what msgspec says."""


class SiteInvalid(ValueError):
    """The site file cannot be used; the text names line, key and mistake."""


def read_site(text: str, name: str = "site file") -> Site:
    """Raises SiteInvalid. `name` stands in the messages; nothing is read but `text`."""
    try:
        everything = tomllib.loads(text)
        own = {key: value for key, value in everything.items() if key in _OWN}
        unknown = sorted(everything.keys() - _OWN - site_tables.OTHERS)
        if unknown:
            raise _invalid(
                text, name, unknown[0], f"no such key or table{_near(unknown[0], _OWN | site_tables.OTHERS)}"
            )
        file = msgspec.convert(own, SiteFile, strict=True)
    except tomllib.TOMLDecodeError as error:
        raise SiteInvalid(f"{name}: not TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise _invalid(text, name, _place(str(error)), _said(str(error))) from error
    others = {key: value for key, value in everything.items() if key in site_tables.OTHERS}
    wrong = [*_mistakes(file), *site_tables.mistakes(others)]
    if wrong:
        raise SiteInvalid("\n".join(str(_invalid(text, name, place, mistake)) for place, mistake in wrong))
    return Site(file, hashlib.sha256(text.encode()).hexdigest()[:12], others, text)


def _place(message: str) -> str:
    """Where msgspec says the mistake is, down to a key that should not be there."""
    found, unknown = _PLACE.search(message), _UNKNOWN.search(message)
    return ".".join(part for part in (found[1] if found else "", unknown[1] if unknown else "") if part)


def _said(message: str) -> str:
    """What msgspec says, with the keys that there are where one is misspelt."""
    unknown = _UNKNOWN.search(message)
    if unknown is None:
        return _wanted(message)
    table = (_PLACE.search(message) or ["", ""])[1].partition("[")[0].partition(".")[0]
    keys = _KEYS.get(table, frozenset())
    return f"no such key{_near(unknown[1], keys)}; there are {', '.join(sorted(keys))}" if keys else message


def _wanted(message: str) -> str:
    """The same with the words that may stand there, or how a list of tables is written."""
    place, said = _place(message), message.partition(" - at ")[0]
    if said.startswith("Invalid enum value"):
        return f"{said.removeprefix('Invalid enum value ')} is none of {', '.join(_choices(place))}"
    if said == "Expected `array`, got `object`":
        return f"is a list of tables: write [[{place}]] instead of [{place}]"
    return f"{said}: {_HOW[said]}" if said in _HOW else said


def _choices(place: str) -> tuple[str, ...]:
    """What a key with fixed words takes, by its place as msgspec writes it: `sender[0].state`."""
    kind: Any = SiteFile
    for name in _STEP.findall(place):
        kind = get_type_hints(kind)[name] if name else [one for one in get_args(kind) if one is not ...][-1]
    return tuple(repr(word) for word in get_args(kind) if word)


def _near(word: str, words: Iterable[str]) -> str:
    found = get_close_matches(word, sorted(words), n=1)
    return f"; is {found[0]!r} meant?" if found else ""


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
    names: dict[str, int] = {}
    for at, laboratory in enumerate(file.laboratory):
        yield from _laboratory(at, laboratory)
        if (first := names.setdefault(laboratory.name, at)) != at:
            yield f"laboratory[{at}].name", f"{laboratory.name!r} has entry {first + 1} already; put both into one"
    for at, rule in enumerate(file.enrol):
        yield from _enrol(at, rule)


def _code(at: int, entry: CodeEntry) -> Iterator[tuple[str, str]]:
    if entry.analyte not in ANALYTES:
        near = _near(entry.analyte, ANALYTES)
        yield f"code[{at}].analyte", f"{entry.analyte!r} is no analyte{near}; there are {', '.join(sorted(ANALYTES))}"
    elif entry.unit_when_missing and canonical_spelling(entry.unit_when_missing) not in scales(entry.analyte):
        known = ", ".join(scales(entry.analyte))
        yield (
            f"code[{at}].unit_when_missing",
            f"{entry.unit_when_missing!r} is not accepted for {entry.analyte}: {known}",
        )
    yield from ((f"code[{at}].conditions", text) for text in _conditions(entry.conditions))


def _enrol(at: int, rule: EnrolRule) -> Iterator[tuple[str, str]]:
    if not rule.name.strip():
        yield f"enrol[{at}].name", "is missing: it stands in the record as who enrolled"
    if not (rule.sender or rule.ward or rule.service or rule.diagnosis):
        yield (
            f"enrol[{at}]",
            'says no sender, ward, service or diagnosis; for everybody write [enrolment] watch = "all"',
        )
    if "*" in rule.diagnosis.removesuffix("*") or rule.diagnosis == "*":
        yield f"enrol[{at}].diagnosis", "a star stands at the end only, after the beginning of a code: C90*"


def _laboratory(at: int, laboratory: Laboratory) -> Iterator[tuple[str, str]]:
    yield from ((f"laboratory[{at}].units", text) for _, text in _units(laboratory.units))
    yield from ((f"laboratory[{at}].conditions", text) for text in _conditions(laboratory.conditions.values()))
    for name in sorted(laboratory.reference.keys() - ANALYTES.keys()):
        yield f"laboratory[{at}].reference", f"{name!r} is no analyte"
    for name in sorted(laboratory.loq.keys() - ANALYTES.keys()):
        yield f"laboratory[{at}].loq", f"{name!r} is no analyte"
    for name, bounds in laboratory.reference.items():
        if bounds.low is not None and bounds.high is not None and bounds.low > bounds.high:
            yield f"laboratory[{at}].reference", f"{name}: low {bounds.low} is above high {bounds.high}"
    if any(not value.is_finite() or value < Decimal(0) for value in laboratory.loq.values()):
        yield f"laboratory[{at}].loq", "a limit of quantification is a number from 0"


def _conditions(codes: Iterable[str]) -> Iterator[str]:
    for code in codes:
        if code not in CONDITIONS:
            yield f"{code!r} is no condition that Halo knows; there are {', '.join(sorted(CONDITIONS))}"


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
    best, count, inside, top = 1, -1, False, True
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(line)
        if header is not None:
            top = False
            count += header[2] == table
            inside = header[2].split(".")[0] == table and count <= wanted and count in {wanted, -1}
            best = number if header[2] == table and count == wanted else best
        elif _is_key(line, key if inside and key else table) and (inside if key else top):
            return number
    return best


def _is_key(line: str, key: str) -> bool:
    return re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line) is not None
