"""BIO: is the clone growing again? The relapse ladder (relapse 2, 4, 6 and 9).

`BIO_POSSIBLE` LOW, `BIO_PD` MEDIUM, `BIO_SIGNIFICANT`, `CLIN_POSSIBLE` and `CLIN_RELAPSE` HIGH; a modifier raises one
level, never above HIGH. A possible that the next evaluable sample does not meet ends as `not_confirmed`; confirmed
progression never ends by itself: a correction withdraws it, a clinician closes it, or a new line of therapy begins.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime
from operator import attrgetter

import msgspec

from alerts.condition import Node, all_of, fact
from alerts.logic import FALSE, INDETERMINATE, TRUE, Truth
from alerts.myeloma.disease import Disease, disease, taken_up
from alerts.myeloma.doubling import Doubling, doubling
from alerts.myeloma.flc import unpaired, unpaired_since
from alerts.myeloma.ladder import Finding, Held, Ladder, Standing
from alerts.myeloma.notes import facts
from alerts.myeloma.steps import Rung, Step
from alerts.rule import Judgement, Rule, View
from alerts.rules._organ_findings import SIBLINGS, Known, findings, onward
from alerts.series import Point
from alerts.severity import Severity
from alerts.stepping import Resumed, Trail, earliest, steps_at
from alerts.stepping import Step as Judged

SEVERITY = {
    "BIO_POSSIBLE": Severity.LOW,
    "BIO_PD": Severity.MEDIUM,
    "BIO_SIGNIFICANT": Severity.HIGH,
    "CLIN_POSSIBLE": Severity.HIGH,
    "CLIN_RELAPSE": Severity.HIGH,
}
MODIFIERS = frozenset({"unfavourable_cytogenetics", "aggressive_onset", "high_organ_risk"})
VERDICTS = frozenset({"CLIN_RELAPSE"})
_CAUSES = {Rung.POSSIBLE: "not_confirmed", Rung.PD: "new_line"}
"""Why it ends, by what was in force; a significant rise without PD is simply over."""


class _Moment(msgspec.Struct, kw_only=True):
    """Everything that happens at one collection time."""

    findings: list[Finding] = []
    steps: list[Step] = []
    verdict: bool = False
    unusable: list[tuple[Point, str]] = []


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What an earlier evaluation worked out."""

    disease: Disease | None = None
    organs: Known = {}


def _onward(view: View, known: Trail, since: datetime | None) -> Trail:
    """One judgement a collection time of a component, and one where an organ finding or a verdict changes the rung.

    The organ rules are followed from the first sample that meets a criterion on.
    """
    kept = known.kept or _Kept()
    now, at = taken_up(view, kept.disease, since)
    organs, organs_at = kept.organs, since
    if organs or any(step.met for step in _steps(now, at)):
        organs, organs_at = onward(view, organs, since)
    at = earliest(organs_at, unpaired_since(kept.disease.light if kept.disease else (), now.light, at))

    def moments(standing: Standing | None) -> Iterator[Judged]:
        ladder, found = Ladder(view.pack, standing), _moments(view, now, organs, at)
        for time in sorted(found):
            judgements = _at(view, ladder, time, found[time])
            yield from steps_at(time, ladder.standing, judgements)

    return known.onward(at, moments, _Kept(disease=now, organs=organs))


def _steps(known: Disease, since: datetime | None) -> list[Step]:
    """Of all components, serum M first."""
    return [step for told in known.told.values() for step in told.steps_since(since)]


def _moments(view: View, known: Disease, organs: Known, since: datetime | None) -> dict[datetime, _Moment]:
    moments: dict[datetime, _Moment] = {}
    for step in _steps(known, since):
        moments.setdefault(step.reading.at, _Moment()).steps.append(step)
    for organ in findings(view, organs, since):
        moments.setdefault(organ.at, _Moment()).findings.append(organ)
    for at in _verdicts(view):
        if since is None or at >= since:
            moments.setdefault(at, _Moment()).verdict = True
    lonely = unpaired(view, known.light, since) if known.chain or not known.light else ()
    for point, missing in [*_urine_unusable(view, since), *lonely]:
        moments.setdefault(point.at, _Moment()).unusable.append((point, missing))
    return moments


def _verdicts(view: View) -> list[datetime]:
    said = view.context.of("verdict")
    return [v.start for v in said if v.start is not None and {v.code.upper(), v.value.upper()} & VERDICTS]


def _urine_unusable(view: View, since: datetime | None) -> list[tuple[Point, str]]:
    """Urine M without a 24 h volume, or as a ratio to creatinine: shown, never compared (analytes 2)."""
    return [(p, "u24_volume") for p in view.series.since("umprot", since) if p.result.quality == "NOT_FOR_IMWG"]


def _at(view: View, ladder: Ladder, at: datetime, moment: _Moment) -> list[Judgement]:
    """What this moment says, in the order: end of the old line, findings, samples, verdict."""
    judgements: list[Judgement] = []
    before, shown = ladder.rung, ladder.level
    if ladder.leave(moment.steps):
        judgements.append(_ends(moment.steps[0], "new_line"))
        ladder.release()
    changed = [organ for organ in moment.findings if ladder.find(organ)]
    for step in moment.steps:
        ladder.apply(step)
    said = ladder.hear(at, verdict=moment.verdict)
    met = [step for step in moment.steps if step.met]
    if met or changed or said:
        return [*judgements, _true(view, ladder, at, met, changed)] if ladder.level else judgements
    if ladder.level not in ("", shown):  # one component is over, another one holds at its own rung
        return [*judgements, _true(view, ladder, at, (), ())]
    if not judgements and moment.steps:
        judgements.append(_not_met(ladder, before, moment.steps))
    return judgements or _unknown(moment)


def _not_met(ladder: Ladder, before: Rung, steps: Sequence[Step]) -> Judgement:
    if ladder.level:
        return _false(steps[0], FALSE)
    ladder.release()
    return _ends(steps[0], _CAUSES.get(before, ""))


def _false(step: Step, clears: Truth, cause: str = "") -> Judgement:
    point = step.reading.point
    return Judgement(
        at=step.reading.at,
        slot=point.result.slot,
        truth=FALSE,
        node=step.node,
        clears=clears,
        clear_cause=cause,
        analyte=point.result.analyte,
        value=step.reading.headline,
        unit=point.result.unit,
    )


def _ends(step: Step, cause: str) -> Judgement:
    return _false(step, TRUE, cause)


def _unknown(moment: _Moment) -> list[Judgement]:
    """A sample that cannot be compared: it neither raises nor clears, and says what is missing."""
    if not moment.unusable:
        return []
    point, missing = moment.unusable[0]
    return [
        Judgement(
            at=point.at,
            slot=point.result.slot,
            truth=INDETERMINATE,
            node=fact(f"{missing}_missing", INDETERMINATE, (point.result.result_id,)),
            analyte=point.result.analyte,
            unit=point.result.unit,
            missing=(missing,),
            possible=(Severity.LOW, Severity.MEDIUM, Severity.HIGH),
        )
    ]


def _true(view: View, ladder: Ladder, at: datetime, met: Sequence[Step], organs: Sequence[Finding]) -> Judgement:
    held = _leading(ladder, met)
    step, point = held.met, held.met.reading.point
    modifiers = _modifiers(view, at)
    level = ladder.level
    quiet = {} if met or organs else {"change": ""}  # a verdict is about the rise over the lowest value
    speed = _doubling(view, step)
    return Judgement(
        at=at,
        slot=point.result.slot if met or not organs else organs[0].slot,
        truth=TRUE,
        node=_reasons(ladder, held, modifiers),
        level=level,
        severity=SEVERITY[level].raised(1 if modifiers else 0, cap=Severity.HIGH),
        clears=FALSE,
        analyte=point.result.analyte,
        value=step.reading.headline if step.reading.component != "dflc" else point.result.value,
        unit=point.result.unit,
        flags=tuple(sorted({*_flags(ladder, point), *(["rapid"] if speed.rapid is TRUE else [])})),
        sampled_at=None if met or organs else _decided_at(held),
        facts=facts(held, list(ladder.held.values()), modifiers) | _value_at(point, at) | quiet | _days(speed),
    )


def _doubling(view: View, step: Step) -> Doubling:
    """Of the last three serum M up to the sample; of nothing else it is defined (relapse 6)."""
    found = disease(view).serum if step.reading.component == "serum" else ()
    return doubling(view.pack, found[: bisect_right(found, step.reading.at, key=attrgetter("at"))])


def _days(speed: Doubling) -> dict[str, str]:
    return {} if speed.days is None else {"doubling_days": str(speed.days)}


def _decided_at(held: Held) -> datetime:
    """Of a verdict: the later of the sample and the organ finding it is about."""
    return max([held.met.reading.at, *([held.organ.at] if held.organ else [])])


def _value_at(point: Point, at: datetime) -> dict[str, str]:
    """When the value shown was taken, where an organ finding or a verdict decided at another time."""
    return {} if point.at == at else {"value_at": point.at.isoformat()}


def _leading(ladder: Ladder, met: Sequence[Step]) -> Held:
    """The component that speaks: of those met now the highest rung, serum M first; else one with an organ finding."""
    now = [ladder.held[s.reading.component] for s in met if s.reading.component in ladder.held]
    held = now or [h for h in ladder.held.values() if h.organ] or list(ladder.held.values())
    return max(held, key=lambda h: h.step.rung)


def _reasons(ladder: Ladder, held: Held, modifiers: Sequence[str]) -> Node:
    organs = [fact(f"{h.organ.name}_within_60_days", TRUE, _ids(h.organ.node)) for h in ladder.held.values() if h.organ]
    verdict = [fact("confirmed_by_clinician", TRUE)] if ladder.level == "CLIN_RELAPSE" else []
    raised = [fact(f"modifier_{name}", TRUE) for name in modifiers]
    extra = [*organs[:1], *verdict, *raised]
    return all_of(held.met.node, *extra, name=ladder.level.lower()) if extra else held.met.node


def _ids(node: Node) -> tuple[str, ...]:
    return (*node.results, *(result for child in node.children for result in _ids(child)))


def _modifiers(view: View, at: datetime) -> list[str]:
    """The seed's three, active then [S]; whichever of code or value names it."""
    said = {text.strip().casefold() for f in view.context.active("modifier", at) for text in (f.code, f.value)}
    return sorted(said & MODIFIERS)


def _flags(ladder: Ladder, point: Point) -> tuple[str, ...]:
    steps = [held.met for held in ladder.held.values()]
    own = {
        "rise_not_imwg": any(step.not_imwg for step in steps),
        "by_immunoglobulin": "immunoglobulin" in ladder.held,
        "post_exchange": any(step.reading.post_exchange for step in steps),
        "without_pd": ladder.level == "BIO_SIGNIFICANT"
        and all(h.step.rung is not Rung.PD and not h.step.pd_at for h in ladder.held.values()),
    }
    return tuple(sorted({*point.flags, *(flag for flag, holds in own.items() if holds)}))


RULE = Rule(
    name="BIO",
    family="relapse",
    inputs=frozenset({"mspike", "umprot", "flck", "flcl", "sife", "igg", "iga", "igm"}).union(
        *(rule.inputs for rule in SIBLINGS)
    ),
    judge=Resumed(_onward),
    delivery="working_hours",
)
