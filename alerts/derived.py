"""Derived values at every collection time, shown beside the results and in the evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from alerts import (
    antigen_excess,
    derived_calcium,
    derived_ctcae,
    derived_delta_checks,
    derived_kidney,
    derived_myeloma,
    renal_response,
)
from alerts.alert import Derived
from alerts.rule import View

Deriver = Callable[[View], Iterable[Derived]]

DERIVERS: tuple[Deriver, ...] = (
    derived_calcium.adjusted_calcium,
    derived_ctcae.ctcae,
    derived_kidney.aki,
    derived_kidney.egfr,
    renal_response.renal_response,
    derived_myeloma.patient_type,
    derived_myeloma.confirmed_nadir,
    derived_myeloma.doubling_time,
    derived_myeloma.flc_ratio,
    derived_myeloma.dflc,
    antigen_excess.antigen_excess,
    derived_myeloma.response,
    derived_myeloma.antibody_interference,
    derived_delta_checks.delta_checks,
)
"""Each gives all its values in collection order; the tuple is the order of the output."""


def derive(view: View) -> Iterable[Derived]:
    """Every derived value of the patient, deriver by deriver, then by collection time."""
    return (value for deriver in DERIVERS for value in deriver(view))
