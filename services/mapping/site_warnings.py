"""What a valid site file may still have wrong: each with its line and what to do. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import msgspec

from schemas.analytes import BY_LOINC, NEVER
from schemas.units import ALIASES, canonical_spelling, scales
from services.mapping.site import Site
from services.mapping.site_file import line_of


class Warned(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to look at; the file can be used all the same."""

    line: int
    place: str
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.place}: {self.text}"


def warnings(site: Site) -> list[Warned]:
    """In the order of their lines."""
    parts = (_zone, _identity, _senders, _laboratories, _codes, _units_of_codes, _units)
    found = (
        Warned(line=line_of(site.content, place), place=place, text=text)
        for part in parts
        for place, text in part(site)
    )
    return sorted(found, key=lambda one: (one.line, one.place, one.text))


def _zone(site: Site) -> Iterator[tuple[str, str]]:
    if "zone" not in _written(site):
        yield "zone", 'is missing: times without an offset count as UTC. Write zone = "Europe/Ljubljana"'


def _identity(site: Site) -> Iterator[tuple[str, str]]:
    if not site.file.identifier.authorities:
        yield "identifier", "lists no authorities: an identifier of anybody makes a patient. List them in authorities"


def _senders(site: Site) -> Iterator[tuple[str, str]]:
    if not site.senders:
        yield "sender", "none is listed: any system that reaches the port may send. Add a [[sender]] for each"
    for at, sender in enumerate(site.senders):
        if (sender.application or sender.facility) and not sender.addresses and not sender.certificate:
            yield (
                f"sender[{at}].name",
                f"{sender.name!r} has neither addresses nor a certificate: anybody can pose as it",
            )
        taken = site.file.identifier.authorities
        for one in sorted({*sender.authorities} - {*taken}) if taken else ():
            yield f"sender[{at}].authorities", f"{one!r} is not in [identifier] authorities: its numbers are held"


def _laboratories(site: Site) -> Iterator[tuple[str, str]]:
    listed = {name for sender in site.senders for name in sender.laboratories}
    if not listed:
        return
    for at, laboratory in enumerate(site.file.laboratory):
        if laboratory.name and laboratory.name not in listed:
            yield f"laboratory[{at}].name", f"{laboratory.name!r} is sent by no [[sender]]: nothing of it is ever used"
    for at, entry in enumerate(site.file.code):
        if entry.laboratory and entry.laboratory not in listed:
            yield f"code[{at}].laboratory", f"{entry.laboratory!r} is sent by no [[sender]]: the entry is never used"


def _codes(site: Site) -> Iterator[tuple[str, str]]:
    ignored = {(one.laboratory, one.code) for one in site.file.ignore}
    for at, ignore in enumerate(site.file.ignore):
        if watched := BY_LOINC.get(ignore.code, ""):
            yield (
                f"ignore[{at}].code",
                f"{ignore.code} is the LOINC code of {watched}: nobody is called for it any more",
            )
    for at, entry in enumerate(site.file.code):
        known, never = BY_LOINC.get(entry.code, ""), NEVER.get(entry.code)
        if known and known != entry.analyte:
            yield (
                f"code[{at}].analyte",
                f"{entry.code} is the LOINC code of {known}, here it stands for {entry.analyte}",
            )
        if never is not None and not never.locally:
            yield (
                f"code[{at}].code",
                f"{entry.code} as LOINC is never read ({never.reason}); it counts only in another system",
            )
        if {(entry.laboratory, entry.code), ("", entry.code)} & ignored:
            yield f"code[{at}].code", f"{entry.code!r} stands under [[ignore]] too: it is ignored"


def _units_of_codes(site: Site) -> Iterator[tuple[str, str]]:
    first: dict[tuple[str, str], tuple[str, str]] = {}
    for at, entry in enumerate(site.file.code):
        unit = canonical_spelling(entry.unit_when_missing)
        code, other = first.setdefault((entry.laboratory, entry.analyte), (entry.code, unit))
        if other != unit:
            yield (
                f"code[{at}].unit_when_missing",
                (
                    f"{entry.analyte} of this laboratory is mapped twice, {code!r} with {other or 'no unit'!r} and "
                    f"{entry.code!r} with {unit or 'no unit'!r}: ask the laboratory which holds"
                ),
            )


def _units(site: Site) -> Iterator[tuple[str, str]]:
    tables = [
        ("units", site.file.units),
        *((f"laboratory[{n}].units", lab.units) for n, lab in enumerate(site.file.laboratory)),
    ]
    spellings = {unit for analyte in set(BY_LOINC.values()) for unit in scales(analyte)} | set(ALIASES)
    for place, units in tables:
        for sent, unit in units.items():
            if sent in spellings and canonical_spelling(sent) != canonical_spelling(unit):
                yield (
                    place,
                    f"{sent!r} is a unit itself, here it stands for {unit!r}: every number in it changes its meaning",
                )


def _written(site: Site) -> dict[str, Any]:
    return tomllib.loads(site.content)
