"""Whether a rule pack holds everything the rules read."""

from __future__ import annotations

from collections.abc import Mapping

from alerts.thresholds import Pack, default_pack


def lacking(pack: Pack) -> list[str]:
    """Keys of the shipped pack that `pack` has not; with any of them missing the rules cannot run."""
    shipped = default_pack()
    parts: dict[str, tuple[Mapping[str, object], Mapping[str, object]]] = {
        "": (shipped.limits, pack.limits), "clearing.": (shipped.clearing, pack.clearing),
        "worsening.": (shipped.worsening, pack.worsening), "steps.": (shipped.steps, pack.steps),
    }  # fmt: skip
    return [
        f"{prefix}{key}" for prefix, (wanted, given) in parts.items() for key in sorted(wanted.keys() - given.keys())
    ]


_SPANS = frozenset({"h", "d", "a"})


def rebound(pack: Pack) -> list[str]:
    """Spans of time whose bound `pack` shuts or opens: the rules read only their length, so it would not be obeyed."""
    shipped = default_pack().limits
    return [
        f"{key} ({limit.operator} instead of {shipped[key].operator})"
        for key, limit in pack.limits.items()
        if key in shipped and limit.unit in _SPANS and limit.operator != shipped[key].operator
    ]


def strange(pack: Pack) -> list[str]:
    """Limits in another unit than the shipped ones (rules compare canonical units only), or below nought."""
    shipped = default_pack().limits
    return [
        f"{key} = {limit.value} {limit.unit} (shipped: {shipped[key].value} {shipped[key].unit})"
        for key, limit in pack.limits.items()
        if key in shipped and (limit.unit != shipped[key].unit or limit.value < 0 <= shipped[key].value)
    ]
