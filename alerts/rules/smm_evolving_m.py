"""SMM_EVOLVING_M: M-protein or involved immunoglobulin rising in a smouldering patient [R:16] (relapse 8): MEDIUM.

HIGH when the haemoglobin evolves too: 81.5 % then progressed within two years [R:16]. Never ends by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import takewhile

from alerts.clone import heavy_chains
from alerts.condition import Node, Quantity, compare
from alerts.logic import TRUE
from alerts.myeloma.evolving import Pattern, onward
from alerts.myeloma.readings import post_exchange
from alerts.myeloma.smouldering import Samples, ever, evolving_hb, evolving_m
from alerts.rule import Rule, View
from alerts.samples import quantity
from alerts.series import Point
from alerts.stepping import Resumed, Trail


def patterns(view: View) -> dict[str, Pattern]:
    """Serum M, then the immunoglobulin of the clone where its heavy chain is known."""
    others = sorted(heavy_chains(view, view.as_of) & {"igg", "iga", "igm"})
    return {name: partial(_pattern, view, name) for name in ("mspike", *others)}


def _pattern(view: View, analyte: str, samples: Samples, since: datetime | None) -> Iterator[tuple[Point, Node]]:
    current_m = quantity if analyte == "mspike" else partial(_current_m, view)
    return evolving_m(view.pack, samples, current_m, since, silent=partial(_after_exchange, view))


def _after_exchange(view: View, point: Point) -> bool:
    return post_exchange(view, point.at)


def haemoglobin(view: View) -> dict[str, Pattern]:
    """The other pattern."""
    return {"hb": partial(evolving_hb, view.pack)}


def _current_m(view: View, point: Point) -> Quantity:
    """The newest M up to the immunoglobulin, of the same window of six months; may be unknown.

    One that plasma exchange lowered below the limit says nothing; the one before it is then the newest.
    """
    within = timedelta(days=int(view.pack["smouldering.half_year_days"]))
    newest_first = view.series.last_before("mspike", point.at + timedelta.resolution)
    near = takewhile(lambda m: point.at - m.at <= within, newest_first)
    return next(
        (quantity(m) for m in near if not _lowered(view, m)), Quantity(name="mspike", interval=None, unit="g/L")
    )  # fmt: skip


def _lowered(view: View, m: Point) -> bool:
    high = compare(quantity(m), view.pack.limit("smouldering.half_year_serum")).truth is TRUE
    return not high and _after_exchange(view, m)


def _onward(view: View, known: Trail, since: datetime | None) -> Trail:
    if not ever(view):
        return Trail()
    return onward(view, known, since, "SMM_EVOLVING_M", patterns(view), haemoglobin(view))


RULE = Rule(
    name="SMM_EVOLVING_M",
    family="relapse",
    inputs=frozenset({"mspike", "igg", "iga", "igm", "sife", "hb"}),
    judge=Resumed(_onward),
    delivery="working_hours",
)
