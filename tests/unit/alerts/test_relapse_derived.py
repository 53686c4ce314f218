"""Derived values of the clone at every collection, as `evaluate` gives them."""

from __future__ import annotations

import pytest

from alerts.alert import Derived
from alerts.context import Context
from alerts.evaluate import evaluate
from alerts.result import Result
from tests.builders import context, days, fact, result, view
from tests.unit.alerts.relapse import day, light, series


def _values(name: str, *results: list[Result], known: Context | None = None) -> list[str]:
    outcome = evaluate(view(*results, context=known or Context()), ())
    assert outcome.failed == {}
    return [_text(value) for value in outcome.derived if value.name == name]


def _text(value: Derived) -> str:
    return f"{day(value.collected_at)}:{value.value}" + (f"/{value.flag}" if value.flag else "")


def _negative(number: int) -> list[Result]:
    return [result(name, None, days(number), coded="negative") for name in ("sife", "uife")]


def test_the_first_measurable_value_makes_the_type_without_a_known_line() -> None:
    assert _values("patient_type", series("mspike", "0:2 30:15 60:3")) == ["0:NON_MEASURABLE", "30:SERUM"]


def test_light_chains_count_only_while_no_m_protein_is_measurable() -> None:
    assert _values("patient_type", light("0:900/10"), series("mspike", "0:2")) == ["0:FLC_ONLY"]
    assert _values("patient_type", light("0:900/10"), series("mspike", "0:12")) == ["0:SERUM"]


def test_the_baseline_of_a_known_line_fixes_the_type_until_the_next_line() -> None:
    known = context(fact("line_start", days(5)), fact("line_start", days(100)))
    serum = series("mspike", "0:30 50:4 110:3")
    assert _values("patient_type", serum, known=known) == ["0:SERUM", "110:NON_MEASURABLE"]


def test_the_confirmed_nadir_is_what_the_sample_was_compared_with() -> None:
    assert _values("confirmed_nadir", series("mspike", "0:40 28:2 56:9 84:9.5")) == ["28:40", "56:40", "84:9"]


def test_a_category_counts_from_the_second_assessment_on_and_stays() -> None:
    serum = series("mspike", "0:40 28:18 56:17 84:31 112:16")
    assert _values("response", serum, series("umprot", "0:0")) == [
        "28:SD/unconfirmed_PR", "56:PR", "84:PR/unconfirmed_SD", "112:PR",
    ]  # fmt: skip


def test_complete_response_needs_both_immunofixations_twice() -> None:
    serum, urine = series("mspike", "0:40 28:<1 56:<1"), series("umprot", "0:0 28:0 56:0")
    assert _values("response", serum, urine, _negative(28), _negative(56))[-1] == "56:CR_LAB"
    assert _values("response", serum, urine, _negative(28)[:1], _negative(56)[:1])[-1] == "56:VGPR"


def test_a_band_that_may_be_the_antibody_leaves_the_complete_response_open() -> None:
    known = context(fact("isotype", code="IgG-kappa"), fact("drug", days(0), days(90), code="daratumumab"))
    serum, urine = series("mspike", "0:40 28:0 56:0"), series("umprot", "0:0 28:0 56:0")
    bands = [result("sife", None, days(number), coded="positive:IgG-kappa") for number in (28, 56)]
    assert _values("response", serum, urine, bands, known=known) == [
        "28:SD/unconfirmed_VGPR cr_not_assessable", "56:VGPR/cr_not_assessable",
    ]  # fmt: skip
    free = context(fact("isotype", code="IgG-kappa"), fact("drug", days(0), days(90), code="lenalidomide"))
    assert _values("response", serum, urine, bands, known=free)[-1] == "56:VGPR"


def test_one_immunofixation_confirms_no_complete_response_with_itself() -> None:
    serum, urine = series("mspike", "0:40 28:<1 40:<1 56:<1"), series("umprot", "0:0 28:0 40:0 56:0")
    found = _values("response", serum, urine, _negative(28), _negative(56))
    assert found == ["28:SD/unconfirmed_CR_LAB", "40:VGPR/unconfirmed_CR_LAB", "56:CR_LAB"]
    found = _values("response", serum, urine, _negative(28), _negative(56)[:1])
    assert found[-1] == "56:VGPR/unconfirmed_CR_LAB"


def test_a_response_by_another_light_chain_platform_is_not_counted() -> None:
    known = context(fact("patient_type", code="FLC_ONLY"), fact("isotype", code="kappa"))

    def draws(text: str, method: str) -> list[Result]:
        return [result(r.analyte, r.value, r.collected_at, method=method) for r in light(text)]

    old = draws("0:1000/10", "Freelite")
    assert _values("response", old, draws("28:300/10 56:300/10", "Freelite"), known=known)[-1] == "56:PR"
    assert _values("response", old, draws("28:300/10 56:300/10", "N Latex"), known=known)[-1].startswith("56:SD")


def test_confirmed_progression_ends_response_until_a_new_line() -> None:
    serum = series("mspike", "0:40 28:8 56:8 84:13.1 112:13.5 140:12 200:6 230:6")
    values = _values("response", serum, series("umprot", "0:0"), known=context(fact("line_start", days(150))))
    assert values[-5:] == ["84:PR", "112:PD", "140:PD", "200:SD/unconfirmed_PR", "230:PR"]


def test_ratio_and_difference_of_light_chains() -> None:
    chains = light("0:100/10")
    assert _values("flc_ratio", chains) == ["0:10.0000/abnormal_kappa"]
    assert _values("dflc", chains) == ["0:90"]
    assert _values("flc_ratio", [result("flck", "120"), result("flcl", "<1.5")]) == ["0:>80/abnormal_kappa"]


@pytest.mark.parametrize("story", ["2:50 32:50 33:50", "0:8 1:8 8:8", "0:7.7 3:7.7 10:7.7", "0:0.3 29:0.3 59:0.3"])
def test_equal_values_never_double(story: str) -> None:
    """In decimals of 28 digits the sum of equal parts is not always nought."""
    assert _values("doubling_time", series("mspike", story))[-1].endswith(":none")


def test_doubling_time_needs_three_values() -> None:
    assert _values("doubling_time", series("mspike", "0:10 90:20 180:40")) == [
        "0:indeterminate", "90:indeterminate", "180:90.0/rapid",
    ]  # fmt: skip
