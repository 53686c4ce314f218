"""Doubling time of serum M (relapse 6) [E after R:13]: least squares through ln(M) against day, in decimals.

The last three values that are quantified and above zero; doubling time = ln 2 / slope, half up to 0.1 d, then compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

import msgspec

from alerts.logic import FALSE, INDETERMINATE, Interval, Truth
from alerts.myeloma.readings import Reading
from alerts.thresholds import Pack

POINTS = 3
_DAY = Decimal(86400)
_NOISE = Decimal("1E-20")
"""A slope a second below what the digits of a logarithm can tell: no rise."""
_SECOND = timedelta(seconds=1)


class Doubling(msgspec.Struct, frozen=True, kw_only=True):
    """`days` None: not rising, or, with fewer than three points, indeterminate."""

    days: Decimal | None
    used: tuple[Reading, ...]
    rapid: Truth
    """At most 90.0 d; INDETERMINATE with fewer than three values."""


def doubling(pack: Pack, found: Sequence[Reading]) -> Doubling:
    """Over the last three usable readings of `found`, which are in collection order."""
    used: list[Reading] = []
    for reading in reversed(found):
        used += [reading] if usable(reading) else []
        if len(used) == POINTS:
            break
    used.reverse()
    if len(used) < POINTS:
        return Doubling(days=None, used=(), rapid=INDETERMINATE)
    days = _days(used)
    limit = pack.limit("relapse.rapid_days")
    rapid = FALSE if days is None else Interval.exactly(days).test(limit.operator, limit.value)
    return Doubling(days=days, used=tuple(used), rapid=rapid)


def usable(reading: Reading) -> bool:
    """An exact number above zero: nothing else has a logarithm. One band beside totals is another series."""
    exact = reading.interval.exact
    return exact is not None and exact > 0 and not reading.partial


def _days(used: Sequence[Reading]) -> Decimal | None:
    """Ln 2 over the slope; None when the slope is zero or less."""
    return _fit(tuple(((r.at - used[0].at) // _SECOND, r.interval.low) for r in used))


@lru_cache(maxsize=65536)
def _fit(points: tuple[tuple[int, Decimal], ...]) -> Decimal | None:
    """Least squares through (seconds, M); kept, because a logarithm in decimals is dear and old points never change."""
    count = len(points)
    total = sum(seconds for seconds, _ in points)
    offsets = [count * seconds - total for seconds, _ in points]  # exact: `count` times the distance from the mean
    first = points[0][1].ln()
    spread = sum(offset**2 for offset in offsets)
    product = sum(
        (offset * (value.ln() - first) for offset, (_, value) in zip(offsets, points, strict=True)), Decimal(0)
    )
    if spread == 0 or product <= _NOISE * spread:
        return None
    return (Decimal(2).ln() * spread / (count * product * _DAY)).quantize(Decimal("0.1"), ROUND_HALF_UP)
