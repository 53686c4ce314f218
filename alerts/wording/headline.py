"""The one line of an alert: finding, value, change, what to do, sample time. Under 140 characters, no identifier.

How a rule gets its words: the label is `analyte.<analyte>`, then `with.<rule>` filled from the facts, then
`level.<level>` (else `rule.<rule>`), then the notes `flag.<flag>` for the flags that have one. A rule without any of
these still reads well by analyte, value and time. Never a diagnosis. Facts of the engine: `change`, `change_hours`,
`offset`, `bound`; `label` names the finding by another analyte, `last_at` shows another sample's time,
`value_at` that of the value where a later sample or a verdict decided.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import cache

from alerts.episodes import Episode
from alerts.rule import Judgement
from alerts.wording import figures
from alerts.wording.catalogue import Language, catalogue

LIMIT = 139
_OTHER_TIMES = {"last_at": "last_sample", "ordered_at": "ordered", "value_at": "sample"}
"""Facts whose time is shown instead of the sample's, and with which words."""
_BEFORE_ALL = "specimen_mismatch_suspected"
"""The flag that is read before what to do, and dropped last."""
_LISTED = 2
"""Findings named in a list before the rest is only counted."""


def headline(rule: str, episode: Episode, language: Language) -> str:
    """The line in one language; notes that do not fit are left out, the finding and the sample time never.

    The numbers to read it against go before the level, which says what to do.
    """
    last = episode.last
    first = [_finding(rule, last, language), _change(last, language)]
    end = [*_ended(episode, language), _sample(last, language)]
    numbers, notes = _numbers(rule, last, language), _notes(rule, episode, language)
    while (numbers or notes) and len(_joined([*first, numbers, *notes, *end])) > LIMIT:
        if notes[1:] or not numbers:
            notes.pop()
        else:
            numbers = ""
    return _joined([*first, numbers, *notes, *end])


def _joined(parts: list[str]) -> str:
    return ", ".join([part for part in parts if part])


def _finding(rule: str, last: Judgement, language: Language) -> str:
    label = _label(rule, last.facts.get("label", last.analyte), last.analyte, language)
    if last.value is not None:
        return f"{label} {figures.measured(last.value, last.unit, language)}"
    bound = last.facts.get("bound", "")
    text = bound.replace(".", ",") if language == "sl" else bound
    return f"{label} {text} {figures.unit(last.unit, language) if bound else ''}".rstrip()


@cache
def _label(rule: str, label: str, analyte: str, language: Language) -> str:
    named = (f"analyte.{label}", f"analyte.{analyte}", f"rule.{rule}")
    return catalogue(language).first(*named, default=analyte or rule)


def _change(last: Judgement, language: Language) -> str:
    change, hours = last.facts.get("change"), last.facts.get("change_hours")
    if not change or not hours:
        return ""
    return f"{figures.signed(Decimal(change), language)} {figures.span(Decimal(hours), language)}"


def _notes(rule: str, episode: Episode, language: Language) -> list[str]:
    """Most important first."""
    words, last = catalogue(language), episode.last
    flags = [words.first(f"flag.{flag}") for flag in sorted(last.flags, key=_rank)]
    beside = _beside(last, language) if "beside" in last.facts else []
    level = words.first(f"level.{episode.grade.level}", f"level.{rule}")
    why = [words.first(f"why.{reason}") for reason in last.facts["why"].split(",")] if "why" in last.facts else []
    ordered = (*flags[:1], level, *flags[1:]) if _BEFORE_ALL in last.flags else (level, *flags)
    return [note for note in (*beside[:1], *why, *ordered, *beside[1:], _request(rule, last, language)) if note]


def _rank(flag: str) -> tuple[bool, bool, str]:
    """A possible other specimen first, then what changes what to do, then how sure the number is."""
    return flag != _BEFORE_ALL, not flag.startswith(("with_", "suppressed_")), flag


def _beside(last: Judgement, language: Language) -> list[str]:
    """Other values the finding rests on (`beside`: `k 6.3 mmol/L;urate 510 umol/L`), as `potassium 6.3 mmol/L`."""
    values = (entry.split(" ", 2) for entry in last.facts.get("beside", "").split(";") if entry)
    return [_value(analyte, Decimal(number), unit, language) for analyte, number, unit in values]


def _value(analyte: str, number: Decimal, unit: str, language: Language) -> str:
    label = catalogue(language).first(f"analyte.{analyte}", default=analyte)
    label = label[0].lower() + label[1:] if label[1:2].islower() else label
    return f"{label} {figures.measured(number, unit, language)}"


def _numbers(rule: str, last: Judgement, language: Language) -> str:
    """What the headline value is to be read against (`with.<rule>`), when the facts hold all that it names."""
    words, key = catalogue(language), f"with.{rule}"
    if key not in words:
        return ""
    facts = {name: value.replace(".", ",") if language == "sl" else value for name, value in last.facts.items()}
    facts["equation"] = words.first(f"equation.{last.facts.get('equation', '')}")
    if last.facts.get("held"):
        facts["held"] = _listed(last.facts["held_analytes"].split(","), language)
    try:
        return words.text(key, **facts)
    except KeyError:  # a fact is unknown, for example the eGFR without an age: the finding stands without it
        return ""


def _listed(analytes: list[str], language: Language) -> str:
    """`Calcium (adjusted), Potassium +1`."""
    named = [catalogue(language).first(f"analyte.{analyte}", default=analyte) for analyte in analytes]
    more = f" +{len(named) - _LISTED}" if named[_LISTED:] else ""
    return ", ".join(named[:_LISTED]) + more


def _request(rule: str, last: Judgement, language: Language) -> str:
    """What else to measure, unless it was measured or a flag asks already."""
    asked = last.facts.get("basis") == "IONISED" or "measure_ionised_first" in last.flags
    return "" if asked else catalogue(language).first(f"ask.{rule}")


def _sample(last: Judgement, language: Language) -> str:
    """When it was taken; of a test that is late the last one there is, of an order when it was made."""
    offset = int(last.facts.get("offset", "0"))
    key, at = "sample", last.at
    for fact in [fact for fact in _OTHER_TIMES if fact in last.facts][:1]:
        key, at = _OTHER_TIMES[fact], datetime.fromisoformat(last.facts[fact])
    when = figures.moment(at, offset, language, date_only="date_only" in last.facts.get("sample_flags", ""))
    return catalogue(language).text(key, when=when)


def _ended(episode: Episode, language: Language) -> list[str]:
    if episode.cleared_at is None:
        return []
    offset = int(episode.last.facts.get("offset", "0"))
    return [
        catalogue(language).text("ended", when=figures.moment(episode.cleared_at, offset, language, date_only=True))
    ]
