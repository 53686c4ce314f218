"""SMM_EVOLVING_M: M-protein or involved immunoglobulin rising in a smouldering patient [R:16] (relapse 8): MEDIUM.

HIGH when the haemoglobin evolves too: 81.5 % then progressed within two years [R:16]. Never ends by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from alerts.clone import heavy_chains
from alerts.condition import Node, Quantity
from alerts.myeloma.evolving import first_met, judged
from alerts.myeloma.smouldering import ever, evolving_hb, evolving_m, samples
from alerts.rule import Judgement, Rule, View
from alerts.samples import quantity
from alerts.series import Point


def found(view: View) -> Iterator[tuple[Point, Node]]:
    """Serum M, then the immunoglobulin of the clone where its heavy chain is known."""
    yield from evolving_m(view.pack, samples(view, "mspike"), quantity)
    for analyte in sorted(heavy_chains(view, view.as_of) & {"igg", "iga", "igm"}):
        yield from evolving_m(view.pack, samples(view, analyte), lambda point: _current_m(view, point))


def _current_m(view: View, point: Point) -> Quantity:
    """The newest M up to the immunoglobulin, of the same window of six months; may be unknown."""
    within = timedelta(days=int(view.pack["smouldering.half_year_days"]))
    known = view.series.newest("mspike", point.at, within)
    return Quantity(name="mspike", interval=None, unit="g/L") if known is None else quantity(known)


def judge(view: View) -> list[Judgement]:
    """One judgement a sample taken while the patient is smouldering."""
    if not ever(view):
        return []
    other = first_met(view, evolving_hb(view.pack, samples(view, "hb")))
    return judged(view, "SMM_EVOLVING_M", sorted(found(view), key=lambda item: item[0].at), other)


RULE = Rule(
    name="SMM_EVOLVING_M",
    family="relapse",
    inputs=frozenset({"mspike", "igg", "iga", "igm", "sife", "hb"}),
    judge=judge,
    delivery="working_hours",
)
