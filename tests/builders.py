"""Short ways to make results, series and views for tests. All data are made up.

result("ca", "2.90", at=hours(0), specimen="S1")      # final, NUMERIC, canonical unit
result("mspike", "<1")                                # censored
points("creat", "-48:80 0:150")                       # hour:value pairs; points(..., unit="d") takes days
view(points("ca", "0:2.9"), points("alb", "0:40"))    # a View with the default pack and an empty context
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from alerts.alert import AlertState, Evaluation
from alerts.context import Context, Fact
from alerts.evaluate import evaluate
from alerts.logic import Interval
from alerts.result import Provenance, Result, Status
from alerts.rule import Rule, View
from alerts.series import Series
from alerts.thresholds import Pack, default_pack

ORIGIN = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
"""Hour 0 and day 0 of every made-up story."""
PATIENT = "HOSP|1"

UNITS = {
    "mspike": "g/L", "umprot": "mg/(24.h)", "flck": "mg/L", "flcl": "mg/L", "flc_ratio": "{ratio}", "ca": "mmol/L",
    "ca_adj": "mmol/L", "ica": "mmol/L", "alb": "g/L", "creat": "umol/L", "egfr": "mL/min/{1.73_m2}", "hb": "g/L",
    "igg": "g/L", "iga": "g/L", "igm": "g/L", "igg3": "g/L", "tp": "g/L", "visc": "mPa.s", "b2m": "mg/L", "ldh": "U/L",
    "urate": "umol/L", "neut": "10*9/L", "plt": "10*9/L", "k": "mmol/L", "phos": "mmol/L", "hi": "g/L",
    "mcv": "fL",
}  # fmt: skip


def hours(number: float | str | Decimal) -> datetime:
    """ORIGIN plus so many hours (may be negative or a fraction)."""
    return ORIGIN + timedelta(seconds=float(Decimal(str(number)) * 3600))


def days(number: float | str | Decimal) -> datetime:
    """ORIGIN plus so many days."""
    return hours(Decimal(str(number)) * 24)


def result(
    analyte: str,
    value: str | Decimal | None = None,
    at: datetime = ORIGIN,
    *,
    status: str | Status = "F",
    slot: str = "",
    specimen: str = "",
    version: datetime | None = None,
    received: datetime | None = None,
    reference: tuple[str | None, str | None] = (None, None),
    coded: str = "",
    **extra: Any,
) -> Result:
    """One version of a measurement. `value` "2.9", "<1", ">=60", None (no value).

    `slot` is analyte + time unless given; `version` (and `received`) are the collection time + 1 h unless given.
    `coded` (an immunofixation) makes it CODED. Anything else of `Result` goes by its own name.
    """
    number, comparator, interval, kind = _read(value, coded)
    slot = slot or f"{analyte}@{at:%Y-%m-%dT%H:%M:%S}"
    version = version or at + timedelta(hours=1)
    low, high = (None if limit is None else Decimal(limit) for limit in reference)
    fields: dict[str, Any] = {
        "slot": slot, "patient": PATIENT, "laboratory": "LAB", "analyte": analyte, "status": Status(status),
        "collected_at": at, "version_time": version, "version_time_from": "OBR-22", "received_at": received or version,
        "kind": kind, "value": number, "comparator": comparator, "interval": interval, "coded": coded,
        "unit": UNITS.get(analyte, "") if kind in ("NUMERIC", "CENSORED", "QUALITATIVE") else "",
        "reference_low": low, "reference_high": high, "specimen": specimen,
        "source": Provenance(event_id="E1", segment=4, offset=120, length=60), **extra,
    }  # fmt: skip
    said = repr(sorted((k, str(v)) for k, v in fields.items() if k not in ("source", "received_at")))
    fields.setdefault("result_id", "r-" + hashlib.sha256(said.encode()).hexdigest()[:16])
    return Result(**fields)


def _read(
    value: str | Decimal | None, coded: str
) -> tuple[Decimal | None, Any, Interval | None, Literal["NUMERIC", "CENSORED", "CODED", "NO_VALUE"]]:
    if value is None:
        return None, None, None, "CODED" if coded else "NO_VALUE"
    text = str(value)
    comparator = text.rstrip("0123456789.-")
    number = Decimal(text[len(comparator) :])
    if comparator in ("<", "<="):
        return number, comparator, Interval(Decimal(0), number, high_closed=comparator == "<="), "CENSORED"
    if comparator in (">", ">="):
        return number, comparator, Interval(number, None, low_closed=comparator == ">="), "CENSORED"
    return number, None, Interval.exactly(number), "NUMERIC"


def points(analyte: str, text: str, *, unit: Literal["h", "d"] = "h", **extra: Any) -> list[Result]:
    """`time:value` pairs separated by spaces, times in hours (or days) from ORIGIN."""
    when = hours if unit == "h" else days
    pairs = (pair.split(":", 1) for pair in text.split())
    return [result(analyte, value, when(time), **extra) for time, value in pairs]


def view(
    *results: Result | Iterable[Result], context: Context | None = None, pack: Pack | None = None, **extra: Any
) -> View:
    """A view over results and lists of results; `as_of` is the greatest received_at unless given."""
    flat = [r for item in results for r in ([item] if isinstance(item, Result) else item)]
    as_of = max((r.received_at for r in flat), default=ORIGIN)
    fields: dict[str, Any] = {"patient": PATIENT, "as_of": as_of, **extra}
    return View(series=Series().merge(flat), context=context or Context(), pack=pack or default_pack(), **fields)


def context(*facts: Fact, **known: Any) -> Context:
    """What is known of the patient: `context(fact("transfusion", hours(0)), sex="F", birth_date=date(1960, 1, 1))`."""
    return Context(facts=facts, **known)


def fact(kind: str, start: datetime | None = None, end: datetime | None = None, **words: Any) -> Fact:
    """One dated entry of the context."""
    return Fact(kind=kind, start=start, end=end, **words)


def judge(rule: Rule, *results: Result | Iterable[Result], **known: Any) -> Evaluation:
    """`evaluate` with one rule; fails loudly when the rule raises."""
    outcome = evaluate(view(*results, **known), (rule,))
    if rule.name in outcome.failed:
        raise AssertionError(f"{rule.name} raised {outcome.failed[rule.name]}")
    return outcome


def alerts_of(outcome: Evaluation, rule: str) -> list[AlertState]:
    """The alerts of one rule, in order of opening."""
    return [alert for alert in outcome.alerts if alert.rule == rule]


def vectors(name: str) -> list[dict[str, str]]:
    """The rows of one clinical test vector file."""
    with (Path(__file__).parent / "vectors" / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))
