"""Derived values of the clone (design 4.4): type, nadir, doubling time, light chains, response, antibodies."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal

from alerts.alert import Derived
from alerts.logic import Interval
from alerts.myeloma.antibody import of_fixation, original
from alerts.myeloma.assessing import Assessed, assessed
from alerts.myeloma.disease import courses, disease
from alerts.myeloma.doubling import POINTS, doubling, usable
from alerts.myeloma.flc import side_of
from alerts.myeloma.notes import shown
from alerts.myeloma.readings import UNITS, evaluable
from alerts.myeloma.response import Category
from alerts.rule import View


def patient_type(view: View) -> Iterable[Derived]:
    """At the first reading and wherever it changes: a new line, or a person's entry."""
    known, last = disease(view), ""
    other = known.told.get("immunoglobulin")
    others = other.readings if other else ()
    times = {r.at for r in (*known.serum, *known.urine, *others)} | {pair.kappa.at for pair in known.light}
    for at in sorted(times):
        kind = known.types.at(at)
        if kind != last:
            yield Derived(name="patient_type", value=kind, collected_at=at)
        last = kind


def confirmed_nadir(view: View) -> Iterable[Derived]:
    """The lowest confirmed value each sample is compared with; the baseline itself has none."""
    for component, steps in courses(view).items():
        for step in steps:
            if step.nadir is not None:
                yield Derived(
                    name="confirmed_nadir",
                    value=shown(step.nadir.confirmed.interval),
                    collected_at=step.reading.at,
                    unit=UNITS[component],
                    analyte=step.reading.point.result.analyte,
                    method=component,
                )


def doubling_time(view: View) -> Iterable[Derived]:
    """At each serum M: days to 0.1, `none` when it does not rise, `indeterminate` with fewer than three values."""
    used = [r for r in disease(view).serum if usable(r)]
    for end in range(1, len(used) + 1):
        found = doubling(view.pack, used[max(0, end - POINTS) : end])
        text = "indeterminate" if not found.used else "none" if found.days is None else str(found.days)
        yield Derived(
            name="doubling_time",
            value=text,
            collected_at=used[end - 1].at,
            unit="d" if found.days is not None else "",
            analyte="mspike",
            flag="rapid" if found.rapid == "TRUE" else "",
        )


def flc_ratio(view: View) -> Iterable[Derived]:
    """Kappa over lambda of each draw, four decimals, or the bound that a censored chain leaves."""
    for pair in disease(view).light:
        side = side_of(view.pack, pair.ratio)
        yield Derived(
            name="flc_ratio",
            value=_quotient(pair.ratio),
            collected_at=pair.kappa.at,
            unit="{ratio}",
            flag=f"abnormal_{side}" if side else "",
        )


def dflc(view: View) -> Iterable[Derived]:
    """Involved minus uninvolved chain of each draw; nothing while the involved chain is not known."""
    known = disease(view)
    if known.chain is not None:
        for pair in known.light:
            value = shown(pair.dflc(known.chain))
            yield Derived(name="dflc", value=value, collected_at=pair.kappa.at, unit="mg/L", method=known.chain)


def response(view: View) -> Iterable[Derived]:
    """The confirmed category at each assessment.

    The flag names what this assessment alone would be, and `cr_not_assessable` where the band may be an antibody's.
    """
    doubtful = {value.collected_at for value in antibody_interference(view) if value.flag}
    for item in assessed(view):
        yield Derived(
            name="response",
            value=_word(item),
            collected_at=item.at,
            method="imwg-2016",
            flag=_notes(item, open_=item.alone is Category.VGPR and item.fixations[0] in doubtful),
        )


def antibody_interference(view: View) -> Iterable[Derived]:
    """At each serum immunofixation; the flag `cr_not_assessable` says that a new band is not held against a CR."""
    clone = original(view)
    days = timedelta(days=int(view.pack["response.together_days"]))
    for point in view.series.points("sife"):
        coded = point.result.coded.casefold()
        if point.preliminary or not coded.startswith(("positive", "negative")):
            continue
        serum = view.series.newest("mspike", point.at, days)
        known = serum.interval if serum and evaluable(serum) else None
        found = of_fixation(view, clone, point, known)
        flag = "cr_not_assessable" if found.blocks else ""
        yield Derived(name="antibody_interference", value=found, collected_at=point.at, analyte="sife", flag=flag)


def _notes(item: Assessed, *, open_: bool) -> str:
    alone = "" if item.alone is None or item.alone == item.confirmed else f"unconfirmed_{item.alone.name}"
    return " ".join(note for note in (alone, "cr_not_assessable" if open_ else "") if note)


def _word(item: Assessed) -> str:
    if item.progressed:
        return "PD"
    return "NOT_EVALUABLE" if item.confirmed is None else Category(item.confirmed).name


def _quotient(ratio: Interval) -> str:
    exact = ratio.exact
    if exact is not None:
        return str(exact.quantize(Decimal("0.0001"), ROUND_HALF_UP))
    return shown(ratio)
