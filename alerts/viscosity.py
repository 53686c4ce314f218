"""The limbs of hyperviscosity at one draw (hyperviscosity 2): viscosity, immunoglobulins with M, total protein.

Proteins in g/L, viscosity in mPa.s. M counts as the immunoglobulin of its isotype and the larger of the two is taken;
total protein below 120 and its gap to albumin count only while nothing better is known from the last 60 days.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from alerts.calm import below, number
from alerts.clone import heavy_chains
from alerts.condition import Node, Quantity, all_of, compare, fact
from alerts.intervals import difference, highest
from alerts.logic import FALSE, INDETERMINATE, TRUE
from alerts.rule import View
from alerts.samples import hours, quantity
from alerts.series import Point

Level = Literal["check", "high", "critical"]
IMMUNOGLOBULINS = ("igg", "iga", "igm", "igg3")
ANALYTES = ("visc", *IMMUNOGLOBULINS, "mspike", "tp")
"""Whose collection makes a sample to judge."""


_LIMITS = {name: tuple(f"hv.{level}_{name}" for level in ("check", "high")) for name in (*IMMUNOGLOBULINS, "tp")}
_LIMITS["visc"] = tuple(f"hv.{level}_viscosity" for level in ("check", "high", "critical"))
_LIMITS["mspike"] = tuple(key for name in IMMUNOGLOBULINS for key in _LIMITS[name])


class Draw(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured at one collection time."""

    at: datetime
    points: dict[str, Point]
    heavy: frozenset[str]
    """Immunoglobulins M counts as; empty when the isotype is unknown."""
    better: Point | None
    """The newest immunoglobulin or M of the last 60 days: it closes the lower total-protein limbs."""
    albumin: Point | None


def draw(view: View, at: datetime) -> Draw:
    """Collect the draw; albumin of the same specimen, else the nearest within 24 h."""
    points = {name: point for name in ANALYTES if (point := view.series.at(name, at)) is not None}
    specimen = points["tp"].result.specimen if "tp" in points else ""
    span = hours(view.pack, "hv.recent_hours")
    known = [view.series.newest(name, at, span) for name in (*IMMUNOGLOBULINS, "mspike")]
    return Draw(
        at=at,
        points=points,
        heavy=heavy_chains(view, at),
        better=max((p for p in known if p is not None), key=lambda p: p.at, default=None),
        albumin=view.series.nearest("alb", at, hours(view.pack, "hv.beside_hours"), specimen),
    )


def calm_slot(view: View, at: datetime) -> str | None:
    """The slot of a draw that is certainly below every limit of every level; None: look closer.

    M is held against the limits of every isotype. The gap of total protein is closed by a better value of the draw, or
    is seen to be small with the albumin of the very draw: nothing that is taken later makes it another one.
    """
    points = {name: point for name in ANALYTES if (point := view.series.at(name, at)) is not None}
    if not points or ("tp" in points and not _no_gap(view, points)):
        return None
    for name, point in points.items():
        exact = number(point.interval)
        if exact is None or not below(view.pack, exact, _LIMITS[name]):
            return None
    return next(iter(points.values())).result.slot


def _no_gap(view: View, points: dict[str, Point]) -> bool:
    if any(name not in ("tp", "visc") and not point.preliminary for name, point in points.items()):
        return True
    total, albumin = points["tp"], view.series.at("alb", points["tp"].at)
    if albumin is None or albumin.preliminary or total.result.specimen not in ("", albumin.result.specimen):
        return False
    high, low = number(total.interval), number(albumin.interval)
    return high is not None and low is not None and below(view.pack, high - low, ("hv.check_gap",))


def limbs(view: View, drawn: Draw, level: Level) -> dict[str, Node]:
    """The limbs of one level by trigger name (`viscosity`, `igm`, `globulin_gap`, ...), as far as measured."""
    found: dict[str, Node] = {}
    if "visc" in drawn.points:
        found["viscosity"] = compare(quantity(drawn.points["visc"]), view.pack.limit(f"hv.{level}_viscosity"))
    if level == "critical":
        return found
    found |= _immunoglobulins(view, drawn, level) | _unknown_isotype(view, drawn, level)
    return found | (_total_protein(view, drawn, level) if "tp" in drawn.points else {})


def _immunoglobulins(view: View, drawn: Draw, level: Level) -> dict[str, Node]:
    found = {}
    for name in IMMUNOGLOBULINS:
        points = [drawn.points[name]] if name in drawn.points else []
        points += [drawn.points["mspike"]] if name in drawn.heavy and "mspike" in drawn.points else []
        if points:
            found[name] = compare(_larger(name, points), view.pack.limit(f"hv.{level}_{name}"))
    return found


def _larger(name: str, points: list[Point]) -> Quantity:
    return Quantity(
        name=name,
        interval=highest([p.interval for p in points]),
        unit="g/L",
        results=tuple(p.result.result_id for p in points),
    )


def _unknown_isotype(view: View, drawn: Draw, level: Level) -> dict[str, Node]:
    """M of unknown isotype: TRUE only when IgG, IgA and IgM would all be over their limit, FALSE when none would."""
    if "mspike" not in drawn.points or drawn.heavy:
        return {}
    m = quantity(drawn.points["mspike"])
    nodes = [compare(m, view.pack.limit(f"hv.{level}_{name}")) for name in ("igg", "iga", "igm")]
    truths = {node.truth for node in nodes}
    truth = truths.pop() if len(truths) == 1 else INDETERMINATE
    node = all_of(*nodes, name="m_of_unknown_isotype")
    return {"m_protein": msgspec.structs.replace(node, truth=truth)}


def _total_protein(view: View, drawn: Draw, level: Level) -> dict[str, Node]:
    point = drawn.points["tp"]
    node = compare(quantity(point), view.pack.limit(f"hv.{level}_tp"))
    if level == "high":
        return {"total_protein": node}
    if drawn.better is not None:
        return {"total_protein": fact("immunoglobulin_or_m_known", FALSE, (drawn.better.result.result_id,))}
    gap = {"globulin_gap": _gap(view, drawn, point)} if node.truth is not TRUE else {}
    return {"total_protein": node} | gap


def _gap(view: View, drawn: Draw, total: Point) -> Node:
    """TP - albumin; without albumin open from 75 g/L on, where the gap could be 60 [E]."""
    limit = view.pack.limit("hv.check_gap")
    if drawn.albumin is not None:
        results = (total.result.result_id, drawn.albumin.result.result_id)
        gap = difference(total.interval, drawn.albumin.interval)
        return compare(Quantity(name="tp_minus_albumin", interval=gap, unit="g/L", results=results), limit)
    floor = view.pack.limit("hv.gap_possible_tp")
    if total.interval.test(floor.operator, floor.value) is FALSE:
        return fact("total_protein_too_low_for_the_gap", FALSE, (total.result.result_id,))
    unknown = Quantity(name="tp_minus_albumin", interval=None, unit="g/L", results=(total.result.result_id,))
    return compare(unknown, limit)
