"""CA_LOW: calcium too low (calcium 3)."""

from __future__ import annotations

from datetime import datetime

from alerts.calcium_basis import Reading
from alerts.calcium_judging import Grades, Side, judge, settled
from alerts.calm import misses
from alerts.condition import Node, compare
from alerts.rule import Judgement, Rule, View, at_samples
from alerts.severity import Severity
from alerts.stepping import BESIDE


def _grades(view: View, reading: Reading) -> Grades:
    pack, value = view.pack, reading.quantity
    return {
        Severity.CRITICAL: compare(value, pack.limit("ca_low.critical")),
        Severity.HIGH: compare(value, pack.limit("ca_low.high")),
    }


def _calm(view: View, reading: Reading) -> bool:
    return misses(view.pack, reading.quantity.interval, ("ca_low.critical", "ca_low.high"))


def _ionised_grades(view: View, reading: Reading) -> Grades:
    pack, value = view.pack, reading.quantity
    return {
        Severity.CRITICAL: compare(value, pack.limit("ca_low.ionised_critical")),
        Severity.HIGH: compare(value, pack.limit("ca_low.ionised_high")),
    }


def _not_low(view: View, reading: Reading) -> Node:
    """1.15 or the laboratory's own lower limit; from 1.0 up to there the grade stays as it is."""
    return compare(reading.quantity, view.pack.limit("ca_low.ionised_lln"), reading.reference_low)


def _high_total(view: View, reading: Reading) -> Node:
    return compare(reading.quantity, view.pack.limit("ca_high.uln"), reading.reference_high)


SIDE = Side(
    level="CA_LOW",
    grades=_grades,
    ionised_grades=_ionised_grades,
    ionised_normal=_not_low,
    calm=_calm,
    normal_flag="ionised_not_low",
    clearing_limit="ca_low.clear",
    clears_by_a_fall=False,
    opposite=_high_total,
)


def _judge(view: View, at: datetime) -> Judgement | None:
    pair = settled(view, at, lambda sample: judge(SIDE, view, sample))
    return pair[1] if pair else None


RULE = Rule(
    name="CA_LOW",
    family="hypocalcaemia",
    inputs=frozenset({"ca", "ca_adj", "ica", "alb"}),
    judge=at_samples(("ca", "ca_adj", "ica"), _judge, ahead=2 * BESIDE, calm=BESIDE),
    delivery="now",
)
