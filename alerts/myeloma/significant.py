"""Significant biochemical relapse: the tests that one or two samples must pass (relapse 6) [R:3].

`a-i` doubling from one sample to the next, `a-ii` twice the confirmed nadir, both serum M only; `b` an absolute rise.
Two consecutive samples are needed for each; `alerts.myeloma.course` puts them together.
"""

from __future__ import annotations

from decimal import Decimal

from alerts.clone import Chain
from alerts.condition import Node, Quantity, all_of, any_of, compare
from alerts.intervals import difference
from alerts.logic import Interval
from alerts.myeloma.flc import abnormal
from alerts.myeloma.progression import both_limbs, rise
from alerts.myeloma.readings import Reading, whole_days
from alerts.thresholds import Pack

_FLC_KEYS = ("relapse.significant_flc", "relapse.significant_flc_percent")


def doubled(pack: Pack, reference: Quantity, value: Quantity, name: str) -> Node:
    """Value >= 2 x reference, and the reference >= 5 g/L."""
    return all_of(compare(reference, pack.limit("relapse.doubled_reference")), twice(pack, reference, value), name=name)


def twice(pack: Pack, reference: Quantity, value: Quantity) -> Node:
    """Value >= 2 x reference, over the whole interval of both."""
    limit, low = pack.limit("relapse.doubled"), reference.interval
    if low is None or value.interval is None:
        raise ValueError(f"{value.name} and {reference.name} must have values: only evaluable readings are compared")
    results = (*value.results, *reference.results)
    if low.exact is not None:
        both = Quantity(name=value.name, interval=value.interval, unit=value.unit, results=results)
        return compare(both, limit, low.exact * limit.value)
    scaled = Interval(low.low * limit.value, None if low.high is None else low.high * limit.value,
                      low.low_closed, low.high_closed)  # fmt: skip
    excess = difference(value.interval, scaled)
    return compare(Quantity(name=f"{value.name}_beyond_double", interval=excess, unit=value.unit, results=results),
                   limit, Decimal(0))  # fmt: skip


def apart(pack: Pack, first: Reading, second: Reading) -> Node:
    """At most two months (62 d, whole days) between two collections."""
    days = Decimal(whole_days(first.at, second.at))
    return compare(Quantity(name="days_apart", interval=Interval.exactly(days), unit="d"),
                   pack.limit("relapse.doubled_days"))  # fmt: skip


def serum_rise(pack: Pack, nadir: Quantity, value: Reading) -> Node:
    """`b` in serum: >= 10 g/L over the confirmed nadir."""
    return any_of(compare(rise(nadir, value.quantity), pack.limit("relapse.significant_serum")), name="b")


def urine_rise(pack: Pack, nadir: Quantity, value: Reading) -> Node:
    """`b` in urine: >= 500 mg/24 h over the confirmed nadir."""
    return any_of(compare(rise(nadir, value.quantity), pack.limit("relapse.significant_urine")), name="b")


def flc_rise(pack: Pack, nadir: Quantity, value: Reading) -> Node:
    """`b` by light chains: >= 200 mg/L and >= 25 % over the confirmed nadir, with an abnormal ratio."""
    if value.abnormal is None:
        raise ValueError(f"light chains of {value.at:%Y-%m-%d %H:%M} come without their ratio")
    chain: Chain = "kappa" if value.point.result.analyte == "flck" else "lambda"
    limbs = both_limbs(pack, nadir, value.quantity, _FLC_KEYS, "b_flc")
    return all_of(limbs, abnormal(pack, chain, value.abnormal, value.results), name="b")
