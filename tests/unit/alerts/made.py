"""Made-up results, patients and the clinical vectors, in the units of the rules; hours count from `START`."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from alerts.alert import AlertState, Evaluation
from alerts.context import Context, Fact
from alerts.evaluate import evaluate
from alerts.logic import Interval
from alerts.result import Provenance, Result, Status
from alerts.rule import Rule, View
from alerts.series import Series
from alerts.thresholds import default_pack

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
_VECTORS = Path(__file__).parents[2] / "vectors"


def rows(name: str) -> list[dict[str, str]]:
    """A clinical vector file, a row a case."""
    with (_VECTORS / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def ids(row: dict[str, str]) -> str:
    return row["id"]


def at(hours: float | str | Decimal) -> datetime:
    """`hours` after START; negative is before."""
    return START + timedelta(seconds=float(Decimal(str(hours)) * 3600))


def lab(analyte: str, value: str | None, hours: float | str = 0, **more: object) -> Result:
    """One final result; `<5` and `>5` are censored."""
    comparator = value[0] if value and value[0] in "<>" else None
    number = None if value is None else Decimal(value.lstrip("<>"))
    interval = None if number is None else Interval.exactly(number)
    if number is not None and comparator == "<":
        interval = Interval(Decimal(0), number, True, False)
    elif number is not None and comparator == ">":
        interval = Interval(number, None, False, False)
    name = f"{analyte}@{hours}{more.pop('tail', '')}"
    fields: dict[str, object] = {
        "result_id": f"r:{name}",
        "slot": f"s:{name}",
        "patient": "MADE|1",
        "analyte": analyte,
        "status": Status.FINAL,
        "collected_at": at(hours),
        "version_time": at(hours),
        "received_at": at(hours) + timedelta(hours=1),
        "kind": "CENSORED" if comparator else "NUMERIC",
        "value": number,
        "comparator": comparator,
        "interval": interval,
        "source": Provenance(event_id="e", segment=1, offset=0, length=1),
        **more,
    }
    return Result(**fields)  # type: ignore[arg-type]


def fact(kind: str, start: float | str | None = None, end: float | str | None = None, **more: Any) -> Fact:
    """One context entry from hour to hour."""
    return Fact(kind=kind, start=None if start is None else at(start), end=None if end is None else at(end), **more)


def patient(*facts: Fact, age: int | None = 70, sex: str = "M") -> Context:
    """A person whose birthday is START's day."""
    born = None if age is None else date(START.year - age, START.month, START.day)
    return Context(sex=sex, birth_date=born, facts=facts)


def view(results: Iterable[Result], context: Context | None = None) -> View:
    return View(
        patient="MADE|1",
        series=Series().merge(results),
        context=context or patient(),
        pack=default_pack(),
        as_of=at(100_000),
    )


def run(results: Iterable[Result], rules: Iterable[Rule], context: Context | None = None) -> Evaluation:
    """`evaluate` with the given rules; none may raise."""
    made = evaluate(view(results, context), tuple(rules))
    assert made.failed == {}, made.failed
    return made


def active(evaluation: Evaluation) -> dict[str, AlertState]:
    """Open alerts by rule."""
    return {alert.rule: alert for alert in evaluation.alerts if alert.condition == "active"}


def pairs(cell: str, separator: str = ":") -> list[tuple[str, str]]:
    """`a:b c:d` as pairs."""
    return [(left, right) for left, _, right in (item.partition(separator) for item in cell.split())]
