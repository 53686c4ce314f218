"""LC_ESCAPE: free light chains rise while M is not in progression (relapse 7) [E]; every type except `FLC_ONLY`.

The newest sample alone is `LC_ESCAPE_POSSIBLE` LOW; two in a row are `LC_ESCAPE` MEDIUM, HIGH when the kidney is or
becomes impaired. Ends with the next evaluable sample that does not meet it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from operator import attrgetter

import msgspec

from alerts.condition import Node, all_of, fact
from alerts.egfr import adults_only, egfr_at, newest_reference, references
from alerts.intervals import median
from alerts.logic import FALSE, INDETERMINATE, TRUE, Truth, negate
from alerts.myeloma.disease import Disease, taken_up
from alerts.myeloma.escape import escape, kidney
from alerts.myeloma.notes import shown as written
from alerts.myeloma.patient_type import PatientType
from alerts.myeloma.steps import Step
from alerts.rule import Judgement, Rule, View
from alerts.samples import hours
from alerts.severity import Severity
from alerts.stepping import Resumed, Trail, earliest, steps_at
from alerts.stepping import Step as Judged


def _onward(view: View, known: Trail, since: datetime | None) -> Trail:
    """One judgement a draw of both light chains."""
    now, at = taken_up(view, known.kept, since)
    serum = [now.told[name].steps for name in ("serum", "immunoglobulin") if name in now.told]
    at = earliest(at, _kidney_since(view, since))

    def draws(before: dict[str, Node] | None) -> Iterator[Judged]:
        last = before or {}  # of each method's series
        for step in now.told["dflc"].steps_since(at) if "dflc" in now.told else ():
            series = step.series.casefold()
            last = {series: last[""]} if series and "" in last else last  # the method is named from now on
            in_pd = any(_in_pd(steps, step.reading.at) for steps in serum)
            judgement, node = _judge(view, now, step, last.get(series), in_pd=in_pd)
            silent = step.reading.post_exchange and judgement.truth is not TRUE
            last = last if silent else {**last, series: node}
            yield from steps_at(step.reading.at, last, [judgement])

    return known.onward(at, draws, now)


def _in_pd(serum: Sequence[Step], at: datetime) -> bool:
    """Serum M, or what stands in for it, is in confirmed progression by then: BIO carries it."""
    index = bisect_right(serum, at, key=attrgetter("reading.at")) - 1
    return index >= 0 and serum[index].pd_at is not None


def _judge(view: View, known: Disease, step: Step, last: Node | None, *, in_pd: bool) -> tuple[Judgement, Node]:
    reading, nadir = step.reading, step.nadir
    excluded = _excluded(known, step, in_pd=in_pd)
    node = excluded or (escape(view.pack, nadir, reading) if nadir and step.large else step.node)
    confirmed = node.truth is TRUE and last is not None and last.truth is TRUE
    tree = all_of(last, node, name="lc_escape") if confirmed and last else node
    judgement = _judgement(step, tree, node.truth)
    return (_graded(view, judgement, confirmed=confirmed), node)


def _excluded(known: Disease, step: Step, *, in_pd: bool) -> Node | None:
    if known.types.at(step.reading.at) is PatientType.FLC_ONLY:
        return fact("not_flc_only", FALSE, step.reading.results)
    return fact("serum_m_not_in_pd", FALSE, step.reading.results) if in_pd else None


def _judgement(step: Step, node: Node, truth: Truth) -> Judgement:
    point = step.reading.point
    silent = step.reading.post_exchange and truth is not TRUE
    return Judgement(
        at=step.reading.at,
        slot=point.result.slot,
        truth=truth,
        node=node,
        severity=Severity.LOW if truth is TRUE else None,
        clears=INDETERMINATE if silent else negate(truth),
        clear_cause="not_confirmed" if truth is FALSE else "",
        analyte=point.result.analyte,
        value=None if point.result.comparator else point.result.value,
        unit=point.result.unit,
        flags=point.flags if truth is TRUE else (),
        missing=(point.result.analyte,) if truth is INDETERMINATE else (),
        possible=(Severity.LOW,) if truth is INDETERMINATE else (),
        facts=_facts(step) if truth is TRUE else {},
    )


def _graded(view: View, judgement: Judgement, *, confirmed: bool) -> Judgement:
    """Level and severity of a sample that meets it."""
    if judgement.truth is not TRUE:
        return judgement
    if not confirmed:
        return msgspec.structs.replace(judgement, level="LC_ESCAPE_POSSIBLE")
    impaired = _kidney(view, judgement.at)
    severity = Severity.HIGH if impaired.truth is TRUE else Severity.MEDIUM
    unknown = ("egfr_unknown",) if impaired.truth is INDETERMINATE else ()
    node = all_of(judgement.node, impaired, name="lc_escape") if severity is Severity.HIGH else judgement.node
    flags = tuple(sorted({*judgement.flags, *unknown}))
    return msgspec.structs.replace(judgement, level="LC_ESCAPE", severity=severity, node=node, flags=flags)


def _kidney(view: View, at: datetime) -> Node:
    """By the newest eGFR of the last 60 d, our own or one reported without a creatinine, and the 365 d before it."""
    newest = newest_reference(view, at, timedelta(days=int(view.pack["relapse.organ_days"])))
    if newest is None:
        return fact("egfr_unknown", INDETERMINATE)
    earlier = references(view, newest.at, timedelta(days=int(view.pack["lc_escape.egfr_days"])))
    known = [q.interval for q in (egfr_at(view, p) for p in earlier) if q.interval is not None]
    return adults_only(view, newest.at, kidney(view.pack, egfr_at(view, newest), median(known) if known else None))


def _kidney_since(view: View, since: datetime | None) -> datetime | None:
    """A creatinine up to a day after a reported eGFR says whether that one counts: such a draw is judged again."""
    reported = since is not None and view.series.points("egfr")
    return since - hours(view.pack, "aki.beside_hours") if since is not None and reported else since


def _facts(step: Step) -> dict[str, str]:
    nadir = step.nadir
    low = {} if nadir is None else {
        "nadir": written(nadir.confirmed.interval), "nadir_date": nadir.confirmed.at.date().isoformat(),
    }  # fmt: skip
    return {"dflc": written(step.reading.interval)} | low


RULE = Rule(
    name="LC_ESCAPE",
    family="relapse",
    inputs=frozenset({"flck", "flcl", "mspike", "umprot", "sife", "creat", "egfr", "igg", "iga", "igm"}),
    judge=Resumed(_onward),
    delivery="working_hours",
)
