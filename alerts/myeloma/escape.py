"""Light-chain escape at one sample: the clone switches to free light chains while M is not in progression (relapse 7).

54 of 520 intact-immunoglobulin patients relapsed with light chains only [R:14].
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

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
    return any_of(low, _fallen(pack, estimate, usual), name="kidney")


def _fallen(pack: Pack, estimate: Quantity, usual: Interval) -> Node:
    """The fall against its share of the median; of a median known only between bounds all that it may be."""
    limit, known = pack.limit("lc_escape.egfr_fall"), estimate.interval
    if known is None:
        raise ValueError("the fall of an unknown eGFR cannot be compared")
    share = limit.value / 100
    if usual.exact is not None:
        fall = msgspec.structs.replace(estimate, name="egfr_fall_from_median", interval=difference(usual, known))
        return compare(fall, limit, usual.exact * share)
    left = Interval(usual.low * (1 - share), None if usual.high is None else usual.high * (1 - share))
    beyond = msgspec.structs.replace(estimate, name="egfr_below_its_median", interval=difference(left, known))
    return compare(beyond, limit, Decimal(0))
