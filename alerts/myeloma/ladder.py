"""The relapse ladder of a patient over time: components, organ findings and a clinician's verdict together (relapse 9).

The fold takes moments in time order and says what is in force after each; `alerts.rules.bio` makes judgements of it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from alerts.condition import Node
from alerts.myeloma.readings import Component
from alerts.myeloma.steps import Rung, Step
from alerts.thresholds import Pack

_DAY = timedelta(days=1)
LEVELS = ("", "BIO_POSSIBLE", "BIO_PD", "BIO_SIGNIFICANT", "CLIN_POSSIBLE", "CLIN_RELAPSE")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One organ finding at one sample."""

    name: str
    at: datetime
    slot: str
    node: Node
    texts: tuple[str, ...] = ()
    """Which texts of clinical relapse it matches: `R:5` consensus, `R:3` treatment indication (relapse 5)."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What is in force of one component, and why."""

    step: Step
    """The newest step."""
    met: Step
    """The newest that met a criterion."""
    organ: Finding | None = None
    """An organ finding within 60 d of a sample that met a criterion."""
    organ_step: Step | None = None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """The ladder at one moment, to be taken up again later."""

    findings: tuple[Finding, ...] = ()
    """Organ findings that may still be near a later sample."""
    held: dict[Component, Held] = {}
    confirmed_by_clinician: bool = False
    verdict_at: datetime | None = None
    """When a clinician last said so."""


class Ladder:
    """The components in force."""

    def __init__(self, pack: Pack, standing: Standing | None = None) -> None:
        self._window = timedelta(days=int(pack["relapse.organ_days"]) + 1)
        known = standing or Standing()
        self._findings = known.findings
        self.held = dict(known.held)
        self.confirmed_by_clinician = known.confirmed_by_clinician
        self._verdict_at = known.verdict_at

    @property
    def standing(self) -> Standing:
        """As it stands."""
        return Standing(
            findings=self._findings,
            held=dict(self.held),
            confirmed_by_clinician=self.confirmed_by_clinician,
            verdict_at=self._verdict_at,
        )

    @property
    def level(self) -> str:
        """The highest rung in force; empty when none is."""
        if not self.held:
            return ""
        if any(held.organ for held in self.held.values()):
            return LEVELS[5] if self.confirmed_by_clinician else LEVELS[4]
        return LEVELS[max(held.step.rung for held in self.held.values())]

    @property
    def rung(self) -> Rung:
        """The highest of the components, without organ findings."""
        return max((held.step.rung for held in self.held.values()), default=Rung.NONE)

    def leave(self, steps: Sequence[Step]) -> bool:
        """Drop what a new line of therapy ends; TRUE when nothing is left in force."""
        left = [s.reading.component for s in steps if s.new_line and not s.carried and s.reading.component in self.held]
        for component in left:
            del self.held[component]
        return bool(left) and not self.held

    def apply(self, step: Step) -> None:
        """Take a component's newest step."""
        component, known = step.reading.component, self.held.get(step.reading.component)
        if step.rung is Rung.NONE:
            self.held.pop(component, None)
            return
        met = step if step.met or known is None else known.met
        held = Held(
            step=step, met=met, organ=known.organ if known else None, organ_step=known.organ_step if known else None
        )
        near = self._near(step.reading.at) if step.met and held.organ is None else None
        self.held[component] = msgspec.structs.replace(held, organ=near, organ_step=step) if near else held

    def find(self, finding: Finding) -> bool:
        """Take an organ finding; TRUE when it changes anything."""
        start = bisect_left(self._findings, finding.at - self._window, key=_time)
        self._findings = (*self._findings[start:], finding)
        changed = False
        for component, held in self.held.items():
            if held.organ is None and self._within(held.met.reading.at, finding.at):
                self.held[component] = msgspec.structs.replace(held, organ=finding, organ_step=held.met)
                changed = True
        return changed

    def hear(self, at: datetime, *, verdict: bool) -> bool:
        """A clinician's verdict, now or earlier on the day; TRUE when it makes a possible clinical relapse one."""
        self._verdict_at = at if verdict else self._verdict_at
        said = self._verdict_at is not None and at - self._verdict_at < _DAY and self.level == LEVELS[4]
        self.confirmed_by_clinician = self.confirmed_by_clinician or said
        return said

    def release(self) -> None:
        """The episode is over: a verdict on it says nothing of the next one."""
        self.held.clear()
        self.confirmed_by_clinician, self._verdict_at = False, None

    def _near(self, at: datetime) -> Finding | None:
        """The first finding up to 60 whole days before."""
        index = bisect_left(self._findings, at - self._window, key=_time)
        near = (f for f in self._findings[index:] if self._within(f.at, at))
        return next(near, None)

    def _within(self, first: datetime, second: datetime) -> bool:
        return abs(second - first) < self._window


def _time(finding: Finding) -> datetime:
    return finding.at
