"""REN_LCCN: possible cast nephropathy (kidney 3): AKI or eGFR below 40, with involved FLC >= 500 mg/L: CRITICAL.

Acute renal impairment in myeloma is an emergency [R:26]. Kidney and light chains need not be of one draw: the newest
of each within the 60 days of the organ findings count. A reported eGFR counts only where there is no creatinine. Ends
when neither REN_AKI nor REN_HALO is open, and neither of them is left INDETERMINATE.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from alerts.calm import misses, not_met
from alerts.clone import light_chain
from alerts.condition import Node, all_of, any_of, compare, fact
from alerts.egfr import adults_only, displayed, egfr_at, newest_reference, reference_sample
from alerts.kidney import aki_at
from alerts.kidney_calm import no_injury
from alerts.logic import FALSE, INDETERMINATE, TRUE
from alerts.rule import Judgement, Rule, View
from alerts.rules import ren_aki, ren_halo
from alerts.samples import hours, in_force, quantity, shown
from alerts.series import Point
from alerts.severity import Severity
from alerts.standing import Watch, over, watches
from alerts.stepping import AHEAD, BESIDE, Late, Walk

ANALYTES = ("creat", "egfr", "flck", "flcl")
_CHAINS = {"kappa": "flck", "lambda": "flcl"}


def _step(view: View, at: datetime, kidney: tuple[Watch, ...]) -> tuple[tuple[Watch, ...], Judgement | None]:
    """A collection time of creatinine, eGFR or light chains; the kidney is watched from the first that meets it on."""
    judgement = _judge(view, at)
    if judgement is None or (judgement.truth is not TRUE and not kidney):
        return kidney, judgement
    kidney = tuple(watch.to(view, at) for watch in kidney or watches((ren_aki.RULE, ren_halo.RULE)))
    open_question = judgement.truth is INDETERMINATE and over(kidney) is TRUE
    clears = INDETERMINATE if open_question else over(kidney)
    return kidney, msgspec.structs.replace(judgement, clears=clears)


def _soon(view: View, at: datetime) -> datetime:
    """With a creatinine only the light chains, and what says which is the clone's, may come so much later."""
    span = hours(view.pack, "ren_lccn.together_hours")
    creatinine = view.series.at("creat", at) or view.series.newest("creat", at, span)
    return at if creatinine is not None else at + span + AHEAD


def _until(view: View, at: datetime) -> datetime:
    """What is needed and has no value in the time before is looked for after the sample."""
    span = hours(view.pack, "ren_lccn.together_hours")
    creatinine = view.series.at("creat", at) or view.series.newest("creat", at, span)
    if creatinine is not None and _no_kidney(view, creatinine, _told_by(view, at, creatinine)):
        return at
    if creatinine is None:
        return at + span + AHEAD
    known = all(view.series.newest(chain, at, span) for chain in _CHAINS.values())
    return at if known else at + span + AHEAD


def _judge(view: View, at: datetime) -> Judgement | None:
    creatinine = view.series.at("creat", at) or _near(view, "creat", at)
    chains_here = (view.series.at(analyte, at) for analyte in _CHAINS.values())
    sample = reference_sample(view, at) or next((p for p in chains_here if p is not None), None)
    told_by = _told_by(view, at, creatinine)
    if told_by is None or sample is None:
        return None
    if _calm(view, creatinine, told_by):
        return not_met(at, sample.result.slot, INDETERMINATE)
    kidney = _kidney(view, creatinine, told_by)
    if kidney.truth is FALSE:
        return Judgement(at=at, slot=sample.result.slot, truth=FALSE, node=kidney, analyte=sample.result.analyte)
    chains = {analyte: _near(view, analyte, at) for analyte in _CHAINS.values()}
    return _judgement(view, sample, kidney, chains)


def _judgement(view: View, sample: Point, kidney: Node, chains: dict[str, Point | None]) -> Judgement:
    light = _light(view, sample.at, chains)
    node = all_of(kidney, light, name="ren_lccn")
    met = node.truth is TRUE
    unknown = node.truth is INDETERMINATE
    return Judgement(
        at=sample.at,
        slot=sample.result.slot,
        truth=node.truth,
        node=node,
        level="REN_LCCN" if met else "",
        severity=Severity.CRITICAL if met else None,
        analyte=sample.result.analyte,
        value=shown(sample),
        unit=sample.result.unit,
        flags=sample.flags if met else (),
        missing=_missing(kidney, chains) if unknown else (),
        possible=(Severity.CRITICAL,) if unknown else (),
        facts=_facts(view, sample.at, chains) if met else {},
    )


def _no_kidney(view: View, creatinine: Point, told_by: Point | None) -> bool:
    return _calm(view, creatinine, told_by) or _kidney(view, creatinine, told_by).truth is FALSE


def _calm(view: View, creatinine: Point | None, told_by: Point | None) -> bool:
    """Certainly neither limb of the kidney."""
    if creatinine is None or told_by is None or not no_injury(view, creatinine):
        return False
    return misses(view.pack, egfr_at(view, told_by).interval, ("ren_halo.egfr",))


def _kidney(view: View, creatinine: Point | None, told_by: Point | None) -> Node:
    """AKI stage 1 or more, by a creatinine alone, or eGFR below 40."""
    limbs = [] if creatinine is None else [aki_at(view, creatinine).node]
    if told_by is not None:
        low = compare(egfr_at(view, told_by), view.pack.limit("ren_halo.egfr"))
        limbs.append(adults_only(view, told_by.at, low))
    return any_of(*limbs, name="kidney")


def _told_by(view: View, at: datetime, creatinine: Point | None) -> Point | None:
    """The sample the eGFR is of: the newest up to `at`, a creatinine or a reported eGFR without one, else the next."""
    span = hours(view.pack, "ren_lccn.together_hours")
    found = reference_sample(view, at) or newest_reference(view, at, span)
    if found is not None:
        return found
    reported = (p for p in view.series.after("egfr", at) if p.at - at <= span and not p.preliminary)
    following = next((p for p in reported if reference_sample(view, p.at) is p), None)
    return min((p for p in (creatinine, following) if p is not None), key=lambda p: p.at, default=None)


def _light(view: View, at: datetime, chains: dict[str, Point | None]) -> Node:
    """The involved chain at 500 mg/L or more; with the clone unknown only what holds for either chain is certain."""
    involved = light_chain(view, max([at, *(p.at for p in chains.values() if p)]))
    limit = view.pack.limit("ren_lccn.involved_flc")
    nodes = {name: compare(quantity(p), limit) if p else fact(f"{name}_unknown", INDETERMINATE)
             for name, p in chains.items()}  # fmt: skip
    if involved is not None:
        return nodes[_CHAINS[involved]]
    either = [node.truth for node in nodes.values()]
    known = either[0] if either[0] == either[1] else INDETERMINATE
    return msgspec.structs.replace(all_of(*nodes.values(), name="involved_chain_unknown"), truth=known)


def _near(view: View, analyte: str, at: datetime) -> Point | None:
    span: timedelta = hours(view.pack, "ren_lccn.together_hours")
    return in_force(view, analyte, at, span, span)


def _missing(kidney: Node, chains: dict[str, Point | None]) -> tuple[str, ...]:
    lacking = [name for name, point in chains.items() if point is None]
    kidney_open = ["creat"] if kidney.truth is INDETERMINATE else []
    return (*kidney_open, *lacking) or ("isotype",)


def _facts(view: View, at: datetime, chains: dict[str, Point | None]) -> dict[str, str]:
    creatinine = view.series.at("creat", at) or _near(view, "creat", at)
    found = {name: str(point.result.value) for name, point in chains.items() if point}
    if creatinine is not None:
        found |= {"creat": str(creatinine.result.value), "aki_stage": str(aki_at(view, creatinine).stage)}
    told_by = _told_by(view, at, creatinine)
    estimate = egfr_at(view, told_by) if told_by else None
    exact = estimate.interval.exact if estimate and estimate.interval else None
    return found | ({"egfr": displayed(exact), "equation": estimate.method} if estimate and exact is not None else {})


RULE = Rule(
    name="REN_LCCN",
    family="renal_failure",
    inputs=frozenset({"creat", "egfr", "k", "hi", "flck", "flcl", "sife"}),
    judge=Walk(ANALYTES, _step, (), _until, ahead=BESIDE, late=Late((*_CHAINS.values(), "sife"), _soon)),
    delivery="now",
)
