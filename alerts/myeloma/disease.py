"""All of one patient's myeloma readings together, worked out once for a rule or a derived value.

A rule that was asked before takes up the readings and courses it kept (`taken_up`), from the first sample that a change
can reach; what comes out is the same as from the start.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Literal, cast

import msgspec

from alerts.clone import Chain
from alerts.myeloma.course import Course, State
from alerts.myeloma.flc import Draws, Involved, Pair, flc_reading
from alerts.myeloma.immunoglobulin import analyte
from alerts.myeloma.lines import line_starts
from alerts.myeloma.patient_type import PatientType, Taken, Types
from alerts.myeloma.readings import Component, Reading, Readings
from alerts.myeloma.steps import Step
from alerts.rule import View
from alerts.series import Series
from alerts.stepping import earliest, up_to

_taken = attrgetter("reading.at")
FLC: tuple[Literal["dflc", "involved_flc"], ...] = ("dflc", "involved_flc")


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """The course of one component so far."""

    readings: tuple[Reading, ...] = ()
    states: tuple[State, ...] = ()
    """How the course stood after each reading."""
    steps: tuple[Step, ...] = ()

    def steps_since(self, since: datetime | None) -> tuple[Step, ...]:
        """Those of readings taken at or after `since`, all when None."""
        return self.steps[up_to(self.steps, since, _taken) :]

    def onward(
        self, view: View, types: Types, component: Component, taken: Sequence[Reading], since: datetime | None
    ) -> Told:
        """With the readings from `since` on taken anew."""
        same = up_to(self.readings, since)
        if same == len(self.readings) == len(taken):
            return self
        state = self.states[same - 1] if same else None
        fold = Course(view.pack, component, line_starts(view), types.at, _applies(types, component), state)
        states, steps = [], []
        for reading in taken[same:]:
            step = fold.take(reading)
            steps += [step] if step else []
            states.append(fold.state)
        return Told(
            readings=tuple(taken),
            states=self.states[:same] + tuple(states),
            steps=self.steps[: up_to(self.steps, since, _taken)] + tuple(steps),
        )


def _applies(types: Types, component: Component) -> Callable[[datetime], bool]:
    """The difference counts only where nothing else can be measured, the immunoglobulin where it stands in for M."""
    if component == "dflc":
        return lambda at: types.at(at) is PatientType.FLC_ONLY
    return types.stand_in.at if component == "immunoglobulin" else lambda _: True


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    """Where the readings come from."""

    serum: Readings = Readings(component="serum", analyte="mspike")
    immunoglobulin: Readings = Readings(component="immunoglobulin", analyte="")
    urine: Readings = Readings(component="urine", analyte="umprot")
    draws: Draws = Draws()
    involved: Involved = Involved()

    def onward(self, view: View, since: datetime | None) -> tuple[_Found, datetime | None]:
        """With what the view has from `since` on, and from where on anything is new; itself when nothing is."""
        serum, urine = self.serum.onward(view, since), self.urine.onward(view, since)
        draws, other = self.draws.onward(view, since), self._other(view, since)
        if serum is self.serum and urine is self.urine and draws is self.draws and other is self.immunoglobulin:
            return self, since
        at = since if draws is self.draws else earliest(since, draws.since)
        involved = self.involved.onward(view, draws.pairs, at)
        return _Found(serum=serum, immunoglobulin=other, urine=urine, draws=draws, involved=involved), at

    def _other(self, view: View, since: datetime | None) -> Readings:
        """The immunoglobulin that may stand in; from the start when it is another one than before."""
        name = analyte(view)
        if name == self.immunoglobulin.analyte:
            return self.immunoglobulin.onward(view, since) if name else self.immunoglobulin
        return Readings(component="immunoglobulin", analyte=name).onward(view)


class Disease(msgspec.Struct, frozen=True, kw_only=True):
    """Readings, type and courses."""

    serum: tuple[Reading, ...]
    urine: tuple[Reading, ...]
    light: tuple[Pair, ...]
    chain: Chain | None
    """The involved chain; None while nothing names it: then light chains say nothing."""
    types: Types
    told: dict[Component, Told]
    """Serum M first; the immunoglobulin only where it stands in for it in some line."""
    found: _Found
    mark: object
    follows: object | None = None
    """Mark of the one it was taken up from."""
    since: datetime | None = None
    """From where on it differs from that one."""


def disease(view: View) -> Disease:
    """From a view, once an evaluation."""
    return taken_up(view, None, None)[0]


def courses(view: View) -> dict[Component, tuple[Step, ...]]:
    """The course of every component, serum M first; once an evaluation."""
    return {component: told.steps for component, told in disease(view).told.items()}


def taken_up(view: View, known: Disease | None, since: datetime | None) -> tuple[Disease, datetime | None]:
    """The disease now, and from where on it is another one than `known`: None when from the start."""
    key = ("disease", view.as_of, "")
    now = cast(Disease | None, view.memo.get(key))
    if now is None:
        now = _disease(view, known, since)
        view.memo[key] = now
    if known is None or since is None:
        return now, None
    if now is known:
        return now, since
    return now, min(now.since, since) if now.since is not None and now.follows is known.mark else None


def _disease(view: View, known: Disease | None, since: datetime | None) -> Disease:
    """Taken up from `known` where that is possible, else from the start."""
    if known is not None and since is not None:
        found, at = known.found.onward(view, since)
        if found is known.found:
            return known
        types = _types(view, found, known.types, at)
        same = found.involved.chain == known.chain and bool(found.draws.pairs) == bool(known.light)
        same = same and found.immunoglobulin.analyte == known.found.immunoglobulin.analyte
        if same and types.lines == known.types.lines and types.stand_in == known.types.stand_in:
            return _put_together(view, found, types, known, at)
    found, _ = _Found().onward(view, None)
    return _put_together(view, found, _types(view, found, None, None), None, None)


def _types(view: View, found: _Found, known: Types | None, since: datetime | None) -> Types:
    """They are kept, so they must not hold the whole view."""
    about = msgspec.structs.replace(view, series=Series(), memo={})
    taken = Taken(
        serum=found.serum.items, immunoglobulin=found.immunoglobulin.items, urine=found.urine.items,
        light=found.draws.pairs, chain=found.involved.chain,
    )  # fmt: skip
    return Types(about, taken, known, since)


def _put_together(
    view: View, found: _Found, types: Types, known: Disease | None, since: datetime | None
) -> Disease:  # fmt: skip
    light, chain, old = found.draws.pairs, found.involved.chain, known.told if known else {}
    told: dict[Component, Told] = {}
    stands_in = any(types.stand_in.lines)
    for readings in (found.serum, *([found.immunoglobulin] if stands_in else []), found.urine):
        before = old.get(readings.component, Told())
        told[readings.component] = before.onward(view, types, readings.component, readings.items, since)
    if chain is not None:
        for component in FLC:
            before = old.get(component, Told())
            same = up_to(before.readings, since)
            new = (flc_reading(view, pair, chain, component) for pair in light[same:])
            told[component] = before.onward(view, types, component, (*before.readings[:same], *new), since)
    return Disease(
        serum=found.serum.items,
        urine=found.urine.items,
        light=light,
        chain=chain,
        types=types,
        told=told,
        found=found,
        mark=object(),
        follows=known.mark if known else None,
        since=since,
    )
