"""Doubling time of serum M (relapse 6) [E after R:13]: least squares through ln(M) against day, in decimals.

The last three values that are quantified and above zero; doubling time = ln 2 / slope, half up to 0.1 d, then compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

import msgspec

from alerts.logic import Interval, Truth
from alerts.myeloma.readings import Reading
from alerts.thresholds import Pack

POINTS = 3
_DAY = Decimal(86400)
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
        return Doubling(days=None, used=(), rapid=Truth.INDETERMINATE)
    days = _days(used)
    limit = pack.limit("relapse.rapid_days")
    rapid = Truth.FALSE if days is None else Interval.exactly(days).test(limit.operator, limit.value)
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
    zero = Decimal(0)
    times = [Decimal(seconds) / _DAY for seconds, _ in points]
    logs = [value.ln() for _, value in points]
    mean_time, mean_log = sum(times, zero) / len(times), sum(logs, zero) / len(logs)
    spread = sum(((t - mean_time) ** 2 for t in times), zero)
    product = sum(((t - mean_time) * (y - mean_log) for t, y in zip(times, logs, strict=True)), zero)
    if spread == 0 or product <= 0:
        return None
    return (Decimal(2).ln() * spread / product).quantize(Decimal("0.1"), ROUND_HALF_UP)
