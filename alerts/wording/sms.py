"""The same line for a pager: GSM-7 characters, at most 160 of them, severity and finding first (behaviour 4).

Without an identifier and without a diagnosis, as the headline it is made of. Ward, code and answer time belong to
one sending and are not known here.
"""

from __future__ import annotations

from alerts.alert import AlertState
from alerts.wording.catalogue import LANGUAGES, Language, catalogue
from alerts.wording.figures import pager

LENGTH = 160
_TWICE = frozenset("^{}\\[~]|€")
"""Characters of GSM-7 that take the room of two."""


def sms(alert: AlertState) -> dict[str, str]:
    """`en` and `sl`: `HALO CRITICAL: Ca adj. 3.62 mmol/L, +1.20 in 3 days, ..., sample 1 Mar 08:00`."""
    return {language: _line(alert, language) for language in LANGUAGES}


def septets(text: str) -> int:
    """The room a GSM-7 text takes."""
    return sum(2 if character in _TWICE else 1 for character in text)


def _line(alert: AlertState, language: Language) -> str:
    """Notes before the sample time, which is always said, are dropped from the last until the line fits."""
    words = catalogue(language)
    parts = _short(alert, language).split(", ")
    head = f"HALO {words.text(f'severity.{alert.severity}')}: "
    while len(parts) > 2 and septets(pager(head + ", ".join(parts))) > LENGTH:  # noqa: PLR2004 - finding and time stay
        del parts[-2]
    return pager(head + ", ".join(parts))


def _short(alert: AlertState, language: Language) -> str:
    """The headline with the short name of its analyte, where there is one."""
    words, said = catalogue(language), alert.summary[language]
    label = words.first(f"analyte.{alert.analyte}")
    short = words.first(f"short.{alert.analyte}")
    return short + said.removeprefix(label) if short and label and said.startswith(label) else said
