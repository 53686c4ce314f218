"""HV: hyperviscosity by viscosity, immunoglobulins, M-protein or total protein (hyperviscosity 2) [E].

HV_CHECK MEDIUM: order viscosity, ask about symptoms, look at the fundi. HV_HIGH HIGH. HV_CRITICAL CRITICAL: viscosity
>= 5.0, or HV_HIGH with a symptom entered by a clinician or platelets below 50. Laboratory surveillance only: the
diagnosis is clinical. For 72 h after plasma exchange falls do not clear an alert; high values still alert.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from alerts.calm import not_met
from alerts.condition import Node, all_of, any_of, compare, fact
from alerts.counts import clumped
from alerts.logic import FALSE, INDETERMINATE, TRUE, Truth, any_true
from alerts.rule import Judgement, Rule, View
from alerts.rules import hb_acute, hb_drop, hb_halo, hb_imwg
from alerts.samples import hours, in_force, quantity, shown, since
from alerts.series import Point
from alerts.severity import Severity
from alerts.standing import Watch, any_open, watches
from alerts.stepping import BESIDE, NOTHING_AHEAD, Walk
from alerts.viscosity import ANALYTES, Draw, calm_slot, draw, limbs

SEVERITY = {"HV_CHECK": Severity.MEDIUM, "HV_HIGH": Severity.HIGH, "HV_CRITICAL": Severity.CRITICAL}
_HEADLINE = {"viscosity": "visc", "total_protein": "tp", "globulin_gap": "tp", "m_protein": "mspike"}
_ANAEMIA = (hb_halo.RULE, hb_imwg.RULE, hb_drop.RULE, hb_acute.RULE)


class _Level(msgspec.Struct, frozen=True, kw_only=True):
    """One level at one draw."""

    name: str
    node: Node
    triggers: tuple[str, ...]
    """Limbs that are TRUE, sorted."""


def _step(view: View, at: datetime, anaemia: tuple[Watch, ...]) -> tuple[tuple[Watch, ...], Judgement | None]:
    """A collection time of any analyte of the rule; anaemia is watched up to the last draw that met it."""
    calm = calm_slot(view, at)
    if calm is not None:
        return anaemia, not_met(at, calm, _clears(view, view.series.at("visc", at)))
    judgement = _judge(view, draw(view, at), _following(view, at))
    if judgement.truth is not TRUE:
        return anaemia, judgement
    anaemia = tuple(watch.to(view, at) for watch in anaemia)
    return anaemia, _linked(judgement, "anaemia_open") if any_open(anaemia) else judgement


def _following(view: View, at: datetime) -> datetime | None:
    """The next draw, up to which an entered symptom belongs to this one; None when there is none, or no symptom."""
    if not view.context.of("symptom"):
        return None
    return min((later.at for name in ANALYTES if (later := view.series.following(name, at))), default=None)


def _until(view: View, at: datetime) -> datetime:
    """A symptom counts up to the next draw, whenever that comes."""
    forever = datetime.max.replace(tzinfo=UTC) if view.context.of("symptom") else at
    return _following(view, at) or forever


def _judge(view: View, drawn: Draw, after: datetime | None) -> Judgement:
    levels = _levels(view, drawn, after)
    reached = next((level for level in levels if level.node.truth is TRUE), None)
    truth = TRUE if reached else any_true([level.node.truth for level in levels])
    unknown = [level for level in levels if level.node.truth is INDETERMINATE]
    shown_level = reached or (unknown or levels)[-1]
    point = drawn.points[_headline(drawn, shown_level.triggers)]
    return Judgement(
        at=drawn.at,
        slot=point.result.slot,
        truth=truth,
        node=any_of(*(level.node for level in levels[levels.index(reached) :])) if reached else shown_level.node,
        level=reached.name if reached else "",
        severity=SEVERITY[reached.name] if reached else None,
        clears=_clears(view, drawn.points.get("visc")),
        analyte=point.result.analyte,
        value=shown(point),
        unit=point.result.unit,
        flags=_flags(view, drawn, shown_level) if reached else (),
        missing=_missing(drawn) if truth is INDETERMINATE else (),
        possible=tuple(SEVERITY[level.name] for level in reversed(unknown)) if truth is INDETERMINATE else (),
        facts={"triggers": ",".join(reached.triggers)} | _symptoms(view, drawn.at, after) if reached else {},
    )


def _levels(view: View, drawn: Draw, after: datetime | None) -> Sequence[_Level]:
    """Highest first."""
    check, high, critical = (limbs(view, drawn, level) for level in ("check", "high", "critical"))
    high_node = any_of(*high.values(), name="hv_high")
    worse = any_of(_symptom(view, drawn.at, after), _platelets(view, drawn), name="symptom_or_platelets")
    with_danger = all_of(high_node, worse, name="hv_high_with_danger")
    danger = high if worse.truth is TRUE else {}
    return (
        _level("HV_CRITICAL", any_of(*critical.values(), with_danger, name="hv_critical"), critical | danger),
        _level("HV_HIGH", high_node, high),
        _level("HV_CHECK", any_of(*check.values(), name="hv_check"), check),
    )


def _level(name: str, node: Node, nodes: dict[str, Node]) -> _Level:
    true = sorted(trigger for trigger, limb in nodes.items() if limb.truth is TRUE)
    return _Level(name=name, node=node, triggers=tuple(true))


def _symptom(view: View, at: datetime, after: datetime | None) -> Node:
    """Entered by a clinician and present at the draw or before the next one; none entered is FALSE, not unknown."""
    return fact("symptom", TRUE if _symptoms(view, at, after) else FALSE)


def _symptoms(view: View, at: datetime, after: datetime | None) -> dict[str, str]:
    entered = [*view.context.active("symptom", at)]
    entered += [s for s in view.context.of("symptom") if s.start and at < s.start and (not after or s.start < after)]
    named = sorted({entry.code or entry.value or "symptom" for entry in entered})
    return {"symptoms": ",".join(named)} if named else {}


def _platelets(view: View, drawn: Draw) -> Node:
    """The count that goes with the draw; a clumped one says nothing."""
    pack = view.pack
    span, ahead = hours(pack, "hv.platelets_hours"), hours(pack, "hv.beside_hours")
    point = view.series.at("plt", drawn.at) or in_force(view, "plt", drawn.at, span, ahead)
    if point is None or clumped(point.result.comments):
        return fact("platelets_unknown", INDETERMINATE)
    return compare(quantity(point), pack.limit("hv.platelets"))


def _headline(drawn: Draw, triggers: Sequence[str]) -> str:
    """The analyte the text shows: viscosity first, else the first trigger's, else what there is."""
    wanted = [*(["visc"] if "viscosity" in triggers else []), *(_HEADLINE.get(t, t) for t in triggers), "visc"]
    measured = [name for name in wanted if name in drawn.points]
    by_isotype = ["mspike"] if triggers and "mspike" in drawn.points else []
    return next(iter([*measured, *by_isotype, *drawn.points]))


def _clears(view: View, viscosity: Point | None) -> Truth:
    """Viscosity below 3.0 once; up to 72 h after plasma exchange a fall does not count (alert behaviour 2.2)."""
    if viscosity is None:
        return INDETERMINATE
    limit = view.pack.limit("hv.clear_viscosity")
    low = viscosity.interval.test(limit.operator, limit.value)
    return INDETERMINATE if low is TRUE and _exchanged(view, viscosity.at) else low


def _exchanged(view: View, at: datetime) -> bool:
    return since(view, "plasma_exchange", at, hours(view.pack, "hv.exchange_hours"))


def _flags(view: View, drawn: Draw, level: _Level) -> tuple[str, ...]:
    m_used = "mspike" in drawn.points
    said = {
        "post_exchange": _exchanged(view, drawn.at),
        "igm_check_waldenstrom": "igm" in level.triggers,
        "isotype_unknown": m_used and not drawn.heavy,
        "platelets_unknown": level.name == "HV_HIGH" and _platelets(view, drawn).truth is INDETERMINATE,
    }
    sent = {flag for point in drawn.points.values() for flag in point.flags}
    return tuple(sorted(sent | {flag for flag, holds in said.items() if holds}))


def _missing(drawn: Draw) -> tuple[str, ...]:
    """Albumin for the gap, the isotype for M; else a value that is only known as a bound."""
    albumin = ["alb"] if "tp" in drawn.points and drawn.better is None and drawn.albumin is None else []
    isotype = ["isotype"] if "mspike" in drawn.points and not drawn.heavy else []
    return (*albumin, *isotype) or tuple(drawn.points)


def _linked(judgement: Judgement, flag: str) -> Judgement:
    return msgspec.structs.replace(judgement, flags=tuple(sorted({*judgement.flags, flag})))


RULE = Rule(
    name="HV",
    family="hyperviscosity",
    inputs=frozenset({*ANALYTES, "alb", "plt", "sife", "hb"}),
    judge=Walk(ANALYTES, _step, watches(_ANAEMIA), _until, ahead=BESIDE, calm=NOTHING_AHEAD),
    delivery="now",
)
