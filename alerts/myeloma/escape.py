"""Light-chain escape at one sample: the clone switches to free light chains while M is not in progression (relapse 7).

54 of 520 intact-immunoglobulin patients relapsed with light chains only [R:14].
"""

from __future__ import annotations

from decimal import Decimal

from alerts.clone import Chain
from alerts.condition import Node, Quantity, all_of, any_of, compare
from alerts.intervals import difference
from alerts.logic import Interval
from alerts.myeloma.flc import abnormal
from alerts.myeloma.nadir import Nadir
from alerts.myeloma.progression import both_limbs
from alerts.myeloma.readings import Reading
from alerts.thresholds import Pack

_KEYS = ("lc_escape.rise", "lc_escape.percent")


def escape(pack: Pack, nadir: Nadir, reading: Reading) -> Node:
    """Involved chain >= 100 mg/L, abnormal ratio, dFLC rise > 100 mg/L and >= 100 % over its confirmed nadir."""
    point, quotient = reading.point, reading.abnormal
    if quotient is None:
        raise ValueError(f"light chains of {reading.at:%Y-%m-%d %H:%M} come without their ratio")
    chain: Chain = "kappa" if point.result.analyte == "flck" else "lambda"
    involved = Quantity(
        name="involved_flc", interval=point.interval, unit=point.result.unit, results=(point.result.result_id,)
    )
    low = nadir.quantity(nadir.confirmed, "confirmed")
    return all_of(
        compare(involved, pack.limit("lc_escape.involved")),
        abnormal(pack, chain, quotient, reading.results),
        both_limbs(pack, low, reading.quantity, _KEYS, "dflc_rise"),
        name="escape",
    )


def kidney(pack: Pack, estimate: Quantity, usual: Interval | None) -> Node:
    """What makes a confirmed escape HIGH: eGFR < 60, or fallen by 25 % or more from its median of the prior 365 d."""
    low = compare(estimate, pack.limit("lc_escape.egfr"))
    if usual is None or estimate.interval is None:
        return any_of(low, name="kidney")
    limit = pack.limit("lc_escape.egfr_fall")
    rest = 1 - limit.value / 100
    left = Interval(usual.low * rest, None if usual.high is None else usual.high * rest)
    fallen = Quantity(
        name="egfr_below_its_median", interval=difference(left, estimate.interval), results=estimate.results
    )
    return any_of(low, compare(fallen, limit, Decimal(0)), name="kidney")
