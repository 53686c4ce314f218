"""All of one patient's myeloma readings together, worked out once for a rule or a derived value."""

from __future__ import annotations

from typing import cast

import msgspec

from alerts.clone import Chain
from alerts.myeloma.course import course
from alerts.myeloma.flc import Pair, flc_readings, involved_chain, pairs
from alerts.myeloma.lines import line_starts
from alerts.myeloma.patient_type import Types
from alerts.myeloma.readings import Component, Reading, readings
from alerts.myeloma.steps import Step
from alerts.rule import View


class Disease(msgspec.Struct, frozen=True, kw_only=True):
    """Readings and type."""

    serum: list[Reading]
    urine: list[Reading]
    light: list[Pair]
    chain: Chain | None
    """The involved chain; None while nothing names it: then light chains say nothing."""
    types: Types


def disease(view: View) -> Disease:
    """From a view, once an evaluation."""
    key = ("disease", view.as_of, "")
    if key not in view.memo:
        view.memo[key] = _disease(view)
    return cast(Disease, view.memo[key])


def courses(view: View) -> dict[Component, list[Step]]:
    """The course of every component, serum M first; once an evaluation."""
    key = ("courses", view.as_of, "")
    if key not in view.memo:
        view.memo[key] = _courses(view, disease(view))
    return cast(dict[Component, list[Step]], view.memo[key])


def _disease(view: View) -> Disease:
    serum, urine, light = readings(view, "serum"), readings(view, "urine"), pairs(view)
    chain = involved_chain(view, light)
    return Disease(serum=serum, urine=urine, light=light, chain=chain, types=Types(view, serum, urine, light, chain))


def _courses(view: View, known: Disease) -> dict[Component, list[Step]]:
    found: dict[Component, list[Reading]] = {"serum": known.serum, "urine": known.urine}
    if known.chain is not None:
        found["dflc"] = flc_readings(view, known.light, known.chain, "dflc")
        found["involved_flc"] = flc_readings(view, known.light, known.chain, "involved_flc")
    starts = line_starts(view)
    return {component: course(view.pack, series, starts, known.types.at) for component, series in found.items()}
