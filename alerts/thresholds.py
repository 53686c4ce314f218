"""The rule pack: every clinical number with its operator, unit, source and date, from `thresholds.toml`."""

from __future__ import annotations

import tomllib
from datetime import date
from decimal import Decimal
from functools import cache, cached_property
from importlib import resources
from typing import Any, Literal, TypeVar

import msgspec

from alerts.logic import Operator

T = TypeVar("T")


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """One number of the pack."""

    key: str
    value: Decimal
    operator: Operator = ">="
    unit: str = ""
    source: str
    """Where the number comes from, as the clinical specification marks it ([S], [R:17], [E], [M])."""
    effective: str = ""
    """The date from which the number has been in the pack, `2026-11-25`."""
    compared: bool = True
    """False for a constant, which has no operator in the file."""


class Clearing(msgspec.Struct, frozen=True, kw_only=True):
    """When an episode of a rule ends (clinical specification, alert behaviour 2.2)."""

    samples: int
    """Consecutive samples needed; 0 means never by itself."""
    span_hours: int = 0
    source: str
    effective: str = ""


class Worsening(msgspec.Struct, frozen=True, kw_only=True):
    """Which way a rule's headline value gets worse (alert behaviour 2.1); `none` where a number says nothing."""

    direction: Literal["up", "down", "none"]
    source: str
    effective: str = ""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """How far the value of an analyte must move to be worth a new notification."""

    up: Decimal | None = None
    up_percent: Decimal | None = None
    down: Decimal | None = None
    down_percent: Decimal | None = None
    percent_from: Decimal = Decimal(0)
    """Below this last notified value a percentage means nothing."""
    source: str
    effective: str = ""

    def reached(self, change: Decimal, last: Decimal, direction: Literal["up", "down"]) -> bool:
        """`change` is positive in the direction that counts; either limb, `>=`, exact."""
        absolute = self.up if direction == "up" else self.down
        percent = self.up_percent if direction == "up" else self.down_percent
        by_share = percent is not None and last > 0 and last >= self.percent_from and change * 100 >= percent * last
        return (absolute is not None and change >= absolute) or by_share


class Pack(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """All numbers of one version of the rules."""

    version: str
    status: str
    """`draft` until a named clinician approved it; never from the file, which cannot approve itself."""
    effective: str = ""
    """The date of its numbers, unless a section or a number has its own."""
    limits: dict[str, Limit]
    clearing: dict[str, Clearing]
    worsening: dict[str, Worsening]
    """By rule."""
    steps: dict[str, Step]
    """By analyte."""

    def limit(self, key: str) -> Limit:
        """The number called `section.name`; KeyError names a key that the pack lacks."""
        return self.limits[key]

    def __getitem__(self, key: str) -> Decimal:
        return self.limits[key].value

    @cached_property
    def worked_out(self) -> dict[tuple[str, ...], Any]:
        """What follows from the numbers alone, once a pack; no part of what it says or of its equality."""
        return {}


def load(text: str) -> Pack:
    """A pack from TOML; decimals are written as strings so that no binary float ever appears.

    Raises ValueError naming the key whose value, operator, source or date is missing or wrong.
    """
    data = tomllib.loads(text)
    head = {"effective": "", **data.pop("pack")}
    if head["status"] != "draft":
        raise ValueError(f"thresholds.toml, pack.status: {head['status']!r}; a file says draft, people approve it")
    data = {section: _dated(entries, head["effective"]) for section, entries in data.items()}
    clearing, worsening = _table(data, "clearing", Clearing), _table(data, "worsening", Worsening)
    steps = _table(data, "steps", Step)
    limits = {f"{s}.{n}": _limit(f"{s}.{n}", entry) for s, entries in data.items() for n, entry in entries.items()}
    return Pack(
        version=head["version"],
        status=head["status"],
        effective=head["effective"],
        limits=limits,
        clearing=clearing,
        worsening=worsening,
        steps=steps,
    )


def _dated(entries: dict[str, Any], pack: str) -> dict[str, Any]:
    """Each entry with its date: its own, else the section's `effective`, else the pack's."""
    section = entries.get("effective", pack)
    return {name: {"effective": section, **entry} for name, entry in entries.items() if name != "effective"}


def _table(data: dict[str, Any], name: str, kind: type[T]) -> dict[str, T]:
    return {key: _convert(f"{name}.{key}", entry, kind) for key, entry in data.pop(name, {}).items()}


def _limit(key: str, entry: dict[str, Any]) -> Limit:
    return _convert(key, {**entry, "key": key, "compared": "operator" in entry}, Limit)


def _convert(key: str, entry: dict[str, Any], kind: type[T]) -> T:
    try:
        date.fromisoformat(entry["effective"])
    except ValueError as error:
        raise ValueError(f"thresholds.toml, {key}: effective is no date (2026-11-25): {error}") from error
    try:
        return msgspec.convert(entry, kind, strict=True)
    except msgspec.ValidationError as error:
        raise ValueError(f"thresholds.toml, {key}: {error}") from error


@cache
def default_pack() -> Pack:
    """The pack that ships with Halo."""
    return load(resources.files("alerts").joinpath("thresholds.toml").read_text("utf-8"))
