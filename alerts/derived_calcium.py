"""Adjusted calcium (Payne) of every total calcium that has an albumin fit for it (calcium 1)."""

from __future__ import annotations

from collections.abc import Iterable

from alerts.alert import Derived
from alerts.calcium_basis import payne
from alerts.rule import View


def adjusted_calcium(view: View) -> Iterable[Derived]:
    """mmol/L, exact; flag `albumin_not_same_draw` when the albumin is of another draw within 24 h."""
    for point in view.series.points("ca"):
        reading = None if point.preliminary else payne(view, point)
        if reading is not None and reading.exact is not None:
            yield Derived(
                name="adjusted_calcium",
                value=str(reading.exact),
                unit=reading.quantity.unit,
                method="payne",
                collected_at=point.at,
                flag=",".join(reading.flags),
            )
