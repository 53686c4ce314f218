"""The table of the mutation check names every rule and every clinical number, and nothing that is not there."""

from __future__ import annotations

import tomllib
from importlib import resources

from alerts.rules import RULES
from tests.mutation.__main__ import TABLE
from tests.mutation.limits import mutants
from tests.mutation.tree import ROOT, found

GROUPS = tomllib.loads(TABLE.read_text("utf-8"))["group"]
PACK = resources.files("alerts").joinpath("thresholds.toml").read_text("utf-8")
TABLES = {"pack", "clearing", "worsening", "steps", "still_abnormal", "deciding", "normal"}
"""Not limits of one rule: held by the tests of deciding, episodes and derived values, and shown values."""


def test_every_rule_and_clinical_file_belongs_to_one_group() -> None:
    files = [name for group in GROUPS.values() for name in found(ROOT, group["files"])]
    assert len(files) == len(set(files))
    clinical = {
        str(p.relative_to(ROOT))
        for folder in ("rules", "myeloma", "overdue")
        for p in (ROOT / "alerts" / folder).glob("*.py")
    }
    assert {name for name in clinical if not name.endswith("__init__.py")} <= set(files)


def test_every_test_file_exists_and_every_rule_is_played_in_a_group() -> None:
    assert all(found(ROOT, group["tests"]) for group in GROUPS.values())
    assert {rule for group in GROUPS.values() for rule in group["rules"]} == {rule.name for rule in RULES}


def test_every_section_of_the_pack_is_mutated() -> None:
    sections = {section for group in GROUPS.values() for section in group["sections"]}
    assert sections | TABLES == set(tomllib.loads(PACK))
    for section in sections - {"ckd_epi_2021", "ckd_epi_2009"}:
        assert any(">" in name or "<" in name for name, _, _ in mutants(PACK, section)), section


def test_a_mutant_changes_one_line_by_its_bound_or_by_its_last_digit() -> None:
    said = {name: changed for name, _, changed in mutants(PACK, "k_low")}
    assert len(said) == 9
    assert 'value = "3.0", operator = "<="' in said["k_low.high: < -> <="]
    assert 'value = "3.1"' in said["k_low.high: 3.0 -> 3.1"]
    assert 'value = "2.9"' in said["k_low.high: 3.0 -> 2.9"]
