"""Calcium by the laboratory's own limits, and which values of neighbouring draws belong together (calcium 1)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from alerts.calcium_basis import moved, sample_at
from alerts.logic import Interval
from alerts.result import Result
from alerts.rules import ca_high, ca_low
from tests.builders import alerts_of, hours, judge, points, result, view


def said(*results: Result | list[Result]) -> list[str]:
    found = [alert for rule in (ca_high.RULE, ca_low.RULE) for alert in judge(rule, *results).alerts]
    return [f"{alert.rule} {alert.severity}" for alert in found]


@pytest.mark.parametrize(
    ("analyte", "value", "limits", "expected"),
    [
        ("ca_adj", "2.70", ("2.10", "2.70"), []), ("ca_adj", "2.71", ("2.10", "2.70"), ["CA_HIGH MEDIUM"]),
        ("ca_adj", "2.61", ("2.10", "2.50"), ["CA_HIGH MEDIUM"]), ("ca_adj", "2.61", (None, None), ["CA_HIGH MEDIUM"]),
        ("ca_adj", "2.60", (None, None), []), ("ca", "2.66", ("2.10", "2.70"), []), ("ca", "2.66", (None, None), ["CA_HIGH MEDIUM"]),
        ("ica", "1.34", ("1.10", "1.35"), []), ("ica", "1.36", ("1.10", "1.35"), ["CA_HIGH MEDIUM"]),
        ("ica", "1.34", (None, None), ["CA_HIGH MEDIUM"]),
    ],
)  # fmt: skip
def test_the_laboratorys_own_upper_limit_goes_before_ours(
    analyte: str, value: str, limits: tuple[str | None, str | None], expected: list[str]
) -> None:
    assert said(result(analyte, value, reference=limits), points("alb", "0:40")) == expected


@pytest.mark.parametrize(
    ("limits", "raised"), [(("1.10", "1.40"), False), (("1.10", "1.30"), True), ((None, None), True)]
)
def test_an_ionised_calcium_is_not_raised_by_its_own_limit(limits: tuple[str | None, str | None], raised: bool) -> None:
    """2.9 adjusted beside an ionised 1.35: by its laboratory's limit the protein explains the total, or not."""
    flags = judge(ca_high.RULE, points("ca_adj", "0:2.90"), result("ica", "1.35", reference=limits)).alerts[0].flags
    assert ("ionised_not_raised" in flags) is not raised


@pytest.mark.parametrize(
    ("limits", "severity", "flags"),
    [(("1.05", "1.30"), "INFO", ("ionised_not_low",)), (("1.12", "1.30"), "HIGH", ()), ((None, None), "HIGH", ())],
)
def test_a_low_total_is_explained_by_an_ionised_one_within_its_own_limit(
    limits: tuple[str | None, str | None], severity: str, flags: tuple[str, ...]
) -> None:
    (alert,) = judge(ca_low.RULE, points("ca_adj", "0:1.85"), result("ica", "1.08", reference=limits)).alerts
    assert (alert.severity, alert.flags) == (severity, flags)


def basis(at: float, *results: Result | list[Result]) -> list[str]:
    """Basis and value of each reading at an hour, the ionised one first."""
    sample = sample_at(view(*results), hours(at))
    assert sample is not None
    readings = [*([sample.ionised] if sample.ionised else []), *sample.readings]
    return [f"{one.basis} {one.quantity.interval.exact if one.quantity.interval else None}" for one in readings]


def test_an_ionised_calcium_borrows_the_nearer_of_total_and_adjusted() -> None:
    ionised = points("ica", "0:1.40")
    assert basis(0, ionised, points("ca", "3:2.7"), points("ca_adj", "-2:2.8")) == ["IONISED 1.40", "LAB_ADJUSTED 2.8"]
    assert basis(0, ionised, points("ca", "-1:2.7"), points("ca_adj", "2:2.8")) == ["IONISED 1.40", "TOTAL 2.7"]
    assert basis(0, ionised, points("ca", "2:2.7"), points("ca_adj", "-2:2.8")) == ["IONISED 1.40", "LAB_ADJUSTED 2.8"]
    both = [*points("ca", "2:2.7", specimen="S1"), *points("ca_adj", "3:2.8", specimen="S1")]
    assert basis(0, ionised, both) == ["IONISED 1.40", "LAB_ADJUSTED 2.8", "TOTAL 2.7"]


def test_an_adjusted_value_stands_beside_a_total_of_its_own_draw_only() -> None:
    assert basis(0, points("ca", "0:2.7", specimen="S1"), points("ca_adj", "1:2.8", specimen="S1")) == [
        "LAB_ADJUSTED 2.8", "TOTAL 2.7",
    ]  # fmt: skip
    assert basis(0, points("ca", "0:2.7", specimen="S1"), points("ca_adj", "1:2.8", specimen="S2")) == ["TOTAL 2.7"]
    assert basis(0, points("ca", "0:2.7"), points("ca_adj", "1:2.8")) == ["TOTAL 2.7"]


def test_albumin_of_the_same_specimen_before_a_nearer_one() -> None:
    total = points("ca", "0:2.50", specimen="S1")
    own, nearer = points("alb", "5:30", specimen="S1"), points("alb", "1:40", specimen="S2")
    assert basis(0, total, own, nearer) == ["PAYNE 2.70", "TOTAL 2.50"]
    assert basis(0, total, nearer) == ["PAYNE 2.50", "TOTAL 2.50"]


@pytest.mark.parametrize("albumin", ["<20", "<25", ">50", "51", "19.9"])
def test_a_total_without_a_usable_albumin_says_why(albumin: str) -> None:
    """Certainly outside 20 to 50, or only a bound across a limit: as good as missing."""
    sample = sample_at(view(points("ca", "0:2.5"), points("alb", f"0:{albumin}")), hours(0))
    assert sample is not None
    assert sample.readings[0].flags == (("albumin_missing",) if albumin == "<25" else ("albumin_out_of_range",))


def test_moving_an_interval_moves_both_ends_and_keeps_what_belongs_to_it() -> None:
    step = Decimal("0.2")
    assert moved(Interval.exactly(Decimal("2.5")), step) == Interval.exactly(Decimal("2.7"))
    open_ = Interval(Decimal(2), Decimal(3), low_closed=False, high_closed=True)
    assert moved(open_, step) == Interval(Decimal("2.2"), Decimal("3.2"), low_closed=False, high_closed=True)
    assert moved(Interval(Decimal(2), None, high_closed=False), step) == Interval(
        Decimal("2.2"), None, high_closed=False
    )


def test_preliminary_values_are_let_in_only_where_asked_for() -> None:
    drawn = view(points("ca", "0:3.6", status="P"), points("alb", "0:40", status="P"))
    assert sample_at(drawn, hours(0)) is None
    sample = sample_at(drawn, hours(0), preliminary=True)
    assert sample is not None
    assert [one.basis for one in sample.readings] == ["PAYNE", "TOTAL"]
    assert alerts_of(judge(ca_high.RULE, drawn.series.results()), "CA_HIGH")[0].severity == "CRITICAL"
