"""`halo rules` shows every number of the pack; `docs/rules.md` is what it prints; another pack can be run."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec import structs

from alerts.pack_table import EVERY, SHARED, rows
from alerts.rules import RULES
from alerts.thresholds import default_pack, load
from services.cli.app import halo
from services.cli.pack_file import pack_of
from services.cli.rules_approval import lines

PAGE = Path(__file__).parents[3] / "docs/rules.md"
SHIPPED = resources.files("alerts").joinpath("thresholds.toml").read_text("utf-8")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(halo, ["rules", *arguments])


def test_the_stored_page_is_what_the_pack_says() -> None:
    assert PAGE.read_text("utf-8") == run("--markdown").output, "renew with: halo rules --markdown > docs/rules.md"


@pytest.mark.parametrize(("language", "said"), [
    ("en", ["draft: NOT APPROVED FOR CLINICAL USE", "CA_HIGH: Is calcium too high?", "> 2.75 mmol/L", "2026.1"]),
    ("sl", ["osnutek: NI ODOBRENO", "CA_HIGH: Ali je kalcij previsok?", "> 2,75 mmol/L", "za potrditev"]),
])  # fmt: skip
def test_the_table_reads_in_both_languages(language: str, said: list[str]) -> None:
    output = run("--language", language).output
    assert [text for text in said if text not in output] == []


def test_json_holds_every_number_exactly() -> None:
    found = {row["key"]: row for row in map(json.loads, run("--json").output.splitlines())}
    pack = default_pack()
    assert {key: found[key]["value"] for key in pack.limits} == {k: str(one.value) for k, one in pack.limits.items()}
    assert found["ca_high.halo"] | {"source": ""} == {
        "rules": ["CA_HIGH"], "key": "ca_high.halo", "operator": ">", "value": "2.75", "unit": "mmol/L", "source": "",
        "effective": pack.effective, "version": pack.version, "status": pack.status, "standing": "sourced",
    }  # fmt: skip
    assert found["calcium.per_albumin"]["operator"] == ""
    assert found["clearing.CA_HIGH.span_hours"]["value"] == "12"
    assert found["steps.ca.up_percent"]["unit"] == "%"


def test_every_rule_has_numbers_and_every_named_rule_exists() -> None:
    names = {rule.name for rule in RULES}
    shown = {name for row in rows(default_pack(), RULES) for name in row.rules}
    assert names <= shown
    assert shown - names == {EVERY}
    assert {name for listed in SHARED.values() for name in listed} <= names | {EVERY}


def test_what_no_clinician_confirmed_says_so_until_the_pack_is_approved() -> None:
    draft = {row.key: row.standing for row in rows(default_pack(), RULES)}
    assert (draft["ca_high.uln"], draft["ca_high.severe"]) == ("to_confirm", "sourced")
    approved = structs.replace(load(SHIPPED), status="approved")
    assert {row.standing for row in rows(approved, RULES)} == {"approved"}


def test_another_pack_is_shown(tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(SHIPPED.replace('version = "2026.1"', 'version = "made-up"'), "utf-8")
    assert "made-up" in run("--rules", str(other)).output
    assert pack_of(other).version == "made-up"


@pytest.mark.parametrize(("text", "said"), [
    ("", "KeyError: 'pack'"),
    ("[pack", "TOMLDecodeError"),
    (SHIPPED.replace('status = "draft"', 'status = "approved"'), "a file says draft, people approve it"),
    (SHIPPED.replace('halo = { value = "2.75", ', 'halo = { value = "much", ', 1), "ca_high.halo"),
    (SHIPPED.replace("per_albumin = ", "other = "), "lacks what the rules read: calcium.per_albumin"),
    (SHIPPED.replace("TLS_LAB = ", "OTHER = "), "lacks what the rules read: worsening.TLS_LAB"),
])  # fmt: skip
def test_a_file_that_is_no_pack_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    other = tmp_path / "other.toml"
    other.write_text(text, "utf-8")
    result = run("--rules", str(other))
    assert result.exit_code == 1
    assert str(other) in result.output
    assert said in result.output


def test_a_checklist_holds_every_number_unlike_the_shipped_one_whatever_its_source() -> None:
    text = SHIPPED
    before = lines(load(text))
    halo = next(line for line in text.splitlines() if line.startswith("halo = ") and '"2.75"' in line)
    after = lines(load(text.replace(halo, halo.replace('"2.75"', '"27.5"'))))
    (added,) = set(after) - set(before)
    assert added.startswith("ca_high.halo > 27.5 mmol/L")
    assert "(CHANGED; shipped: ca_high.halo > 2.75 mmol/L" in added
