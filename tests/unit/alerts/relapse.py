"""Made-up courses of a clone for the relapse tests: day-based series as the vectors write them."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from alerts.alert import AlertState
from alerts.context import Context
from alerts.result import Result
from alerts.rules import bio
from tests.builders import alerts_of, context, days, fact, judge, result

VECTORS = Path(__file__).parents[2] / "vectors"
Row = dict[str, str]


def rows(name: str) -> list[Row]:
    """All cases of one file."""
    with (VECTORS / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def ids(row: Row) -> str:
    """The case's own name."""
    return row["id"]


def serum(text: str) -> list[Result]:
    """`day:value` pairs; `#s4` names the specimen, `NE` is an attempt without a value; the order is that of arrival."""
    found = []
    for number, pair in enumerate(text.split()):
        day, said = pair.split(":")
        value, _, specimen = said.partition("#")
        text_value = None if value == "NE" else value
        found.append(
            result("mspike", text_value, days(day), specimen=specimen, slot=f"mspike@{day}#{number:02}")
        )  # fmt: skip
    return found


def series(analyte: str, text: str) -> list[Result]:
    """`day:value` pairs of one analyte."""
    return [result(analyte, value, days(day)) for day, value in (pair.split(":") for pair in text.split())]


def light(text: str, involved: str = "kappa") -> list[Result]:
    """`day:involved/uninvolved` pairs, both chains of one draw."""
    names = ("flck", "flcl") if involved == "kappa" else ("flcl", "flck")
    found = []
    for pair in text.split():
        day, both = pair.split(":")
        found += [result(name, value, days(day)) for name, value in zip(names, both.split("/"), strict=True)]
    return found


def of_type(kind: str, *more: object) -> Context:
    """A patient whose type a person entered."""
    entries = [fact("patient_type", code=kind), *more]
    return context(*entries)  # type: ignore[arg-type]


def bio_alerts(*results: Result | Iterable[Result], known: Context | None = None) -> list[AlertState]:
    """All alerts of the rule BIO."""
    return alerts_of(judge(bio.RULE, *results, context=known or Context()), "BIO")


def state(alerts: list[AlertState]) -> str:
    """The word that the vectors use for the last alert."""
    if not alerts:
        return "NONE"
    last = alerts[-1]
    return "CLOSED_NOT_CONFIRMED" if last.clear_cause == "not_confirmed" else last.level


def day(when: datetime) -> str:
    """Days since day 0, as written in the vectors."""
    return str((when - days(0)).days)


def day_of(date: str) -> str:
    """The same of a date in an alert's facts; empty for an absent one."""
    return "" if not date else str((datetime.fromisoformat(date).date() - days(0).date()).days)


def decimal(text: str) -> Decimal:
    """A number of a vector."""
    return Decimal(text)
