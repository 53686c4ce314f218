"""Paraprotein can bind calcium: total is high, ionised is normal (calcium 4; [R:29])."""

from __future__ import annotations

from datetime import datetime

import msgspec

from alerts.calcium_basis import Reading, Sample
from alerts.condition import Quantity, compare
from alerts.intervals import difference
from alerts.logic import FALSE, INDETERMINATE, TRUE, Interval, Truth, all_true, any_true
from alerts.rule import Judgement, View
from alerts.samples import hours, in_force, quantity
from alerts.severity import Severity


def protein_may_bind(view: View, reading: Reading) -> Truth:
    """Value above 2.75 and (total protein - albumin >= 60 g/L or M-protein >= 40 g/L)."""
    above = compare(reading.quantity, view.pack.limit("calcium.binding_above")).truth
    if above is FALSE:
        return above
    return all_true([above, any_true([_gap(view, reading.at), _paraprotein(view, reading.at)])])


def _gap(view: View, at: datetime) -> Truth:
    within = hours(view.pack, "calcium.beside_hours")
    protein, albumin = (view.series.nearest(name, at, within) for name in ("tp", "alb"))
    interval = difference(protein.interval, albumin.interval) if protein and albumin else None
    gap = Quantity(name="globulin_gap", interval=interval, unit="g/L")
    return compare(gap, view.pack.limit("calcium.gap")).truth


def _paraprotein(view: View, at: datetime) -> Truth:
    back, ahead = hours(view.pack, "calcium.mspike_hours"), hours(view.pack, "calcium.beside_hours")
    found = in_force(view, "mspike", at, back, ahead)
    return compare(quantity(found), view.pack.limit("calcium.mspike")).truth if found else INDETERMINATE


class Suppression(msgspec.Struct, frozen=True, kw_only=True):
    """Quiet for total calcium after a flagged value: 30 d at most, until ionised calcium or the value itself rises."""

    since: datetime | None = None
    value: Interval | None = None
    """Of the newest flagged sample."""

    def after(self, view: View, sample: Sample, judgement: Judgement) -> tuple[Suppression, Judgement]:
        """The state after this sample, and its judgement, INFO while quiet holds. A preliminary one changes neither."""
        if "preliminary" in judgement.flags:
            return self, judgement
        if "pseudohypercalcaemia" in judgement.flags:
            return _flagged(sample), judgement
        if self._ended(view, sample, judgement):
            return Suppression(), judgement
        return self, _quieted(judgement) if self.quiets(view, sample, judgement) else judgement

    def quiets(self, view: View, sample: Sample, judgement: Judgement) -> bool:
        """Whether this total calcium says again what is known to be pretended."""
        if self.since is None or sample.ionised is not None or judgement.truth is not TRUE:
            return False
        return not self._ended(view, sample, judgement)

    def _ended(self, view: View, sample: Sample, judgement: Judgement) -> bool:
        if self.since is None or sample.at - self.since > hours(view.pack, "calcium.suppressed_hours"):
            return True
        if sample.ionised is not None:
            return judgement.truth is not FALSE and "ionised_not_raised" not in judgement.flags
        return self._rose(view, sample)

    def _rose(self, view: View, sample: Sample) -> bool:
        """More than 0.25 above the flagged value; a censored value that may be counts as risen."""
        now = sample.readings[0].quantity.interval
        if now is None or self.value is None:
            return True
        limit = view.pack.limit("calcium.suppressed_rise")
        return difference(now, self.value).test(limit.operator, limit.value) is not FALSE


def _flagged(sample: Sample) -> Suppression:
    return Suppression(since=sample.at, value=sample.readings[0].quantity.interval)


def _quieted(judgement: Judgement) -> Judgement:
    flags = tuple(sorted({*judgement.flags, "suppressed_pseudohypercalcaemia"}))
    return msgspec.structs.replace(judgement, severity=Severity.INFO, flags=flags)
