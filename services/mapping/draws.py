"""What results of one draw say of each other: conversions that need two, consistency, haemolysis (analytes 2).

Only results of the same message are looked at, so that a report always maps to the same results. What another result
contributed goes into `companions`, and so into the result id.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from alerts.logic import Interval
from schemas.analytes import TABLE
from schemas.errors import UnitRefused
from schemas.numbers import product
from schemas.units import apply, scale_of
from services.mapping.items import Item, Refusal
from services.mapping.specimen import HAEMOLYSED
from services.mapping.status import VALUED
from services.mapping.value import Meaning

_INDEX = TABLE.consistency.haemolysis_index.value
_MARGIN = TABLE.consistency.globulin_margin.value
_RATIO_PERCENT = TABLE.consistency.ratio_percent.value
_HUNDRED = Decimal(100)
_NEEDED = frozenset({"tp", "hi", "flc_ratio", "u24_volume"})
"""Without one of these no result says anything of another."""


class Draws:
    """Exact values of a message by draw and analyte."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._values: dict[tuple[str, str], Decimal] = {}
        for item in items:
            meaning = item.meaning
            if (
                meaning is None
                or meaning.kind != "NUMERIC"
                or meaning.quality == "NOT_FOR_IMWG"
                or meaning.value is None
            ):
                continue
            self._keep(item, meaning.value)

    def _keep(self, item: Item, value: Decimal) -> None:
        key = (item.draw, item.row.id)
        known = self._values.get(key)
        self._values[key] = value if known is None else max(known, value)

    def of(self, item: Item, analyte: str) -> Decimal | None:
        """Of the same specimen, else of one without a specimen id taken at the same time."""
        found = self._values.get((item.draw, analyte))
        return found if found is not None else self._values.get(("@" + item.sent.collected_at, analyte))


def relate(items: list[Item]) -> list[tuple[Item, Refusal]]:
    """Completes meanings and flags in place; returns those that turn out impossible."""
    if not any(item.row.id in _NEEDED for item in items):
        return []
    draws = Draws(items)
    refused = [(item, refusal) for item in items if (refusal := _with_volume(item, draws))]
    for item in items:
        _haemolysis(item, draws)
        _consistent(item, draws)
    return refused


def _with_volume(item: Item, draws: Draws) -> Refusal | None:
    """A urine concentration becomes mg/24 h by the volume of the collection."""
    meaning, row = item.meaning, item.row
    if (
        meaning is None
        or meaning.quality != "NOT_FOR_IMWG"
        or meaning.unit not in row.per_volume
        or meaning.value is None
    ):
        return None
    volume = draws.of(item, "u24_volume")
    if volume is None or volume == 0:  # nothing was collected: it says nothing of a day
        return None
    item.companions.append(f"u24_volume={volume}")
    try:
        value = product(meaning.value, volume)
        converted = apply(scale_of(row.id, row.unit), value, row.id)
    except UnitRefused as error:
        return Refusal(error.reason, error.detail, row)
    item.meaning = Meaning(
        kind="CENSORED" if meaning.comparator else "NUMERIC", value=value, comparator=meaning.comparator,
        interval=_bounded(value, meaning.comparator), unit=row.unit, quality=converted.quality,
        flags=(*converted.flags, "from_concentration"), factor=volume,
    )  # fmt: skip
    return None


def _bounded(value: Decimal, comparator: str | None) -> Interval:
    if not comparator:
        return Interval(value, value)
    closed = "=" in comparator
    if comparator.startswith("<"):
        return Interval(Decimal(0), value, high_closed=closed)
    return Interval(value, None, low_closed=closed)


def share_of_protein(item: Item, draws: Draws) -> Meaning | None:
    """M in g/L from its share, only with the total protein of the same specimen."""
    meaning, protein = item.meaning, draws.of(item, "tp")
    if item.row.id != "mpct" or meaning is None or meaning.value is None or protein is None:
        return None
    factor = product(protein, Decimal("0.01"))
    value = product(meaning.value, factor)
    try:
        converted = apply(scale_of("mspike", "g/L"), value, "mspike")
    except UnitRefused:
        return None
    return Meaning(
        kind=meaning.kind, value=value, comparator=meaning.comparator, interval=_bounded(value, meaning.comparator),
        unit="g/L", quality=converted.quality, flags=(*converted.flags, "derived", "from_percent"), factor=factor,
    )  # fmt: skip


def _haemolysis(item: Item, draws: Draws) -> None:
    """An index decides; a flag or comment counts where there is none (blood counts 4)."""
    index = draws.of(item, "hi")
    if index is None or item.row.id == "hi":
        return
    item.companions.append(f"hi={index}")
    others = [flag for flag in item.flags if flag != HAEMOLYSED]
    item.flags = [*others, HAEMOLYSED] if index >= _INDEX else others


def _consistent(item: Item, draws: Draws) -> None:
    """A failed check is QUERY, never a block."""
    flag = _contradiction(item, draws)
    if flag and item.meaning is not None:
        item.companions.append(flag)
        item.flags.append(flag)
        if item.meaning.quality == "ACCEPT":
            item.meaning = msgspec.structs.replace(item.meaning, quality="QUERY")


def _contradiction(item: Item, draws: Draws) -> str:
    if item.meaning is None or item.meaning.kind != "NUMERIC" or item.status not in VALUED:
        return ""
    value, protein, albumin = item.meaning.value, draws.of(item, "tp"), draws.of(item, "alb")
    if item.row.id in {"tp", "alb"} and protein is not None and albumin is not None and protein < albumin:
        return "protein_below_albumin"
    if item.row.id == "mspike" and value is not None and protein is not None and albumin is not None:
        return "above_globulin" if value > protein - albumin + _MARGIN else ""
    if item.row.id == "flc_ratio" and value is not None:
        return _ratio_differs(value, draws.of(item, "flck"), draws.of(item, "flcl"))
    return ""


def _ratio_differs(ratio: Decimal, kappa: Decimal | None, lambda_: Decimal | None) -> str:
    """More than 10 % from kappa/lambda, compared without dividing."""
    if kappa is None or lambda_ is None or lambda_ == 0:  # by nothing no ratio can be worked out
        return ""
    return "ratio_differs" if abs(ratio * lambda_ - kappa) * _HUNDRED > _RATIO_PERCENT * kappa else ""
