"""The rule pack: every number has its source and the date from which it holds; a file without them is refused."""

from __future__ import annotations

from datetime import date
from importlib import resources

import pytest

from alerts.pack_check import rebound, strange
from alerts.pack_table import rows
from alerts.rules import RULES
from alerts.thresholds import default_pack, load

TEXT = resources.files("alerts").joinpath("thresholds.toml").read_text("utf-8")


def test_every_number_has_a_source_and_a_date() -> None:
    for row in rows(default_pack(), RULES):
        assert row.source.startswith("["), row.key
        assert date(2026, 1, 1) <= date.fromisoformat(row.effective), row.key


def test_a_section_and_a_number_may_have_their_own_date() -> None:
    text = TEXT.replace("[ca_high]\n", '[ca_high]\neffective = "2027-02-03"\n')
    text = text.replace('severe = { value = "3.4",', 'severe = { effective = "2027-05-06", value = "3.4",')
    pack = load(text)
    dates = [pack.limit(key).effective for key in ("ca_high.severe", "ca_high.halo", "ca_low.high")]
    assert dates == ["2027-05-06", "2027-02-03", pack.effective]


@pytest.mark.parametrize("wrong", ["", 'effective = "soon"'])
def test_a_pack_without_a_date_is_refused_and_the_key_is_named(wrong: str) -> None:
    line = next(line for line in TEXT.splitlines() if line.startswith("effective"))
    with pytest.raises(ValueError, match="effective is no date"):
        load(TEXT.replace(line, wrong, 1))


def test_a_number_without_a_source_is_refused() -> None:
    with pytest.raises(ValueError, match=r"k_high\.clear.*source"):
        load(TEXT.replace('clear = { value = "5.5", operator = "<=", unit = "mmol/L", source = "[E] alert behaviour 2.2" }',
                          'clear = { value = "5.5", operator = "<=", unit = "mmol/L" }'))  # fmt: skip


def test_the_bound_of_a_span_cannot_be_changed_because_the_rules_read_its_length_only() -> None:
    assert rebound(default_pack()) == []
    line = 'rise_hours = { value = "168", operator = "<=", unit = "h"'
    assert TEXT.count(line) == 1
    assert rebound(load(TEXT.replace(line, line.replace("<=", "<")))) == ["calcium.rise_hours (< instead of <=)"]
    assert rebound(load(TEXT.replace(line, line.replace("168", "100")))) == []


def test_a_limit_in_another_unit_or_below_nought_is_named() -> None:
    assert strange(default_pack()) == []
    line = next(line for line in TEXT.splitlines() if line.startswith("severe") and '"3.4"' in line)
    for wrong in (line.replace("mmol/L", "mg/dL"), line.replace('"3.4"', '"-3.4"')):
        (named,) = strange(load(TEXT.replace(line, wrong)))
        assert named.startswith("ca_high.severe = ")
