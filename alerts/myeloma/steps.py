"""Records of the course of a component: which tests apply, one reading's tests, and the state after it (relapse 9)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import IntEnum

import msgspec

from alerts.condition import Node, Quantity
from alerts.logic import FALSE, TRUE
from alerts.myeloma import progression, significant
from alerts.myeloma.nadir import Nadir
from alerts.myeloma.readings import Component, Reading
from alerts.thresholds import Pack


class Rung(IntEnum):
    """What is in force of one component."""

    NONE = 0
    POSSIBLE = 1
    PD = 2
    SIGNIFICANT = 3


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """Which tests apply to a component."""

    floor: str
    """The smallest absolute rise that can meet anything; below it nothing else need be asked."""
    criterion: Callable[[Pack, Quantity, Quantity], Node] | None = None
    rise: Callable[[Pack, Quantity, Reading], Node] | None = None
    """Line b."""
    doubling: bool = False
    """Lines a-i and a-ii."""


KINDS: dict[Component, Kind] = {
    "serum": Kind(floor="relapse.serum_rise", criterion=progression.serum, rise=significant.serum_rise, doubling=True),
    "immunoglobulin": Kind(
        floor="relapse.serum_rise", criterion=progression.serum, rise=significant.serum_rise, doubling=True
    ),
    "urine": Kind(floor="relapse.urine_rise", criterion=progression.urine, rise=significant.urine_rise),
    "dflc": Kind(floor="relapse.dflc_rise", criterion=progression.dflc),
    "involved_flc": Kind(floor="relapse.significant_flc", rise=significant.flc_rise),
}


class Tests(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One reading against the nadir in force before it."""

    reading: Reading
    against: Reading | None = None
    """The sample just before it."""
    nadir: Nadir | None = None
    large: bool = False
    """The rise over the lowest value may reach the smallest limit."""
    confirmed: Node | None = None
    raw: Node | None = None
    b: Node | None = None
    from_previous: Node | None = None
    """a-i, its first half."""
    from_nadir: Node | None = None
    """a-ii, this sample alone."""

    @property
    def basis(self) -> str:
        """Why one sample is possible progression; empty when nothing is met or left open."""
        if not self.large:  # then nothing was asked
            return ""
        if is_open(self.confirmed):
            return "confirmed_nadir"
        if is_open(self.raw):
            return "raw_nadir"
        return "other" if is_open(self.b) or is_open(self.from_previous) else ""


class Step(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A component after one reading."""

    reading: Reading
    rung: Rung
    met: bool = False
    """This sample meets, or cannot be shown not to meet, a criterion."""
    basis: str = ""
    pd_at: datetime | None = None
    """First sample of the confirmed progression."""
    significant_by: tuple[str, ...] = ()
    not_imwg: bool = False
    """The rise meets section 4 in a patient without measurable disease: reported, never PD."""
    new_line: bool = False
    """First reading of a new line of therapy: what was in force before it no longer is."""
    carried: bool = False
    """PD of the line before, confirmed by this sample."""
    large: bool = False
    """The rise over the lowest value may reach the component's smallest limit."""
    node: Node
    nadir: Nadir | None = None
    series: str = ""
    """Light-chain method whose series this is."""


def is_true(node: Node | None) -> bool:
    """Asked and certainly met."""
    return node is not None and node.truth is TRUE


def is_open(node: Node | None) -> bool:
    """Asked and not certainly missed: one sample of which this holds is possible progression."""
    return node is not None and node.truth is not FALSE
