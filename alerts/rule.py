"""What a rule is: one clinical question, judged at every sample that can answer it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import msgspec

from alerts.alert import AlertState
from alerts.condition import Node
from alerts.context import Context
from alerts.logic import INDETERMINATE, Truth
from alerts.series import Series
from alerts.severity import Severity
from alerts.stepping import AHEAD, Walk
from alerts.thresholds import Pack

Family = Literal[
    "relapse", "hypercalcaemia", "renal_failure", "hyperviscosity", "anaemia", "hypocalcaemia", "cytopenia",
    "potassium", "tumour_lysis", "overdue_test", "specimen_mismatch",
]  # fmt: skip


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a rule may read. `patient` is the id of the patient's root record."""

    patient: str
    series: Series
    context: Context
    pack: Pack
    as_of: datetime
    """Greatest received_at or fired due time; only overdue rules may read it."""
    alerts: tuple[AlertState, ...] = ()
    """What the rules before this one say; only for rules that are `timed`."""
    live_from: Mapping[str, datetime] = {}
    """Per feed that went live: before it, late tests do not count. Only overdue rules read it."""
    memo: dict[tuple[str, datetime, str], Any] = {}
    """What several rules work out alike in one evaluation (AKI stage, eGFR), by name, time and variant; no input."""


class Judgement(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """How one rule comes out at one sample."""

    at: datetime
    """Collection time of the deciding sample."""
    slot: str
    """Slot of the deciding sample: the anchor, should an episode open here."""
    truth: Truth
    node: Node
    """The condition tree: the reasons."""
    level: str = ""
    """`CA_HIGH`, `AKI_2`, `BIO_POSSIBLE`; empty unless TRUE."""
    severity: Severity | None = None
    """None unless TRUE."""
    clears: Truth = INDETERMINATE
    """TRUE: counts towards clearing; FALSE: the run starts again; INDETERMINATE: this sample does not count."""
    clear_cause: str = ""
    """Why it ends if it ends here, for example `not_confirmed`; empty means back within the clearing limit."""
    analyte: str = ""
    value: Decimal | None = None
    """Headline value, canonical unit; None when censored or coded."""
    unit: str = ""
    flags: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    """When INDETERMINATE: analytes or facts whose absence left it open."""
    possible: tuple[Severity, ...] = ()
    """When INDETERMINATE: severities it could have."""
    sampled_at: datetime | None = None
    """Of the deciding sample, where none was taken at `at` itself: a clinician's verdict."""
    facts: dict[str, str] = {}
    """What the wording needs beyond the headline, as plain text values: `basis`, `ratio`, `nadir`, `equation`."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One clinical question; its file in `alerts/rules` is named after it."""

    name: str
    family: Family
    inputs: frozenset[str]
    """Analytes whose change can alter a judgement."""
    judge: Callable[[View], list[Judgement]]
    """All judgements of the patient in collection order, a pure function of the view."""
    delivery: Literal["now", "working_hours"]
    """Class of HIGH; CRITICAL is always `now`, MEDIUM and below `working_hours` (behaviour 4)."""
    at_once: Callable[[Judgement], bool] | None = None
    """Which HIGH of a `working_hours` rule is `now` all the same."""
    timed: bool = False
    """Reads `as_of` and what the other rules say: asked after them, at every evaluation."""


def at_samples(
    triggers: Iterable[str],
    judge_at: Callable[[View, datetime], Judgement | None],
    *,
    ahead: timedelta = AHEAD,
    calm: timedelta | None = None,
) -> Walk:
    """A rule that looks at one collection time after the other: every time at which any trigger has a value.

    `judge_at` may read anything before the sample, and what was taken up to `ahead` after it; `calm` as of a `Walk`.
    """
    return Walk(triggers, lambda view, at, _: (None, judge_at(view, at)), ahead=ahead, calm=calm)
