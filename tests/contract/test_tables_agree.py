"""Numbers that stand in two tables, the analytes' and the rule pack's, are the same."""

from __future__ import annotations

import pytest

from alerts.thresholds import default_pack
from schemas.analytes import ANALYTES, TABLE

SECTIONS = {
    "ca": ("ca_high", "ca_low"),
    "ca_adj": ("ca_high", "ca_low"),
    "ica": ("ca_high", "ca_low"),
    "creat": ("ren_halo",),
    "egfr": ("ren_halo",),
    "k": ("k_high", "k_low"),
    "hb": ("hb_halo",),
    "neut": ("neut_low",),
    "plt": ("plt_low",),
    **dict.fromkeys(("visc", "igg", "iga", "igm", "igg3", "tp"), ("hv",)),
}
"""Analyte -> sections of the rule pack that say when one value alone is HIGH or CRITICAL."""


def test_every_urgent_analyte_is_looked_up() -> None:
    assert {row.id for row in ANALYTES.values() if row.urgent} == set(SECTIONS)


@pytest.mark.parametrize("name", sorted(SECTIONS))
def test_a_value_in_quarantine_is_urgent_from_where_the_rules_say(name: str) -> None:
    limits = default_pack().limits
    known = {
        (limit.operator, limit.value, limit.unit)
        for key, limit in limits.items()
        if key.partition(".")[0] in SECTIONS[name]
    }
    for urgent in ANALYTES[name].urgent:
        assert (urgent.operator, urgent.value, ANALYTES[name].unit) in known


def test_haemolysis_and_limits_of_normal() -> None:
    pack = default_pack()
    assert TABLE.consistency.haemolysis_index.value == pack["haemolysis.comment"]
    for key, (name, side) in {
        "normal.ca_adj_high": ("ca_adj", "high"),
        "normal.ica_high": ("ica", "high"),
        "normal.ica_low": ("ica", "low"),
        "clone.kappa_ratio": ("flc_ratio", "high"),
        "clone.lambda_ratio": ("flc_ratio", "low"),
    }.items():
        assert getattr(ANALYTES[name].reference, side) == pack[key]
