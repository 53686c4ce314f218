"""The rule pack: every clinical number with its operator, unit, source and date, from `thresholds.toml`."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any, TypeVar

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


class Clearing(msgspec.Struct, frozen=True, kw_only=True):
    """When an episode of a rule ends (clinical specification, alert behaviour 2.2)."""

    samples: int
    """Consecutive samples needed; 0 means never by itself."""
    span_hours: int = 0
    source: str


class Pack(msgspec.Struct, frozen=True, kw_only=True):
    """All numbers of one version of the rules."""

    version: str
    status: str
    """`draft` until a named clinician approved it."""
    limits: dict[str, Limit]
    clearing: dict[str, Clearing]

    def limit(self, key: str) -> Limit:
        """The number called `section.name`; KeyError names a key that the pack lacks."""
        return self.limits[key]

    def __getitem__(self, key: str) -> Decimal:
        return self.limits[key].value


def load(text: str) -> Pack:
    """A pack from TOML; decimals are written as strings so that no binary float ever appears.

    Raises ValueError naming the key whose value, operator or source is missing or wrong.
    """
    data = tomllib.loads(text)
    head, clearing = data.pop("pack"), data.pop("clearing")
    limits = {f"{s}.{n}": _limit(f"{s}.{n}", entry) for s, entries in data.items() for n, entry in entries.items()}
    rows = {rule: _convert(f"clearing.{rule}", entry, Clearing) for rule, entry in clearing.items()}
    return Pack(version=head["version"], status=head["status"], limits=limits, clearing=rows)


def _limit(key: str, entry: dict[str, Any]) -> Limit:
    return _convert(key, {**entry, "key": key}, Limit)


def _convert(key: str, entry: dict[str, Any], kind: type[T]) -> T:
    try:
        return msgspec.convert(entry, kind, strict=True)
    except msgspec.ValidationError as error:
        raise ValueError(f"thresholds.toml, {key}: {error}") from error


@cache
def default_pack() -> Pack:
    """The pack that ships with Halo."""
    return load(resources.files("alerts").joinpath("thresholds.toml").read_text("utf-8"))
