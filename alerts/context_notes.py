"""What is given while the sample is taken and may move the value: said with the alert, no number changes by it.

Albumin and immunoglobulin infusions, steroids and growth factors are named by the specification (README, principle 8)
without a limit or a window, so they are noted only, and only while the entry lasts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from alerts.rule import View

NOTES = ("during_infusion", "on_steroid", "on_growth_factor")
"""Flags of alerts."""
_KIND: Mapping[str, str] = dict(zip(NOTES, ("infusion", "steroid", "growth_factor"), strict=True))
_MOVES: Mapping[str, frozenset[str]] = {
    "infusion": frozenset({"ca", "ca_adj", "ica", "visc", "tp", "igg", "iga", "igm", "igg3", "mspike"}),
    "steroid": frozenset({"neut"}),
    "growth_factor": frozenset({"neut"}),
}
"""Analytes whose alerts say so, by kind of context."""
_NO = frozenset({"no", "false"})


def given(view: View, analyte: str, at: datetime) -> tuple[str, ...]:
    """Flags for an alert that shows this analyte."""
    return tuple(flag for flag, kind in _KIND.items() if analyte in _MOVES[kind] and _given(view, kind, at))


def _given(view: View, kind: str, at: datetime) -> bool:
    """By the newest entry that holds; one that says `no` ends what has no end."""
    entries = view.context.active(kind, at)
    return bool(entries) and (entries[-1].value or entries[-1].code).strip().casefold() not in _NO
