"""What a clinician reads of a value that is held and looks critical: never the value alone, always that it is doubtful.

Agreed behaviour 2: "UNVERIFIED: calcium 13.9 without unit, CRITICAL if mg/dL; call the laboratory".
"""

from __future__ import annotations

import msgspec

from alerts.explaining import label
from alerts.wording import figures
from alerts.wording.catalogue import Language, catalogue

LONGEST = 30
"""Characters of a value as sent; more is no value."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """One held value, as sent."""

    analyte: str
    value: str
    unit: str
    units: tuple[str, ...]
    """In which of them it would be critical."""
    laboratory: str
    reason: str
    severity: str = "CRITICAL"
    ward: str = ""
    words: bool = False
    """Whether the number stands among words: it is told letter for letter, in quotes."""
    known: bool = True
    """Whether Halo knows whose it is."""


def page(held: Held, language: Language) -> str:
    """The call for one."""
    words = catalogue(language)
    place = "" if held.known else words.text("unverified.unplaced")
    ward = words.text("unverified.ward", ward=held.ward) if held.ward else place
    return words.text("unverified.one", what=_what(held, language), laboratory=held.laboratory or "?", ward=ward)


def storm(newest: Held, many: int, language: Language) -> str:
    """One call for a feed that sends many such values."""
    return catalogue(language).text(
        "unverified.storm", what=_what(newest, language), laboratory=newest.laboratory or "?", reason=newest.reason,
        many=str(many),
    )  # fmt: skip


def _what(held: Held, language: Language) -> str:
    words = catalogue(language)
    key = "unverified.value" if held.unit.strip() else "unverified.unitless"
    value = _plain(held.value)
    shown = f"'{value}'" if held.words else _number(value, language)
    said = words.text(
        key, name=label(language, held.analyte), value=shown,
        unit=figures.unit(_plain(held.unit), language), severity=words.text(f"severity.{held.severity}"),
    )  # fmt: skip
    others = tuple(figures.unit(name, language) for name in held.units if name != held.unit)
    return said + words.text("unverified.if", units=", ".join(others)) if others else said


def _number(value: str, language: Language) -> str:
    """With a decimal comma where the language has one; what can be read in two ways stays as it was sent."""
    plain = value.count(".") == 1 and "," not in value
    return value.replace(".", ",") if language == "sl" and plain else value


def _plain(text: str) -> str:
    """What a sender wrote, on one line and short."""
    return "".join(c if c.isprintable() else " " for c in text)[:LONGEST].strip()
