"""The rule pack as rows to be read and signed: each number with the rules that read it, its source and its standing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from alerts.rule import Rule
from alerts.thresholds import Pack, Step

EVERY = "*"
"""Read by every rule."""
NEVER = "never"
"""An episode that does not end by itself."""
SHARED: dict[str, tuple[str, ...]] = {
    "aki": ("REN_AKI", "REN_LCCN", "CA_HIGH"),
    "egfr": ("REN_HALO", "REN_DECLINE", "REN_LCCN", "LC_ESCAPE"),
    "ckd_epi_2021": ("REN_HALO", "REN_DECLINE", "REN_LCCN", "LC_ESCAPE"),
    "ckd_epi_2009": ("REN_HALO", "REN_DECLINE", "REN_LCCN", "LC_ESCAPE"),
    "kidney_notes": ("REN_AKI", "REN_HALO", "REN_RISE", "REN_DECLINE", "REN_LCCN"),
    "clone": ("BIO", "LC_ESCAPE", "MYELOMA_DEFINING_EVENT", "REN_LCCN"),
    "haemolysis": ("K_HIGH", "K_LOW", "K_REPEAT", "TLS"),
    "calcium": ("CA_HIGH", "CA_LOW"),
    "relapse": ("BIO",),
    "response": ("BIO",),
    "antibody": ("BIO",),
    "smouldering": ("SMM_EVOLVING_M", "SMM_EVOLVING_HB", "MYELOMA_DEFINING_EVENT"),
    "still_abnormal": (EVERY,),
    "deciding": (EVERY,),
    "steps": (EVERY,),
}
"""Sections that are not named after their one rule; the rest (CTCAE grades, limits of normal) are shown only."""

Standing = Literal["approved", "to_confirm", "sourced"]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One number. `rules` is empty for what is only shown, `*` alone for what every rule reads."""

    rules: tuple[str, ...]
    key: str
    operator: str
    value: str
    unit: str
    source: str
    effective: str
    version: str
    status: str
    """Of the pack."""
    standing: Standing
    """`to_confirm`: general knowledge or an engineering default that no clinician has confirmed yet ([M], [E])."""


def rows(pack: Pack, rules: Iterable[Rule]) -> list[Row]:
    """Every number of the pack, in the order in which it stands there."""
    known = {rule.name for rule in rules}
    found = [
        _row(pack, known, item.key, item.operator if item.compared else "", str(item.value), item.unit, item.source,
             item.effective)
        for item in pack.limits.values()
    ]  # fmt: skip
    for rule, clearing in pack.clearing.items():
        key, hours = f"clearing.{rule}", clearing.span_hours
        samples = (">=", str(clearing.samples)) if clearing.samples else ("", NEVER)
        found.append(_row(pack, known, f"{key}.samples", *samples, "", clearing.source, clearing.effective))
        found += (
            [_row(pack, known, f"{key}.span_hours", ">=", str(hours), "h", clearing.source, clearing.effective)]
            if hours
            else []
        )
    for rule, worsening in pack.worsening.items():
        found.append(
            _row(pack, known, f"worsening.{rule}", "", worsening.direction, "", worsening.source, worsening.effective)
        )
    for analyte, step in pack.steps.items():
        found += _steps(pack, known, analyte, step)
    return found


def _steps(pack: Pack, known: set[str], analyte: str, step: Step) -> list[Row]:
    parts = {"up": step.up, "up_percent": step.up_percent, "down": step.down, "down_percent": step.down_percent,
             "percent_from": step.percent_from or None}  # fmt: skip
    return [
        _row(pack, known, f"steps.{analyte}.{name}", ">=", str(value), "%" if name.endswith("_percent") else "",
             step.source, step.effective)
        for name, value in parts.items() if value is not None
    ]  # fmt: skip


def _row(  # noqa: PLR0913 - the columns of a row
    pack: Pack, known: set[str], key: str, operator: str, value: str, unit: str, source: str, effective: str
) -> Row:  # fmt: skip
    return Row(
        rules=_rules(key, known), key=key, operator=operator, value=value, unit=unit, source=source,
        effective=effective, version=pack.version, status=pack.status, standing=_standing(pack, source),
    )  # fmt: skip


def _rules(key: str, known: set[str]) -> tuple[str, ...]:
    section, name = key.split(".")[:2]
    if section in ("clearing", "worsening"):
        return (name,) if name in known else tuple(rule for rule in known if name.startswith(f"{rule}_"))
    return SHARED.get(section) or ((section.upper(),) if section.upper() in known else ())


def _standing(pack: Pack, source: str) -> Standing:
    if pack.status == "approved":
        return "approved"
    return "to_confirm" if "[E]" in source or "[M]" in source else "sourced"
