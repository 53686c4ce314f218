"""How a calcium sample is judged, high or low: every reading graded, ionised calcium weighed against it (calcium 3).

Only an ionised value that is not raised (not low) may downgrade, to INFO; otherwise the higher grade counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from alerts.calcium_basis import Reading, Sample, newest_first, possible_adjustments, sample_at
from alerts.calm import not_met
from alerts.completing import span_hours
from alerts.condition import Node, all_of, any_of, compare, fact
from alerts.logic import FALSE, INDETERMINATE, TRUE, Truth, all_true
from alerts.rule import Judgement, View
from alerts.samples import exchanged
from alerts.severity import Severity, worst

Grades = Mapping[Severity, Node]
"""The condition of each severity, highest first."""


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between the high and the low side."""

    level: str
    grades: Callable[[View, Reading], Grades]
    """Of an adjusted or total calcium."""
    ionised_grades: Callable[[View, Reading], Grades]
    ionised_normal: Callable[[View, Reading], Node]
    """TRUE: ionised calcium speaks against the alert."""
    calm: Callable[[View, Reading], bool]
    """Whether such a calcium certainly meets none of those conditions."""
    normal_flag: str
    clearing_limit: str
    clears_by_a_fall: bool
    """After plasma exchange a fall does not count (hyperviscosity 2)."""
    opposite: Callable[[View, Reading], Node]
    """Total calcium crosses a limit of the other side, so that this side is answered."""


class _Opinion(msgspec.Struct, frozen=True, kw_only=True):
    reading: Reading
    node: Node
    severity: Severity | None


def settled(view: View, at: datetime, judge_sample: Callable[[Sample], Judgement]) -> tuple[Sample, Judgement] | None:
    """The judgement at `at` from final values; from preliminary ones only when that is CRITICAL."""
    early = sample_at(view, at, preliminary=True)
    if early is None:
        return None
    judgement = judge_sample(early)
    if not early.preliminary:
        return early, judgement
    if judgement.severity is Severity.CRITICAL:
        return early, msgspec.structs.replace(judgement, flags=tuple(sorted({*judgement.flags, "preliminary"})))
    return settled_by_final(view, at, judge_sample)


def settled_by_final(
    view: View, at: datetime, judge_sample: Callable[[Sample], Judgement]
) -> tuple[Sample, Judgement] | None:
    """The judgement at `at` from final values alone."""
    final = sample_at(view, at)
    return (final, judge_sample(final)) if final else None


def judge(side: Side, view: View, sample: Sample) -> Judgement:
    """The judgement of one sample, without what only one side knows (pseudohypercalcaemia)."""
    if _calm(side, view, sample):
        return not_met(sample.at, sample.slot, _clears(side, view, sample))
    opinions = [_opinion(reading, side.grades(view, reading)) for reading in sample.readings]
    own = opinions[0] if opinions else None
    if sample.ionised is None:
        if own is None:
            raise ValueError(f"calcium sample at {sample.at:%Y-%m-%dT%H:%M} has no reading at all")
        return _without_ionised(side, view, sample, own, opinions)
    ionised = _opinion(sample.ionised, side.ionised_grades(view, sample.ionised))
    normal = side.ionised_normal(view, sample.ionised)
    if normal.truth is TRUE:
        return _ionised_normal(side, view, sample, own, normal, opinions)
    both = [opinion for opinion in (ionised, own) if opinion]
    return _higher(side, view, sample, both, opinions)


def _calm(side: Side, view: View, sample: Sample) -> bool:
    """An adjusted calcium that certainly meets nothing, and no ionised one to weigh it against."""
    if sample.ionised is not None or not sample.readings or sample.readings[0].basis == "TOTAL":
        return False
    return side.calm(view, sample.readings[0])


def _opinion(reading: Reading, grades: Grades) -> _Opinion:
    met = [severity for severity, node in grades.items() if node.truth is TRUE]
    node = any_of(*grades.values(), name=reading.basis.lower())
    return _Opinion(reading=reading, node=node, severity=worst(met) if met else None)


def _without_ionised(side: Side, view: View, sample: Sample, own: _Opinion, opinions: list[_Opinion]) -> Judgement:
    """The basis decides; total calcium alone that crosses nothing leaves the question open."""
    open_question = own.reading.basis == "TOTAL" and own.node.truth is FALSE
    if not open_question or side.opposite(view, own.reading).truth is TRUE:
        return _judgement(side, view, sample, own, own.node, opinions)
    node = any_of(own.node, fact("adjusted_calcium_crosses_a_limit", INDETERMINATE))
    return _judgement(side, view, sample, own, node, opinions)


def _ionised_normal(
    side: Side, view: View, sample: Sample, own: _Opinion | None, normal: Node, opinions: list[_Opinion]
) -> Judgement:
    """Ionised calcium was asked and says no: what the other reading crosses is shown, not sent."""
    if own is None or own.node.truth is FALSE:
        ionised = _Opinion(reading=_ionised(sample), node=normal, severity=None)
        return _judgement(side, view, sample, ionised, all_of(fact(side.level.lower(), FALSE), normal), opinions)
    info = msgspec.structs.replace(own, severity=Severity.INFO)  # so it would be, too, if it is not known well enough
    quiet = any_of(all_of(own.node, normal, name="ionised_normal"), own.node)
    found = _judgement(side, view, sample, info, quiet, opinions)
    possible = (Severity.INFO,) if found.possible else ()
    return msgspec.structs.replace(found, flags=tuple(sorted({*found.flags, side.normal_flag})), possible=possible)


def _higher(side: Side, view: View, sample: Sample, both: list[_Opinion], opinions: list[_Opinion]) -> Judgement:
    """The higher of the two grades; of two equals the ionised one speaks."""
    met = [opinion for opinion in both if opinion.severity]
    speaks = max(met, key=lambda o: (o.severity or Severity.INFO).rank) if met else both[0]
    return _judgement(side, view, sample, speaks, any_of(*(o.node for o in both), name=side.level.lower()), opinions)


def _judgement(
    side: Side, view: View, sample: Sample, speaks: _Opinion, node: Node, opinions: list[_Opinion]
) -> Judgement:
    reading, met = speaks.reading, node.truth is TRUE
    open_question = node.truth is INDETERMINATE
    return Judgement(
        at=sample.at,
        slot=sample.slot,
        truth=node.truth,
        node=node,
        level=side.level if met else "",
        severity=speaks.severity if met else None,
        clears=_clears(side, view, sample),
        analyte=reading.analyte,
        value=reading.exact,
        unit=reading.quantity.unit,
        flags=_flags(view, reading),
        missing=_missing(reading) if open_question else (),
        possible=_possible(side, view, reading) if open_question else (),
        facts=_facts(sample, opinions) | (_change(view, reading) if met else {}),
    )


def _flags(view: View, reading: Reading) -> tuple[str, ...]:
    """For 72 h (inclusive) after plasma exchange calcium and albumin are marked; high values alert nevertheless."""
    return tuple(sorted({*reading.flags, "post_exchange"})) if exchanged(view, reading.at) else reading.flags


def _missing(reading: Reading) -> tuple[str, ...]:
    """Albumin, or ionised calcium where no albumin can help; a censored value is missing itself."""
    if reading.basis != "TOTAL":
        return (reading.analyte,)
    return ("ica",) if "albumin_out_of_range" in reading.flags else ("alb",)


def _possible(side: Side, view: View, reading: Reading) -> tuple[Severity, ...]:
    """Severities that the missing number could bring, mildest first."""
    interval = reading.quantity.interval
    if reading.basis == "TOTAL" and interval is not None:
        quantity = msgspec.structs.replace(reading.quantity, interval=possible_adjustments(view.pack, interval))
        reading = msgspec.structs.replace(reading, quantity=quantity)
    grades = side.grades if reading.basis != "IONISED" else side.ionised_grades
    found = [severity for severity, node in grades(view, reading).items() if node.truth is not FALSE]
    return tuple(sorted(found, key=lambda severity: severity.rank))


def _clears(side: Side, view: View, sample: Sample) -> Truth:
    """Within the clearing limit on an adjusted value, and ionised calcium, where measured, within its range.

    Total calcium alone may break a run but never makes one; an ionised value of another draw does not count [E].
    """
    if sample.borrowed:
        return INDETERMINATE
    found = _within(side, view, sample)
    fell = side.clears_by_a_fall and found is TRUE and exchanged(view, sample.at)
    return INDETERMINATE if fell else found


def _within(side: Side, view: View, sample: Sample) -> Truth:
    normal = [side.ionised_normal(view, sample.ionised).truth] if sample.ionised else []
    if not sample.readings:
        return all_true(normal)
    reading = sample.readings[0]
    within = compare(reading.quantity, view.pack.limit(side.clearing_limit)).truth
    if reading.basis == "TOTAL" and not normal and within is TRUE:
        return INDETERMINATE
    return all_true([within, *normal])


def _change(view: View, reading: Reading) -> dict[str, str]:
    """Payne's value has no series of its own, so its change is worked out here; of the others by the engine."""
    before = next(newest_first(view, reading), None) if reading.basis == "PAYNE" else None
    if before is None or reading.exact is None or before.exact is None:
        return {}
    return {"change": str(reading.exact - before.exact), "change_hours": span_hours(reading.at - before.at)}


def _ionised(sample: Sample) -> Reading:
    if sample.ionised is None:
        raise ValueError(f"calcium sample at {sample.at:%Y-%m-%dT%H:%M} has no ionised value")
    return sample.ionised


def _facts(sample: Sample, opinions: list[_Opinion]) -> dict[str, str]:
    """The basis, every value that exists, and which other reading would have fired."""
    values = {o.reading.basis.lower(): str(o.reading.exact) for o in opinions if o.reading.exact is not None}
    if sample.ionised and sample.ionised.exact is not None:
        values["ionised"] = str(sample.ionised.exact)
    others = opinions if sample.ionised else opinions[1:]
    fired = [f"{o.reading.basis} {o.severity}" for o in others if o.severity]
    return {"basis": sample.basis, **values} | ({"other_readings": ", ".join(fired)} if fired else {})
