"""The interface's words in Slovene and English, and how each language writes numbers, times and ages.

Texts stand in `words.toml`. No sentence is glued together; counts stand behind a colon, so no plural form is needed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from babel.dates import format_datetime

from alerts.explaining import label
from alerts.wording.catalogue import catalogue as wording
from alerts.wording.figures import unit

Language = Literal["sl", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
_PATTERN = {"sl": "d. M. y HH:mm", "en": "d MMM y HH:mm"}
_DAY = {"sl": "d. M. y", "en": "d MMM y"}


@cache
def catalogue() -> dict[str, dict[Language, str]]:
    """Every key with its text in each language."""
    data: dict[str, dict[Language, str]] = tomllib.loads(
        resources.files("services.board").joinpath("words.toml").read_text("utf-8")
    )
    return data


class Words:
    """Text, numbers and times for one reader."""

    def __init__(self, language: Language, zone: ZoneInfo) -> None:
        self.language: Language = language
        self.zone = zone

    def __call__(self, key: str, **values: object) -> str:
        """The text called `key`; KeyError when the catalogue lacks it (a test looks up every key that is used)."""
        return catalogue()[key][self.language].format(**values)

    def term(self, key: str, fallback: str) -> str:
        """A name that comes from data, such as a flag's: the pages' own, else the alerts' wording, else `fallback`."""
        entry = catalogue().get(key)
        others = (key, key.replace("flag.", "note.", 1))
        return entry[self.language] if entry else wording(self.language).first(*others, default=fallback)

    def condition(self, name: str) -> str:
        """A quantity or fact of a condition tree, in words."""
        own = catalogue().get(f"analyte.{name}")
        return own[self.language] if own else label(self.language, name)

    def number(self, value: Decimal | str | None) -> str:
        """Digits exactly as they are, with the language's decimal separator; a dash for nothing."""
        if value is None:
            return "–"  # noqa: RUF001 - an en dash is what stands in a table for nothing
        text = f"{value:f}" if isinstance(value, Decimal) else value
        return text.replace(".", ",") if self.language == "sl" else text

    def unit(self, code: str) -> str:
        """A UCUM code as people write it: µmol/L for umol/L."""
        return unit(code, self.language)

    def stamp(self, moment: datetime | None) -> str:
        """Date and time of day in the site's zone."""
        return format_datetime(moment, _PATTERN[self.language], self.zone, locale=self.language) if moment else "–"  # noqa: RUF001 - as above

    def day(self, moment: datetime) -> str:
        """Date in the site's zone."""
        return format_datetime(moment, _DAY[self.language], self.zone, locale=self.language)

    def clock(self, moment: datetime) -> str:
        """Time of day in the site's zone."""
        return moment.astimezone(self.zone).strftime("%H:%M")


def age(span: timedelta) -> str:
    """`5 min`, `3 h`, `12 d`: units that read the same in both languages. A moment in the future is `0 min`."""
    minutes = max(0, int(span.total_seconds() // 60))
    if minutes < 60:  # noqa: PLR2004 - minutes an hour
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h" if hours < 48 else f"{hours // 24} d"  # noqa: PLR2004 - two days are still said in hours


def preferred(accept_language: str, fallback: Language) -> Language:
    """The first of our languages that an Accept-Language header names, by its weights."""
    for tag in _by_weight(accept_language):
        for language in LANGUAGES:
            if tag == language or tag.startswith(f"{language}-"):
                return language
    return fallback


def _by_weight(header: str) -> Iterable[str]:
    weighted: list[tuple[float, int, str]] = []
    for position, part in enumerate(header.split(",")):
        tag, _, parameters = part.strip().lower().partition(";")
        quality = parameters.strip().removeprefix("q=") or "1"
        try:
            weighted.append((-float(quality), position, tag.strip()))
        except ValueError:
            continue  # a malformed wish is no wish
    return [tag for weight, _, tag in sorted(weighted) if weight < 0]
