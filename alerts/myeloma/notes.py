"""What the wording and the evidence say of a progression: nadir and its day, rise, percent, dates, readings."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from alerts.logic import Interval
from alerts.myeloma.ladder import Held
from alerts.myeloma.readings import UNITS
from alerts.myeloma.steps import Step


def facts(held: Held, every: Sequence[Held], modifiers: Sequence[str]) -> dict[str, str]:
    """Plain texts of the speaking component, dates and readings of `every` one in force; absent: does not apply."""
    step = held.met
    progressed = min((h.step.pd_at for h in every if h.step.pd_at), default=None)
    organ = next((h.organ for h in every if h.organ), None)
    found = {"component": step.reading.component, "current": shown(step.reading.interval)}
    found["unit"] = UNITS[step.reading.component]
    found["possible_basis"] = step.basis
    found["pd_date"] = progressed.date().isoformat() if progressed else ""
    found["significant_by"] = " ".join(sorted({name for h in every for name in h.step.significant_by}))
    found["organ_finding"] = organ.name if organ else ""
    found["organ_texts"] = " ".join(organ.texts) if organ else ""
    found["organ_date"] = organ.at.date().isoformat() if organ else ""
    found["modifiers"] = " ".join(modifiers)
    return {key: text for key, text in (found | _nadir(step)).items() if text} | _no_change(step)


def _no_change(step: Step) -> dict[str, str]:
    """After a bound (`<1`) there is no change to tell: against the last exact number it would read as a fall."""
    before = step.nadir.previous if step.nadir else None
    return {"change": ""} if before is not None and before.interval.exact is None else {}


def _nadir(step: Step) -> dict[str, str]:
    """The lowest value compared with: the confirmed one, or the raw one when only that is exceeded."""
    if step.nadir is None:
        return {}
    raw = step.basis == "raw_nadir"
    lowest = step.nadir.raw if raw else step.nadir.confirmed
    found = {"nadir": shown(lowest.interval), "nadir_date": lowest.at.date().isoformat()}
    found["nadir_kind"] = "raw" if raw else "confirmed"
    if not raw and step.reading.component != "dflc":
        found["confirmed_nadir"] = found["nadir"]
    value, low = step.reading.interval.exact, lowest.interval.exact
    if value is None or low is None:
        return found
    found["rise"] = f"{value - low:+f}"
    return found | ({"percent": percent(value, low)} if low > 0 else {})


def percent(value: Decimal, low: Decimal) -> str:
    """Rise in whole percent of a positive lowest value, half up; for reading only, never compared."""
    return str(((value - low) / low * 100).quantize(Decimal(1), ROUND_HALF_UP))


def shown(interval: Interval) -> str:
    """`8.0`, `<1`, `<=13`, `>6`, or `2-5` when both ends are known."""
    if interval.exact is not None:
        return f"{interval.exact:f}"
    if interval.high is None:
        return f"{'>=' if interval.low_closed else '>'}{interval.low:f}"
    if interval.low <= 0:
        return f"{'<=' if interval.high_closed else '<'}{interval.high:f}"
    return f"{interval.low:f}-{interval.high:f}"
