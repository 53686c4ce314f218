"""An alert explains itself: conditions with limit, value, source and results, what is unknown, what would stop it.

As data for pages and the API, and as sentences in both languages.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from alerts.alert import AlertState
from alerts.completing import SUSPECTED
from alerts.condition import Node
from alerts.counterfactual import Without, as_operator, leaves, what_would_stop
from alerts.delta_checks import CHECKS
from alerts.logic import INDETERMINATE, TRUE
from alerts.wording.catalogue import LANGUAGES, Language, catalogue
from alerts.wording.figures import compared, measured, moment
from alerts.wording.sms import sms

PARTS = (
    "_against_accepted_baseline", "_rise", "_confirmed_nadir", "_raw_nadir", "_within_60_days",
    "_days_since", "_had_risen", "_working_days_waiting", "_days_waiting",
)  # fmt: skip
"""Endings of names that are said the same way of every quantity (`part.` in the catalogue)."""


def explain(alert: AlertState) -> dict[str, Any]:
    """Everything about one alert as JSON-able values; numbers are strings, exactly as compared.

    Keys: `rule`, `level`, `severity`, `rule_pack`, `flags`, `facts`, `conditions` (the tree), `results`, `unknown`,
    `sources`, `counterfactual`, `sentences`, `sms` and `disclaimer` (each `en` and `sl` where it is text).
    """
    without = what_would_stop(alert.reasons)
    unknown = _unknown(alert.reasons)
    return {
        "alert_id": alert.alert_id, "rule": alert.rule, "level": alert.level, "severity": str(alert.severity),
        "rule_pack": alert.rule_pack, "flags": list(alert.flags), "facts": dict(alert.facts),
        "conditions": plain(alert.reasons),
        "results": list(alert.results),
        "unknown": [{"name": name, "text": {w: label(w, name) for w in LANGUAGES}} for name in unknown],
        "sources": _sources(alert.reasons),
        "counterfactual": [_stop(one) for one in without],
        "sentences": {language: sentences(alert, language) for language in LANGUAGES},
        "sms": sms(alert),
        "disclaimer": {language: catalogue(language).text("disclaimer") for language in LANGUAGES},
    }  # fmt: skip


def plain(node: Node) -> dict[str, Any]:
    """The tree as JSON-able values, decimals as strings."""
    found: dict[str, Any] = msgspec.to_builtins(node, str_keys=True)
    return found


def sentences(alert: AlertState, language: Language) -> list[str]:
    """To be read: conditions in reading order, what it rests on, what is unknown, what would have stopped it."""
    words = catalogue(language)
    lines = list(dict.fromkeys(_sentence(leaf, language) for leaf in leaves(alert.reasons)))
    lines += _accepted(alert, language) + _suspicion(alert, language) + _notes(alert, language)
    lines.append(words.count("based_on", len(alert.results)))
    unknown = _unknown(alert.reasons)
    if unknown:
        lines.append(words.count("unknown_count", len(unknown)))
    without = [_would(one, language) for one in what_would_stop(alert.reasons)]
    return lines + (without or [words.text(_no_single(alert.reasons))])


def _no_single(reasons: Node) -> str:
    """Why nothing is offered: two numbers of one blood sample are both beyond their limits, or none decides."""
    crossed = {leaf.name for leaf in leaves(reasons) if leaf.kind == "compare" and leaf.truth is TRUE}
    return "without_several" if len(crossed) > 1 else "without_nothing_single"


def _accepted(alert: AlertState, language: Language) -> list[str]:
    """The chronic baseline that a clinician accepted, where the alert stands beside one."""
    value, since = alert.facts.get("accepted_baseline", ""), alert.facts.get("accepted_from", "")
    if not value:
        return []
    words, shown = catalogue(language), measured(Decimal(value), alert.unit, language, exact=True)
    if not since:
        return [words.text("accepted", value=shown)]
    day = moment(datetime.fromisoformat(since).replace(tzinfo=UTC), 0, language, date_only=True)
    return [words.text("accepted_since", value=shown, day=day)]


def _suspicion(alert: AlertState, language: Language) -> list[str]:
    """What the delta checks say of the draw, on an alert it decides."""
    failed = [name for name in alert.facts.get("delta_checks", "").split(",") if name]
    if not failed:
        return []
    key = "specimen_suspected" if SUSPECTED in alert.flags else "specimen_differs"
    return [catalogue(language).text(key, checks=", ".join(label(language, CHECKS[name]) for name in failed))]


def _notes(alert: AlertState, language: Language) -> list[str]:
    """Every flag in words; one without any by its own name, so that nothing known is kept back."""
    told = {SUSPECTED, "delta_check"}
    return [
        catalogue(language).text("noted", what=flag_words(flag, language)).replace("?.", "?")
        for flag in alert.flags
        if flag not in told
    ]


def flag_words(flag: str, language: Language) -> str:
    """What a flag says, as in a headline or, of those that do not stand there, as a note."""
    return catalogue(language).first(f"flag.{flag}", f"note.{flag}", default=flag.replace("_", " "))


def _sentence(leaf: Node, language: Language) -> str:
    words = catalogue(language)
    name = label(language, leaf.name)
    if leaf.kind != "compare" or leaf.threshold is None:
        return words.text("stated", name=name, truth=words.text(f"fact.{leaf.truth}"))
    limit = measured(leaf.threshold, leaf.unit, language, exact=True)
    source = f" ({leaf.source})" if leaf.source else ""
    if leaf.actual is None:
        return words.text("condition_unknown", name=name, operator=leaf.operator, threshold=limit) + source
    actual = compared(leaf.actual, leaf.unit, language, as_operator(leaf.operator), leaf.threshold)
    truth = words.text(f"truth.{leaf.truth}")
    sentence = words.text("condition", name=name, actual=actual, operator=leaf.operator, threshold=limit, truth=truth)
    return sentence + source


def _would(without: Without, language: Language) -> str:
    limit = measured(without.threshold, without.unit, language, exact=True)
    return catalogue(language).text(
        f"without.{without.operator}", threshold=limit, name=label(language, without.name)
    )  # fmt: skip


def label(language: Language, name: str) -> str:
    """The quantity or fact in words; its own name, readable, where the catalogue has none."""
    words = catalogue(language)
    known = words.first(f"name.{name}", f"analyte.{name}")
    part = next((part for part in PARTS if name.endswith(part)), "")
    if known or not part:
        return known or name.replace("_", " ")
    return words.text(f"part.{part}", name=label(language, name.removesuffix(part)))


def _unknown(node: Node) -> list[str]:
    """Names of conditions that could not be judged, each once."""
    return list(dict.fromkeys(leaf.name for leaf in leaves(node) if leaf.truth is INDETERMINATE))


def _sources(node: Node) -> list[dict[str, str]]:
    """Where each number of the rule pack that was used comes from, each once."""
    found = {
        leaf.limit: {"limit": leaf.limit, "value": str(leaf.threshold), "operator": leaf.operator, "unit": leaf.unit,
                     "source": leaf.source}
        for leaf in leaves(node) if leaf.limit
    }  # fmt: skip
    return list(found.values())


def _stop(without: Without) -> dict[str, Any]:
    return {
        "name": without.name, "operator": without.operator, "threshold": str(without.threshold), "unit": without.unit,
        "text": {language: _would(without, language) for language in LANGUAGES},
    }  # fmt: skip
