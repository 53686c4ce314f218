"""Derived values at every collection time, shown beside the results and in the evidence."""

from __future__ import annotations

from collections.abc import Iterable

from alerts.alert import Derived
from alerts.rule import View


def derive(view: View) -> Iterable[Derived]:
    """Every derived value of the patient, in the order of its file name, then collection time."""
    _ = view
    return ()
