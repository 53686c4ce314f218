"""TLS: tumour lysis, two or more different criteria within 24 h, from 3 d before to 7 d after start of therapy.

TLS_LAB, and TLS_CLINICAL with a creatinine rise of 26.5 umol/L or more; both CRITICAL [R:44] (blood counts 3).
Potassium, phosphate and urate of a haemolysed specimen are too high and not used. Without a known start of therapy the
window is unknown: INDETERMINATE, never silently nothing; so it is when only a haemolysed value makes the pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import combinations

import msgspec

from alerts.calcium_basis import sample_at
from alerts.calm import below, misses, not_met, number
from alerts.condition import Node, Quantity, all_of, any_of, compare, fact
from alerts.intervals import difference
from alerts.logic import FALSE, INDETERMINATE, TRUE, Truth
from alerts.potassium import specimen_of, usable
from alerts.rule import Judgement, Rule, View
from alerts.samples import hours, quantity, shown
from alerts.series import Point
from alerts.severity import Severity
from alerts.stepping import BESIDE, Walk
from alerts.thresholds import Pack

ANALYTES = ("k", "phos", "ca", "ca_adj", "urate", "creat")
_RAISED_BY_HAEMOLYSIS = frozenset({"k", "phos", "urate"})


class _Criterion(msgspec.Struct, frozen=True, kw_only=True):
    """One value and whether it meets its limit."""

    name: str
    """`k`, `phos`, `ca`, `urate`."""
    at: datetime
    node: Node
    point: Point


class _Met(msgspec.Struct, frozen=True, kw_only=True):
    """The criteria met at one collection time; a chain back in time."""

    at: datetime
    criteria: tuple[_Criterion, ...]
    before: _Met | None


class _Chain(msgspec.Struct, frozen=True, kw_only=True):
    """Criteria so far."""

    met: _Met | None = None
    pair: tuple[_Criterion, ...] = ()
    """The last two together, whatever the window."""

    def then(self, pack: Pack, at: datetime, criteria: tuple[_Criterion, ...]) -> _Chain:
        """With those of the next collection time; no pair is newest where none is."""
        if not criteria:
            return self
        met = _Met(at=at, criteria=criteria, before=self.met)
        pair = _pair(_since(met, at - hours(pack, "tls.together_hours")), at, pack)
        return _Chain(met=met, pair=pair or self.pair)


class _Known(msgspec.Struct, frozen=True, kw_only=True):
    """What the samples so far leave behind."""

    sure: _Chain = _Chain()
    """Criteria that are met."""
    maybe: _Chain = _Chain()
    """And those that may be: a haemolysed or censored value."""


def _step(view: View, at: datetime, known: _Known) -> tuple[_Known, Judgement]:
    """A collection time of a criterion or of creatinine."""
    maybe = tuple(c for c in _criteria(view, at) if c.node.truth is not FALSE)
    sure = tuple(c for c in maybe if c.node.truth is TRUE)
    if maybe:
        known = _Known(sure=known.sure.then(view.pack, at, sure), maybe=known.maybe.then(view.pack, at, maybe))
    if known.maybe.met is None:
        return known, not_met(at, _sample(view, at).result.slot)
    return known, _judge(view, at, known)


def _since(met: _Met | None, start: datetime) -> list[_Criterion]:
    """Criteria met from `start` on, in collection order."""
    found: list[_Criterion] = []
    while met is not None and met.at >= start:
        found = [*met.criteria, *found]
        met = met.before
    return found


def _criteria(view: View, at: datetime) -> list[_Criterion]:
    found = []
    for name in ("k", "phos", "urate"):
        point = view.series.at(name, at)
        if point is not None and not _too_low(view.pack, f"tls.{name}", point):
            found.append(_criterion(view, name, point, _value(view, point)))
    return found + _calcium(view, at)


def _too_low(pack: Pack, key: str, point: Point) -> bool:
    """Certainly no criterion, haemolysed or not: haemolysis only adds."""
    exact = number(point.interval)
    return exact is not None and below(pack, exact, (key,))


def _calcium(view: View, at: datetime) -> list[_Criterion]:
    """Adjusted calcium, the laboratory's or Payne's; total calcium alone is no criterion."""
    sample, point = sample_at(view, at, preliminary=True), view.series.at("ca_adj", at) or view.series.at("ca", at)
    adjusted = [r for r in sample.readings if r.basis in {"LAB_ADJUSTED", "PAYNE"}] if sample else []
    if not adjusted or point is None or misses(view.pack, adjusted[0].quantity.interval, ("tls.ca",)):
        return []
    return [_criterion(view, "ca", point, adjusted[0].quantity)]


def _criterion(view: View, name: str, point: Point, value: Quantity) -> _Criterion:
    return _Criterion(name=name, at=point.at, node=compare(value, view.pack.limit(f"tls.{name}")), point=point)


def _value(view: View, point: Point) -> Quantity:
    haemolysed = point.result.analyte in _RAISED_BY_HAEMOLYSIS and specimen_of(view, point).haemolysed
    return usable(view, point) if haemolysed else quantity(point)


def _judge(view: View, at: datetime, known: _Known) -> Judgement:
    starts = _starts(view)
    start, pair, rise = _found(view, starts, at, known.sure)
    if not pair:
        start, pair, rise = _found(view, starts, at, known.maybe)
    sample = pair[-1].point if pair else _sample(view, at)
    node = _node(start, pair)
    clinical = node.truth is TRUE and _true(rise)
    level = "" if node.truth is not TRUE else "TLS_CLINICAL" if clinical else "TLS_LAB"
    return Judgement(
        at=at,
        slot=_sample(view, at).result.slot,
        truth=node.truth,
        node=any_of(all_of(node, rise, name="tls_clinical"), node) if clinical and rise else node,
        level=level,
        severity=Severity.CRITICAL if level else None,
        clears=_clears(view, at, _last(view, starts, at, known.sure))
        if node.truth is not INDETERMINATE
        else INDETERMINATE,
        analyte=_analyte(pair[-1]) if pair else sample.result.analyte,
        value=_number(pair[-1]) if pair else shown(sample),
        unit=sample.result.unit,
        missing=_missing(start, pair) if node.truth is INDETERMINATE else (),
        possible=(Severity.CRITICAL,) if node.truth is INDETERMINATE else (),
        facts=_facts(pair) if level else {},
    )


def _analyte(criterion: _Criterion) -> str:
    """Calcium is judged adjusted."""
    return "ca_adj" if criterion.name == "ca" else criterion.name


def _number(criterion: _Criterion) -> Decimal | None:
    return criterion.node.actual.exact if criterion.node.actual else None


def _facts(pair: Sequence[_Criterion]) -> dict[str, str]:
    """Every criterion, and for the headline the values beside its own."""
    known = [(c, number) for c in pair[:-1] if (number := _number(c)) is not None]
    beside = ";".join(f"{_analyte(c)} {number} {c.point.result.unit}" for c, number in known)
    return {"criteria": ",".join(sorted({c.name for c in pair}))} | ({"beside": beside} if beside else {})


def _node(start: datetime | None, pair: Sequence[_Criterion]) -> Node:
    """Two different criteria together, in the window of a known start of therapy."""
    if not pair:
        return any_of(name="tls_lab")
    two = any_of(*(all_of(one.node, other.node) for one, other in combinations(pair, 2)), name="two_criteria")
    window = fact("within_3_days_before_to_7_days_after_start", TRUE if start else INDETERMINATE)
    return all_of(two, window, name="tls_lab")


def _missing(start: datetime | None, pair: Sequence[_Criterion]) -> tuple[str, ...]:
    """The start of therapy, and values that are not known well enough."""
    values = sorted({c.name for c in pair if c.node.truth is INDETERMINATE})
    return (*values, *(() if start else ("line_start",)))


def _found(
    view: View, starts: Sequence[datetime], at: datetime, known: _Chain
) -> tuple[datetime | None, tuple[_Criterion, ...], Node | None]:
    """The window that tells most, with its pair and its rise of creatinine: lines may follow within days.

    Each window of a known start is asked, for a criterion of one line may meet its second after the next line began.
    """
    told = [
        (start, pair, _rise(view, start, at))
        for start in starts
        if (pair := _together(view, start, at, _in_window(view, start, at, known), known))
    ]
    if told:
        return max(told, key=lambda one: (_true(one[2]), one[1][-1].at, one[0]))
    return (starts[-1], (), None) if starts else (None, _together(view, None, at, (), known), None)


def _true(node: Node | None) -> bool:
    return node is not None and node.truth is TRUE


def _last(view: View, starts: Sequence[datetime], at: datetime, known: _Chain) -> datetime | None:
    """The newest criterion in any window; without a known start the newest there is."""
    if not starts:
        return known.met.at if known.met else None
    return max((c.at for start in starts for c in _in_window(view, start, at, known)), default=None)


def _in_window(view: View, start: datetime, at: datetime, known: _Chain) -> list[_Criterion]:
    """Criteria met within the window of therapy; none is asked for when all of them are over at `at`."""
    if _over(view, start + hours(view.pack, "tls.after_hours"), at):
        return []
    found = _since(known.met, start - hours(view.pack, "tls.before_hours"))
    return [c for c in found if _inside(view, start, c.at)]


def _together(
    view: View, start: datetime | None, at: datetime, now: Sequence[_Criterion], known: _Chain
) -> tuple[_Criterion, ...]:
    """The pair that is newest at `at`; for a creatinine in the window the last such."""
    creatinine = view.series.at("creat", at) is not None
    if start is None:
        pair = known.pair
        return pair if pair and (creatinine or pair[-1].at == at) else ()
    times = {c.at for c in now} if creatinine and _inside(view, start, at) else {at}
    pairs = (_pair(now, time, view.pack) for time in sorted(times, reverse=True))
    return next((pair for pair in pairs if pair), ())


def _pair(met: Sequence[_Criterion], at: datetime, pack: Pack) -> tuple[_Criterion, ...]:
    """Criteria of different analytes not too far apart, the newest at `at`."""
    span = hours(pack, "tls.together_hours")
    for later in reversed(met):
        others = {c.name: c for c in met if c.name != later.name and timedelta(0) <= later.at - c.at <= span}
        if others and later.at == at:
            return (*others.values(), later)
    return ()


def _starts(view: View) -> list[datetime]:
    """Every known start of therapy, the earliest first."""
    return sorted({entry.start for entry in view.context.of("line_start") if entry.start is not None})


def _inside(view: View, start: datetime, at: datetime) -> bool:
    return -hours(view.pack, "tls.before_hours") <= at - start <= hours(view.pack, "tls.after_hours")


def _sample(view: View, at: datetime) -> Point:
    return next(p for p in (view.series.at(name, at) for name in ANALYTES) if p is not None)


def _rise(view: View, start: datetime, at: datetime) -> Node | None:
    """Newest creatinine in the window against the one the therapy started from (the last before the window's end)."""
    now = view.series.newest("creat", at)
    earlier = view.series.before("creat", now.at) if now and _inside(view, start, now.at) else []
    before = [p for p in earlier if p.at <= start] or list(earlier[:1])
    if now is None or not before:
        return None
    rise = Quantity(
        name="creatinine_rise_since_therapy",
        interval=difference(now.interval, before[-1].interval),
        unit="umol/L",
        results=(now.result.result_id, before[-1].result.result_id),
    )
    return compare(rise, view.pack.limit("tls.creatinine_rise"))


def _clears(view: View, at: datetime, last: datetime | None) -> Truth:
    """Seven days after the last criterion (alert behaviour 2.2)."""
    return TRUE if last is None or _over(view, last, at) else FALSE


def _over(view: View, last: datetime, at: datetime) -> bool:
    return at - last >= hours(view.pack, "tls.clear_hours")


RULE = Rule(
    name="TLS",
    family="tumour_lysis",
    inputs=frozenset({*ANALYTES, "alb", "hi"}),
    judge=Walk(ANALYTES, _step, _Known(), ahead=2 * BESIDE, calm=BESIDE),
    delivery="now",
)
