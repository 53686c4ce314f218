"""The one line of an alert that the data make no longer: what was said, and what holds now (result life cycle 1).

For another patient's result (status W) the old value is not repeated; an `entered-in-error` reads as withdrawn by the
laboratory, not as another patient's (behaviour 4).
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from alerts.alert import AlertState
from alerts.lifecycle import Ending
from alerts.series import Point, Series
from alerts.wording import figures
from alerts.wording.catalogue import LANGUAGES, Language, catalogue


def notices(before: AlertState, ending: Ending, series: Series) -> dict[str, str]:
    """`en` and `sl`, under 140 characters, without an identifier. `series` is the present one."""
    now = series.at(before.analyte, _taken_at(before))
    return {language: _notice(before, ending, now, series, language) for language in LANGUAGES}


def _notice(before: AlertState, ending: Ending, now: Point | None, series: Series, language: Language) -> str:
    words = catalogue(language)
    when = figures.moment(_taken_at(before), int(before.facts.get("offset", "0")), language)
    parts = [_what_happened(before, ending, now, series, language), words.text("sample", when=when)]
    return ", ".join(parts)


def _taken_at(before: AlertState) -> datetime:
    """Of the value that was shown."""
    other = before.facts.get("value_at")
    return datetime.fromisoformat(other) if other else before.sampled_at


def _what_happened(before: AlertState, ending: Ending, now: Point | None, series: Series, language: Language) -> str:
    words = catalogue(language)
    if ending == "retracted_wrong_patient":
        in_error = any("entered_in_error" in flags for flags in _flags(before, series))
        return words.text("notice.entered_in_error" if in_error else "notice.wrong_patient")
    named = (f"analyte.{before.facts.get('label', before.analyte)}", f"analyte.{before.analyte}", f"rule.{before.rule}")
    label = words.first(*named, default=before.rule)
    said = figures.measured(before.value, before.unit, language) if before.value is not None else ""
    held = _value(now, before)
    if f"notice.{before.rule}" in words:
        return words.text(f"notice.{before.rule}", label=label)
    if held is None:
        key = "notice.gone" if _withdrawn(before, now, series) else "notice.no_longer"
        return words.text(key, label=label, said=said).rstrip()
    new = figures.measured(held, before.unit, language)
    key = "notice.final" if ending == "closed_by_final" else "notice.corrected"
    return words.text(key, label=label, said=said, now=new)


def _value(now: Point | None, before: AlertState) -> Decimal | None:
    """The present value of the same sample, when it is another one than was told."""
    if now is None or now.result.value is None or now.result.value == before.value:
        return None
    return now.result.value


def _withdrawn(before: AlertState, now: Point | None, series: Series) -> bool:
    """The value that was told is deleted; otherwise something it was compared with has changed."""
    slots = set(before.slots)
    return now is None and any(m.withdrawn for m in series.measurements(before.analyte) if m.winner.slot in slots)


def _flags(before: AlertState, series: Series) -> list[tuple[str, ...]]:
    slots = set(before.slots)
    return [m.winner.flags for name in series.analytes for m in series.measurements(name) if m.winner.slot in slots]
