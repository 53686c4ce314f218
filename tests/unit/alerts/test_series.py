"""Series: merge is commutative, associative and idempotent; points by collection time; near-duplicates; look-backs."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from alerts.result import Result
from alerts.series import Series
from tests.builders import hours, points, result

DAY = timedelta(hours=24)


@st.composite
def reports(draw: st.DrawFn) -> list[Result]:
    """Versions of a few slots of two analytes, among them repeats seen at another time."""
    found = []
    for _ in range(draw(st.integers(0, 8))):
        analyte, hour = draw(st.sampled_from(["ca", "alb"])), draw(st.integers(0, 3))
        status = draw(st.sampled_from("FFCDWPU"))
        value = draw(st.sampled_from(["2.5", "2.9"])) if status in "FCP" else None
        version = hours(draw(st.integers(0, 3)))
        one = result(
            analyte, value, hours(hour), slot=f"{analyte}{draw(st.integers(0, 2))}", status=status, version=version
        )
        found.append(msgspec.structs.replace(one, received_at=hours(draw(st.integers(0, 5)))))
    return found


def seen(series: Series) -> tuple[object, ...]:
    """Everything that anybody can read of a series."""
    return (
        series.results(),
        [series.measurements(analyte) for analyte in ("ca", "alb")],
        [series.points(analyte) for analyte in ("ca", "alb")],
    )


@given(reports(), st.randoms())
def test_merge_does_not_know_the_order_of_arrival(results: list[Result], chance: object) -> None:
    shuffled = list(results)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert seen(Series().merge(results)) == seen(Series().merge(shuffled))


@given(reports(), reports(), reports())
def test_merge_is_associative_and_batching_does_not_matter(a: list[Result], b: list[Result], c: list[Result]) -> None:
    at_once = seen(Series().merge([*a, *b, *c]))
    assert seen(Series().merge(a).merge(b).merge(c)) == at_once
    assert seen(Series().merge([*b, *c]).merge(a)) == at_once


@given(reports())
def test_merge_is_idempotent(results: list[Result]) -> None:
    once = Series().merge(results)
    assert seen(once.merge(results)) == seen(once)


@given(reports(), reports())
def test_a_series_is_never_changed(first: list[Result], second: list[Result]) -> None:
    series = Series().merge(first)
    before = seen(series)
    series.merge(second)
    assert seen(series) == before


def test_the_earlier_sighting_of_one_version_is_kept() -> None:
    one = result("ca", "2.9")
    again = msgspec.structs.replace(one, received_at=one.received_at - DAY)
    assert Series().merge([one, again]).results() == [again]
    assert Series().merge([again, one]).results() == [again]
    assert one in Series().merge([again])


def test_a_withdrawn_value_leaves_no_point_and_stays_a_measurement() -> None:
    gone = [result("ca", "2.9", slot="S"), result("ca", None, slot="S", status="D", version=hours(5))]
    series = Series().merge(gone)
    assert series.points("ca") == ()
    assert [m.withdrawn for m in series.measurements("ca")] == [True]


def test_near_duplicates_make_one_point_by_rank() -> None:
    bedside = result("hb", "90", slot="A", flags=("point_of_care",))
    bound = result("hb", "<100", slot="B")
    central = result("hb", "95", slot="C")
    preliminary = result("hb", "99", slot="D", status="P")
    (point,) = Series().merge([bedside, preliminary, bound, central]).points("hb")
    assert point.result == central
    assert point.others == (bound, bedside, preliminary)
    assert "near_duplicate" in point.flags


def test_the_total_ranks_above_a_single_band_and_the_measured_above_the_derived() -> None:
    band = result("mspike", "8", slot="A", flags=("single_band",))
    share = result("mspike", "19", slot="B", flags=("derived", "from_percent"))
    total = result("mspike", "20", slot="C")
    (point,) = Series().merge([band, share, total]).points("mspike")
    assert (point.result, point.others) == (total, (band, share))


def test_at_finds_the_exact_time_only() -> None:
    series = Series().merge(points("ca", "0:2.5 24:2.6"))
    found = series.at("ca", hours(24))
    assert found is not None
    assert found.result.value == result("ca", "2.6").value
    assert series.at("ca", hours(23)) is None


def test_before_includes_its_bound_and_leaves_out_the_sample_itself_and_preliminary_ones() -> None:
    series = Series().merge([*points("k", "0:4 24:5 48:6"), *points("k", "30:7", status="P")])
    assert [p.at for p in series.before("k", hours(48), within=2 * DAY)] == [hours(0), hours(24)]
    assert [p.at for p in series.before("k", hours(48), within=2 * DAY - timedelta(seconds=1))] == [hours(24)]
    assert [p.at for p in series.before("k", hours(48))] == [hours(0), hours(24)]


def test_newest_includes_the_moment_itself_and_its_bound() -> None:
    series = Series().merge([*points("k", "0:4 24:5"), *points("k", "40:7", status="P")])
    newest = series.newest("k", hours(48), within=DAY)
    assert newest is not None
    assert newest.at == hours(24)
    assert series.newest("k", hours(48.1), within=DAY) is None


def test_nearest_takes_the_same_draw_first_then_time_then_the_earlier() -> None:
    series = Series().merge([
        *points("alb", "-2:30 2:31"), *points("alb", "20:40", specimen="T1"), *points("alb", "1:99", status="P"),
    ])  # fmt: skip
    near = series.nearest("alb", hours(0), DAY)
    assert near is not None
    assert near.at == hours(-2)
    same = series.nearest("alb", hours(0), DAY, "T1")
    assert same is not None
    assert same.at == hours(20)
    early = series.nearest("alb", hours(0), DAY, preliminary=True)
    assert early is not None
    assert early.at == hours(1)
    assert series.nearest("alb", hours(44.1), DAY) is None
