"""Reported numbers and units become exact canonical values, or are refused with the reason; nothing is guessed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.analytes import ANALYTES, BY_LOINC, NEVER, TABLE, analyte
from schemas.errors import UnitRefused, UnknownAnalyte
from schemas.numbers import is_number_like, parse_number, product, readings
from schemas.units import ALIASES, convert, scales

IDS = [
    "mspike",
    "mpct",
    "umprot",
    "flck",
    "flcl",
    "flc_ratio",
    "ca",
    "ca_adj",
    "ica",
    "ica_ph74",
    "alb",
    "creat",
    "egfr",
    "hb",
    "igg",
    "iga",
    "igm",
    "igg3",
    "tp",
    "visc",
    "b2m",
    "ldh",
    "urate",
    "neut",
    "plt",
    "k",
    "phos",
    "sife",
    "uife",
    "spep_text",
    "upep_text",
    "wbc",
    "mcv",
    "alp",
    "u24_volume",
    "hi",
]
"""Every id of the clinical specification."""
UNCHECKED = ["35559-4", "50796-2", "94400-9", "42483-8", "40661-1", "15188-6", "61151-7", "90990-3", "3167-4"]
"""LOINC codes the specification marks `?`: not accepted until a person has checked them."""


def test_the_table_is_closed_and_complete() -> None:
    assert sorted(ANALYTES) == sorted(IDS)
    with pytest.raises(UnknownAnalyte, match="crp"):
        analyte("crp")
    with pytest.raises(UnknownAnalyte):
        convert("crp", "5", "mg/L")


def test_codes_to_be_checked_are_not_accepted_and_no_code_means_two_things() -> None:
    assert not {*BY_LOINC, *NEVER} & set(UNCHECKED)
    assert len(BY_LOINC) == sum(len(row.loinc) for row in ANALYTES.values())
    assert not BY_LOINC.keys() & NEVER.keys()


def test_every_alias_leads_to_a_unit_some_analyte_accepts() -> None:
    accepted = {unit for name, row in ANALYTES.items() for unit in (*scales(name), *row.per_volume, *row.ratios)}
    assert set(ALIASES.values()) <= accepted
    assert not ALIASES.keys() & accepted, "an alias must not also be a unit of its own"


def test_limits_stand_in_order_and_every_analyte_is_named_in_both_languages() -> None:
    for row in ANALYTES.values():
        assert row.en
        assert row.sl
        if row.hard and row.soft:
            for inner, outer in ((row.soft.low, row.hard.low), (row.hard.high, row.soft.high)):
                assert inner is None or outer is None or outer <= inner
        assert row.kind != "number" or row.unit
        assert all(trap.unit in scales(row.id) for trap in row.traps)
    assert TABLE.consistency.globulin_margin.value == 5


@given(st.decimals(min_value=15, max_value=250, places=2, allow_nan=False))
def test_g_per_dl_and_g_per_l_give_the_same_value_and_the_same_text(grams_per_litre: Decimal) -> None:
    in_dl = convert("tp", str(grams_per_litre / 10), "g/dL") if 20 <= grams_per_litre <= 200 else None
    if in_dl is not None:
        in_l = convert("tp", str(grams_per_litre), "g/L")
        assert (in_dl, str(in_dl.value)) == (in_l, str(in_l.value))


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=9))
def test_a_product_is_exact_and_written_plainly(number: Decimal) -> None:
    value = product(number, Decimal("0.2495"))
    assert value * 10**13 == int(number.scaleb(9)) * 2495
    assert "E" not in str(product(number, Decimal(1000)))
    digits = format(value, "f")
    assert "." not in digits or not digits.endswith("0")


@pytest.mark.parametrize("text", ["1.234,5", "1,234.5", "1,234,567", "1.2.3", "", "1 234", "twelve", "0x10", "NaN", "inf",
                                  "1e999999999", "1" * 33, "١٢"])  # fmt: skip
def test_what_is_no_number_in_one_way_only_is_refused(text: str) -> None:
    with pytest.raises(UnitRefused) as refused:
        parse_number(text)
    assert refused.value.reason == "ambiguous_number"


@pytest.mark.parametrize(
    ("text", "value"), [("3,21", "3.21"), ("3.21", "3.21"), (".5", "0.5"), ("5.", "5"), ("-1", "-1"), ("1e2", "100")]
)
def test_one_separator_is_the_decimal_one(text: str, value: str) -> None:
    assert parse_number(text) == Decimal(value)


def test_an_ambiguous_number_has_several_readings() -> None:
    assert is_number_like("1.234,5")
    assert readings("1.234,5") == (Decimal("1.2345"), Decimal("1234.5"))


@pytest.mark.parametrize(
    ("name", "number", "unit", "reason"),
    [
        ("alb", "0.9", "g/L", "outside_hard_limit"),
        ("alb", "1", "g/L", "looks_like_g_dl"),
        ("alb", "7.01", "g/L", ""),
        ("ca", "6.0", "mmol/L", ""),
        ("ca", "6.01", "mmol/L", "looks_like_mg_dl"),
        ("ca", "20", "mmol/L", "looks_like_mg_dl"),
        ("ca", "20.1", "mmol/L", "outside_hard_limit"),
        ("creat", "9.99", "umol/L", "looks_like_mg_dl"),
        ("creat", "10", "umol/L", ""),
        ("creat", "5.01", "mmol/L", "looks_like_umol_l"),
        ("hb", "1.99", "g/L", "outside_hard_limit"),
        ("hb", "25.01", "g/L", ""),
        ("ca_adj", "5", "meq/L", "unit_not_allowed"),
        ("k", "4", "mmol/l", ""),
        ("k", "4", "MMOL/L", "unit_not_allowed"),
        ("k", "4", "", "unit_missing"),
        ("k", "4,1.2", "", "unit_missing"),
        ("mspike", "-0.1", "g/L", "outside_hard_limit"),
    ],
)
def test_order_and_edges_of_the_checks(name: str, number: str, unit: str, reason: str) -> None:
    if not reason:
        convert(name, number, unit)
        return
    with pytest.raises(UnitRefused) as refused:
        convert(name, number, unit)
    assert refused.value.reason == reason
