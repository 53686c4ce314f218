"""The laboratory's limits of normal as sent (OBX-7), to canonical numbers; what is not plainly a range gives none."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache

import msgspec

from schemas.numbers import is_number, parse_number, product

_NUMBER = r"\d+(?:[.,]\d+)?"
_BETWEEN = re.compile(rf"(?:od )?({_NUMBER})\s*(?:-|\u2013|\u2014|_|\.\.|to|do)\s*({_NUMBER})", re.ASCII)
_ABOVE = re.compile(rf"(?:>=?|≥)\s*({_NUMBER})", re.ASCII)
_BELOW = re.compile(rf"(?:<=?|≤|do )\s*({_NUMBER})", re.ASCII)


class Range(msgspec.Struct, frozen=True):
    """Limits of normal; None where there is none."""

    low: Decimal | None = None
    high: Decimal | None = None


NONE = Range()


@lru_cache(maxsize=16384)
def read_range(text: str, factor: Decimal, unit: str = "") -> Range:
    """`text` times `factor`. A unit behind the numbers must be `unit`, the one of the result, to count."""
    bare = text.strip()
    if unit and bare.endswith(unit):
        bare = bare.removesuffix(unit).rstrip()
    bare = bare.strip("[]()").strip()
    if found := _BETWEEN.fullmatch(bare):
        low, high = _scaled(found[1], factor), _scaled(found[2], factor)
        return Range(low, high) if low is not None and high is not None and low <= high else NONE
    if found := _ABOVE.fullmatch(bare):
        return Range(low=_scaled(found[1], factor))
    if found := _BELOW.fullmatch(bare):
        return Range(high=_scaled(found[1], factor))
    return NONE


def _scaled(text: str, factor: Decimal) -> Decimal | None:
    return product(parse_number(text), factor) if is_number(text) else None
