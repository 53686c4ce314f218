"""The message catalogues `en.po` and `sl.po`, by key, with gettext's plural forms (Slovene has a dual).

The .po files are read as they stand; nothing has to be compiled beforehand.
"""

from __future__ import annotations

import gettext
from functools import cache
from importlib import resources
from io import BytesIO
from typing import Literal

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

Language = Literal["en", "sl"]
LANGUAGES: tuple[Language, ...] = ("en", "sl")
_KEPT = 10_000
"""So many messages with a number in them are kept as they were filled in."""


class Catalogue:
    """One language."""

    def __init__(self, language: Language) -> None:
        source = resources.files("alerts.wording").joinpath(f"{language}.po").read_bytes()
        catalogue = read_po(BytesIO(source), locale=language, abort_invalid=True)
        compiled = BytesIO()
        write_mo(compiled, catalogue)
        compiled.seek(0)
        self._messages = gettext.GNUTranslations(compiled)
        self.language = language
        self.keys = frozenset(m.id if isinstance(m.id, str) else m.id[0] for m in catalogue if m.id and m.string)
        self._texts = {key: self._messages.gettext(key) for key in self.keys}
        self._said = {key: text for key, text in self._texts.items() if "{" not in text and "}" not in text}
        """Those that are said as they stand."""
        self._counted: dict[tuple[str, int], str] = {}

    def __contains__(self, key: str) -> bool:
        return key in self.keys

    def text(self, key: str, **values: str) -> str:
        """The message with its values filled in; KeyError names a key that the catalogue lacks."""
        if not values and key in self._said:
            return self._said[key]
        try:
            return self._texts[key].format(**values)
        except KeyError as error:
            if key in self._texts:  # a value that the message names and nobody gave
                raise
            raise KeyError(f"{key} is missing in alerts/wording/{self.language}.po") from error

    def count(self, key: str, number: int) -> str:
        """The message in the form that goes with `number`, which it may show as {n}."""
        if key not in self.keys:
            raise KeyError(f"{key} is missing in alerts/wording/{self.language}.po")
        known = self._counted.get((key, number))
        if known is None:
            known = self._messages.ngettext(key, key, number).format(n=number)
            if len(self._counted) < _KEPT:
                self._counted[key, number] = known
        return known

    def first(self, *keys: str, default: str = "") -> str:
        """The first of the keys that is there; else `default`."""
        for key in keys:
            if key in self._texts:
                return self.text(key)
        return default


@cache
def catalogue(language: Language) -> Catalogue:
    """The catalogue of a language, read once."""
    return Catalogue(language)
