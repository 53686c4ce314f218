"""What the vectors leave open: dialysis, age, dates without a time, methods, censored values, the stage in force."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from alerts.egfr import age_at, estimated, missing_for_egfr
from alerts.kidney import Aki, aki_at, aki_stage_in_force
from alerts.logic import Truth
from alerts.result import Result, Status
from alerts.rule import View
from tests.unit.alerts.made import at, fact, lab, patient, view


def newest(seen: View) -> Aki:
    return aki_at(seen, seen.series.points("creat")[-1])


def test_date_only_is_kept_out_of_the_48_h_rule_but_not_of_the_ratio() -> None:
    assert newest(view([lab("creat", "100", -24, flags=("date_only",)), lab("creat", "127")])).stage == 0
    assert newest(view([lab("creat", "100", -24), lab("creat", "127", flags=("date_only",))])).stage == 0
    assert newest(view([lab("creat", "100", -24), lab("creat", "127")])).stage == 1
    assert newest(view([lab("creat", "80", -24, flags=("date_only",)), lab("creat", "160")])).stage == 2


def test_a_date_without_a_time_never_clears_when_a_rise_may_hide_in_it() -> None:
    hidden = newest(view([lab("creat", "100", -24, flags=("date_only",)), lab("creat", "127")]))
    apart = newest(view([lab("creat", "100", -100, flags=("date_only",)), lab("creat", "127")]))
    assert (hidden.clears, apart.clears) == (Truth.INDETERMINATE, Truth.TRUE)


def test_dialysis_counts_only_while_it_lasts() -> None:
    results = [lab("creat", "100", -24), lab("creat", "300")]
    assert newest(view(results, patient(fact("dialysis", -48, 0)))).suppressed == "dialysis"
    assert newest(view(results, patient(fact("dialysis", -48, -1)))).stage == 3
    assert newest(view(results, patient(fact("dialysis", -48, value="no")))).stage == 3


@pytest.mark.parametrize(("age", "suppressed", "stage"), [(17, "not_adult", 0), (18, "", 3), (None, "", 3)])
def test_adults_only(age: int | None, suppressed: str, stage: int) -> None:
    aki = newest(view([lab("creat", "100", -24), lab("creat", "300")], patient(age=age)))
    assert (aki.suppressed, aki.stage) == (suppressed, stage)
    assert ("age_unknown" in aki.flags) is (age is None)


def test_methods_are_compared_and_flagged() -> None:
    aki = newest(view([lab("creat", "80", -240, method="enzymatic"), lab("creat", "240", method="jaffe")]))
    assert (aki.stage, aki.flags) == (3, ("cross_method",))
    assert aki.results == ("r:creat@0", "r:creat@-240")


def test_one_collection_time_is_never_compared_with_itself() -> None:
    twice = [lab("creat", "138", method="enzymatic"), lab("creat", "350", tail="b", method="jaffe")]
    seen = view(twice)
    assert len(seen.series.points("creat")) == 1
    assert newest(seen).stage == 0


@pytest.mark.parametrize(
    ("now", "before", "stage", "possible", "clears"),
    [
        (">1500", "100", 3, 3, Truth.FALSE),
        ("<18", "100", 0, 0, Truth.TRUE),
        ("100", "<18", 3, 3, Truth.FALSE),
        (">140", "100", 1, 3, Truth.FALSE),  # rise above 40: AKI for certain, how much is open
        (">110", "100", 0, 3, Truth.INDETERMINATE),
        ("<150", "100", 0, 1, Truth.INDETERMINATE),
    ],
)
def test_censored_values_give_what_is_certain_and_what_is_possible(
    now: str, before: str, stage: int, possible: int, clears: Truth
) -> None:
    aki = newest(view([lab("creat", before, -24), lab("creat", now)]))
    assert (aki.stage, aki.possible_stage, aki.clears) == (stage, possible, clears)


@pytest.mark.parametrize(
    ("creatinines", "hours", "stage"),
    [
        ([("80", -300), ("170", 0)], 0, 2),
        ([("80", -300), ("170", 0)], 168, 2),
        ([("80", -300), ("170", 0)], 168.5, None),
        ([("80", -300), ("170", 0)], -24, 2),  # nothing in the 7 days before, one 24 h after
        ([("80", -300), ("170", 0)], -24.5, None),
        ([("80", -48), ("170", 0)], -1, 2),  # the injury seen an hour later was there
        ([("80", -48), ("170", 0), ("82", 5)], 4, 2),
        ([("80", -48), ("170", 0), ("82", 5)], 5, 0),
        ([], 0, None),
    ],
)
def test_stage_in_force(creatinines: list[tuple[str, float]], hours: float, stage: int | None) -> None:
    aki = aki_stage_in_force(view([lab("creat", v, h) for v, h in creatinines]), at(hours))
    assert (aki.stage if aki else None) == stage


def test_a_withdrawn_reference_counts_no_more() -> None:
    reference = lab("creat", "80", -24)
    withdrawn = _version(reference, Status.DELETED)
    assert newest(view([reference, lab("creat", "160")])).stage == 2
    assert newest(view([reference, withdrawn, lab("creat", "160")])).stage == 0


def _version(result: Result, status: Status) -> Result:

    return msgspec.structs.replace(result, status=status, result_id=result.result_id + status, version_time=at(1))


@pytest.mark.parametrize(
    ("age", "sex", "missing"),
    [
        (70, "M", ()),
        (70, "", ("sex",)),
        (None, "F", ("birth_date",)),
        (17, "F", ("adult",)),
        (None, "", ("sex", "birth_date")),
    ],
)
def test_egfr_is_unknown_without_age_or_sex(age: int | None, sex: str, missing: tuple[str, ...]) -> None:
    seen = view([lab("creat", "100")], patient(age=age, sex=sex))
    point = seen.series.points("creat")[0]
    assert missing_for_egfr(seen, point.at) == missing
    assert (estimated(seen, point).interval is None) is bool(missing)


def test_age_has_its_fraction() -> None:
    someone = patient(age=70)
    assert age_at(someone, at(0)) == 70
    assert age_at(someone, at(73 * 24)) == 70 + Decimal(73) / 365
    assert age_at(someone, at(365 * 24)) == 71


def test_a_censored_creatinine_bounds_the_egfr_from_the_other_side() -> None:
    seen = view([lab("creat", ">1500")])
    interval = estimated(seen, seen.series.points("creat")[0]).interval
    assert interval is not None
    assert interval.test("<", Decimal(40)) is Truth.TRUE
    assert interval.test("<", Decimal(2)) is Truth.INDETERMINATE
