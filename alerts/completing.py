"""What every headline needs and no rule has to work out: change since the sample before, local time, a bound.

Added to the facts of the judgement that an alert shows, unless the rule said it itself: `change` and `change_hours`,
`offset` (minutes east of UTC of the sample's own clock), `bound` (`>3.5` of a censored value), `sample_flags`. What the
delta checks say of the draw is noted on every alert it decides: fact `delta_checks` and a flag; so is what is known
against the specimen (`alerts.specimen_notes`), and what is given at that time (`alerts.context_notes`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from alerts.context_notes import given
from alerts.delta_checks import ANALYTES, checked
from alerts.rule import Judgement, View
from alerts.series import Point
from alerts.specimen_notes import HAEMOLYSED, READS, notes

_TENTH = Decimal("0.1")
LIGHT_CHAINS = frozenset({"flck", "flcl", "flc_ratio"})
"""A change of method starts a new series."""
NOTED = READS.union(ANALYTES)
"""Analytes whose change can alter what is noted on any rule's alert of the same draw or a later one."""
SUSPECTED = "specimen_mismatch_suspected"
"""Flag of an alert whose draw fails two or more delta checks."""
_NOTES = {"ANNOTATE": "delta_check", "HOLD_NON_CRITICAL": SUSPECTED}


def complete(view: View, judgement: Judgement) -> Judgement:
    """The judgement with the facts above."""
    shown = view.series.at(judgement.analyte, taken_at(judgement.facts) or judgement.at)
    deciding = shown or _of_slot(view, judgement)
    facts = {**_of_sample(deciding), **_bound(shown), **_change(view, judgement, shown), **judgement.facts}
    noted = msgspec.structs.replace(judgement, facts=facts)
    return noted if deciding is None else _with_delta_checks(view, _with_specimen(view, noted, deciding))


def _with_specimen(view: View, judgement: Judgement, deciding: Point) -> Judgement:
    """A value of a specimen with a fault, or under an infusion, is used and says so; K_REPEAT has its own words."""
    own = {HAEMOLYSED} if judgement.level == "K_REPEAT" else set()
    noted = {*notes(view, deciding), *given(view, judgement.analyte, deciding.at)}
    found = noted.difference(judgement.flags, own)
    return msgspec.structs.replace(judgement, flags=tuple(sorted({*judgement.flags, *found}))) if found else judgement


def taken_at(facts: Mapping[str, str]) -> datetime | None:
    """Collection time of the value shown where it is not the deciding sample's: an organ finding, a verdict."""
    return datetime.fromisoformat(facts["value_at"]) if "value_at" in facts else None


def _with_delta_checks(view: View, judgement: Judgement) -> Judgement:
    """The alert of the mismatch itself says it in its own words."""
    draw = checked(view, judgement.sampled_at or judgement.at)
    if draw.action == "NONE" or judgement.level == "SPECIMEN_MISMATCH":
        return judgement
    flags = tuple(sorted({*judgement.flags, _NOTES[draw.action]}))
    facts = {**judgement.facts, "delta_checks": ",".join(check.name for check in draw.failed)}
    return msgspec.structs.replace(judgement, flags=flags, facts=facts)


def span_hours(span: timedelta) -> str:
    """Hours with one decimal, as the facts carry them."""
    return str((Decimal(int(span.total_seconds())) / 3600).quantize(_TENTH))


def comparable(earlier: Point, now: Point) -> bool:
    """Whether a difference between the two means anything: light-chain platforms do not measure alike (analytes 4)."""
    return now.result.analyte not in LIGHT_CHAINS or earlier.result.method == now.result.method


def _of_slot(view: View, judgement: Judgement) -> Point | None:
    """The sample behind a derived headline value."""
    points = (view.series.at(name, judgement.at) for name in sorted(view.series.analytes))
    return next((point for point in points if point and point.result.slot == judgement.slot), None)


def _of_sample(point: Point | None) -> dict[str, str]:
    if point is None:
        return {}
    flags = {"sample_flags": ",".join(point.flags)} if point.flags else {}
    return {"offset": str(point.result.collected_offset), **flags}


def _bound(point: Point | None) -> dict[str, str]:
    if point is None or point.result.comparator is None or point.result.value is None:
        return {}
    return {"bound": f"{point.result.comparator}{point.result.value}"}


def _change(view: View, judgement: Judgement, shown: Point | None) -> dict[str, str]:
    """Against the final, exact value of the same analyte that was taken last before; a measured 0 is a value."""
    if shown is None or judgement.value is None or "change" in judgement.facts:
        return {}
    earlier = view.series.last_before(judgement.analyte, shown.at)
    before = next((p for p in earlier if p.interval.exact is not None and comparable(p, shown)), None)
    if before is None or before.interval.exact is None:
        return {}
    return {
        "change": str(judgement.value - before.interval.exact),
        "change_hours": span_hours(shown.at - before.at),
    }
