"""A sample that certainly meets no limit of a rule: judged without its condition tree.

Nearly every sample is like that. Of a judgement that is FALSE nobody reads more than its time, slot, truth and whether
it counts towards the end of an episode, so a rule that has asked its limits here need not write down why. Whatever is
not certain at a glance (a bound, a missing value) is judged the long way; a property holds both ways equal.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from alerts.condition import NO_LIMIT_MET
from alerts.logic import FALSE, TRUE, Interval, Truth, compares
from alerts.rule import Judgement
from alerts.thresholds import Pack

_UPWARD = (">", ">=")
_NEVER = Decimal("-Infinity")


def number(known: Interval | None) -> Decimal | None:
    """The number where exactly one is known; None sends the rule the long way."""
    if known is None or known.low is not known.high or not (known.low_closed and known.high_closed):
        return None
    return known.low


def misses(pack: Pack, known: Interval | None, keys: Iterable[str]) -> bool:
    """Whether the quantity certainly meets none of the limits of the pack."""
    exact = number(known)
    if exact is None:
        return False
    limits = pack.limits
    for key in keys:
        limit = limits[key]
        if compares(exact, limit.operator, limit.value):
            return False
    return True


def below(pack: Pack, most: Decimal, keys: tuple[str, ...]) -> bool:
    """Whether nothing up to `most` meets any of the limits, each of which is one that high values meet."""
    lowest = pack.worked_out.get(keys)
    if lowest is None:
        lowest = pack.worked_out[keys] = _lowest(pack, keys)
    return most < lowest or _below_each(pack, most, keys)


def _lowest(pack: Pack, keys: tuple[str, ...]) -> Decimal:
    """The lowest of the limits: what is less meets none. No number is less where high values do not meet them all."""
    limits = [pack.limits[key] for key in keys]
    upward = all(limit.operator in _UPWARD for limit in limits)
    return min((limit.value for limit in limits), default=_NEVER) if upward else _NEVER


def _below_each(pack: Pack, most: Decimal, keys: tuple[str, ...]) -> bool:
    for key in keys:
        limit = pack.limits[key]
        if limit.operator not in _UPWARD or compares(most, limit.operator, limit.value):
            return False
    return True


def above(pack: Pack, least: Decimal, key: str) -> bool:
    """Whether nothing from `least` on meets the limit, which is one that low values meet."""
    limit = pack.limits[key]
    return limit.operator not in _UPWARD and not compares(least, limit.operator, limit.value)


def reaches(pack: Pack, least: Decimal, key: str) -> bool:
    """Whether everything from `least` on meets the limit, which is one that high values meet."""
    limit = pack.limits[key]
    return limit.operator in _UPWARD and compares(least, limit.operator, limit.value)


def not_met(at: datetime, slot: str, clears: Truth = TRUE) -> Judgement:
    """The judgement of such a sample."""
    return Judgement(at=at, slot=slot, truth=FALSE, node=NO_LIMIT_MET, clears=clears)
