"""The winner of a slot: obx11_status.csv as far as a fold shows it, and the rules of result life cycle 1 and 2."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.result import Result, Status
from alerts.series import Series
from alerts.version import Measurement, fold, waited
from tests.builders import hours, result, vectors

SLOT = "S1"
FHIR = {
    "final": "F", "preliminary": "P", "corrected": "C", "amended": "A", "cancelled": "D", "entered-in-error": "W",
    "registered": "I",
}  # fmt: skip


def version(status: str, value: str | None, at: float, *, own_time: bool = True, **more: Any) -> Result:
    """A version of one slot; `at` is its version time in hours after collection."""
    return result(
        "ca", value, hours(0), slot=SLOT, status=status, version=hours(at),
        version_time_from="OBR-22" if own_time else "MSH-7", **more,
    )  # fmt: skip


def only(*versions: Result) -> Measurement:
    (one,) = fold(versions)
    return one


def brief(one: Measurement) -> tuple[str, str, bool]:
    """Status and value of the winner, and whether the rules may use it."""
    return str(one.winner.status), str(one.winner.value), one.countable


STATUSES = [row for row in vectors("obx11_status") if FHIR.get(row["status"], row["status"]) in set(Status)]
VALUED = set("FCAPRS")


@pytest.mark.parametrize(
    "row", STATUSES, ids=lambda row: f"{row['id']} {row['status']} after {row['current_status'] or 'nothing'}"
)
def test_every_status_vector(row: dict[str, str]) -> None:
    status = FHIR.get(row["status"], row["status"])
    time = {"earlier": 1.0, "same": 2.0}.get(row["lis_time_vs_current"], 3.0)
    value = ("2.90" if row["same_content_as_current"] == "yes" else "2.50") if status in VALUED else None
    incoming = version(status, value, time, received=hours(9))
    current = row["current_status"]
    known = [version(current, "2.90" if current in VALUED else None, 2.0)] if current else []
    one = only(*known, incoming)
    expected = {
        "new_version": (status, True), "tombstone": ("D", False), "tombstone_wrong_patient": ("W", False),
        "no_value": ("X", False), "pending": ("I", False), "none": (status, False),
        "promote_current_to_final": ("P", True),
    }.get(row["expected_store"], (current, current in VALUED))  # fmt: skip
    assert (str(one.winner.status), one.countable) == expected
    assert one.preliminary == (row["expected_rules"] == "critical_only")
    said_by_a_fold = {
        "preliminary", "silent_correction", "reinstated", "expect_right_patient", "correction_without_original",
        "status_change_without_preliminary", "late_preliminary", "superseded_on_arrival",
    }  # fmt: skip
    wanted = set(row["expected_flags"].split()) & said_by_a_fold
    assert wanted <= set(one.flags)
    assert not (set(one.flags) & {"late_preliminary", "superseded_on_arrival"} - wanted)


def test_rank_decides_between_equal_times() -> None:
    for better, worse in (("C", "F"), ("A", "F"), ("D", "C"), ("W", "A"), ("F", "P")):
        one = only(version(worse, "2.9", 1), version(better, None if better in "DW" else "2.5", 1))
        assert one.winner.status == better


def test_a_final_beats_every_preliminary_whatever_the_times() -> None:
    assert brief(only(version("F", "2.9", 1), version("P", "7.0", 9))) == ("F", "2.9", True)


def test_u_promotes_the_newest_preliminary_not_younger_than_itself() -> None:
    older, newer, after = version("P", "2.7", 1), version("P", "2.8", 2), version("P", "2.9", 4)
    promoted = only(older, newer, version("U", None, 3), after)
    assert brief(promoted) == ("P", "2.8", True)
    assert not promoted.preliminary
    assert promoted.flags == ("late_preliminary", "preliminary")


def test_u_does_not_beat_a_correction_or_a_deletion() -> None:
    assert brief(only(version("P", "2.7", 1), version("C", "2.5", 2), version("U", None, 3))) == ("C", "2.5", True)
    assert not only(version("P", "2.7", 1), version("D", None, 2), version("U", None, 3)).countable


def test_a_bare_annotation_never_brings_a_value() -> None:
    for status in "BVUXION":
        assert not only(version(status, "2.9", 1)).countable


def test_the_first_sighting_stays_when_the_same_is_said_again() -> None:
    one = only(version("F", "2.9", 1), version("F", "2.9", 5))
    assert (one.winner.version_time, one.flags) == (hours(1), ())


def test_after_a_deletion_a_final_counts_only_with_a_time_of_its_own() -> None:
    deleted = [version("F", "2.9", 1), version("D", None, 2)]
    back = only(*deleted, version("F", "2.8", 3))
    assert (brief(back), back.flags) == (("F", "2.8", True), ("reinstated",))
    held = only(*deleted, version("F", "2.8", 3, own_time=False))
    assert (held.countable, held.flags) == (False, ("reinstated_held",))


def test_after_wrong_patient_nothing_comes_back_and_no_deletion_covers_it() -> None:
    withdrawn = [version("F", "2.9", 1), version("W", None, 2)]
    assert only(*withdrawn, version("F", "2.8", 3)).flags == ("expect_right_patient", "reinstated_held")
    for later in (["D"], ["D", "F"], ["C"], ["F"]):
        more = [version(status, None if status == "D" else "2.8", 3 + n) for n, status in enumerate(later)]
        assert only(*withdrawn, *more).winner.status == "W"


def test_a_day_replayed_with_new_message_times_changes_nothing() -> None:
    first = [version("F", "2.80", 1, own_time=False), version("C", "2.60", 2, own_time=False)]
    again = [version("F", "2.80", 30, own_time=False), version("C", "2.60", 29, own_time=False)]
    assert only(*first, *again).winner == first[1]


def test_corrected_and_corrected_back_is_followed_when_the_laboratory_says_when() -> None:
    story = [version("F", "2.80", 1), version("C", "2.60", 2), version("C", "2.80", 3)]
    assert brief(only(*story)) == ("C", "2.80", True)


def test_equal_rank_and_time_with_other_words_is_a_conflict_for_the_steward() -> None:
    assert only(version("F", "2.9", 1), version("F", "2.8", 1)).flags == ("version_conflict",)
    assert "version_conflict" in only(version("C", "2.9", 1), version("A", "2.8", 1)).flags
    assert only(version("D", None, 1), version("W", None, 1)).winner.status in ("D", "W")


def test_finals_of_two_collections_in_one_slot_are_two_measurements() -> None:
    one = result("ca", "2.9", hours(0), slot=SLOT)
    two = result("ca", "2.8", hours(5), slot=SLOT)
    fix = result("ca", "2.5", hours(5), slot=SLOT, status="C", version=hours(9))
    found = fold([one, two, fix])
    assert [(m.winner.collected_at, str(m.winner.value)) for m in found] == [(hours(0), "2.9"), (hours(5), "2.5")]
    assert all("slot_conflict" in m.flags for m in found)


def test_a_correction_may_move_the_collection_time_of_the_only_measurement() -> None:
    moved = result("ca", "2.9", hours(-2), slot=SLOT, status="C", version=hours(9))
    one = only(result("ca", "2.9", hours(0), slot=SLOT), moved)
    assert one.winner == moved


@given(st.lists(st.tuples(st.sampled_from("FCADWPRSUBVXI"), st.sampled_from(["2.5", "2.9"]), st.integers(1, 4), st.booleans()), max_size=6), st.randoms())  # fmt: skip
def test_the_order_of_arrival_never_matters(said: list[tuple[str, str, int, bool]], chance: Any) -> None:
    versions = [version(s, v if s in VALUED else None, t, own_time=own) for s, v, t, own in said]
    shuffled = list(versions)
    chance.shuffle(shuffled)
    assert fold(versions) == fold(shuffled)


def test_all_orders_of_a_correction_story_end_alike() -> None:
    story = [version("P", "7.0", 0), version("F", "2.9", 1), version("C", "2.5", 2), version("D", None, 3)]
    assert len({fold(order) for order in permutations(story)}) == 1


def test_withdrawn_measurements_are_never_countable() -> None:
    for status in "DW":
        one = only(version("F", "2.9", 1), version(status, "2.9", 2))
        assert (one.withdrawn, one.countable) == (True, False)


def test_time_of_a_version_is_the_laboratorys_and_not_that_of_arrival() -> None:
    late = version("F", "2.8", 1, received=hours(90))
    correction = version("C", "2.5", 2, received=hours(3))
    assert only(correction, late).winner == correction
    assert late.received_at - correction.received_at == timedelta(hours=87)


def test_what_became_of_other_versions_is_not_said_of_the_value() -> None:
    late = [version("F", "2.9", 2), version("P", "7.0", 3), version("F", "2.5", 1, received=hours(9))]
    assert set(only(*late).flags) == {"late_preliminary", "superseded_on_arrival", "silent_correction"}
    assert Series().merge(late).points("ca")[0].flags == ("silent_correction",)


def test_an_attempt_and_a_result_that_is_awaited_say_so() -> None:
    assert only(version("X", None, 1)).flags == ("attempted_only",)
    assert only(version("I", None, 1)).flags == ("pending",)
    assert only(version("I", None, 1), version("X", None, 2)).flags == ("attempted_only",)
    assert only(version("X", None, 1), version("F", "2.9", 2)).flags == ()


def test_an_annotation_alone_is_neither_tried_nor_awaited() -> None:
    assert only(version("V", None, 1)).flags == ()


def test_a_preliminary_of_the_time_of_its_final_is_not_late() -> None:
    assert only(version("F", "2.9", 2), version("P", "7.0", 2)).flags == ()
    assert only(version("P", "2.7", 1), version("P", "2.8", 2)).flags == ("preliminary",)


def test_each_status_message_promotes_its_own_preliminary_also_of_its_own_time() -> None:
    story = [version("P", "2.7", 1), version("U", None, 1), version("P", "2.8", 2), version("U", None, 3)]
    one = only(*story)
    assert (brief(one), one.preliminary, one.flags) == (("P", "2.8", True), False, ("preliminary",))
    assert brief(only(*story[:2], version("P", "7.0", 9))) == ("P", "2.7", True), "the later one is not promoted"


def test_a_time_of_analysis_is_a_time_of_its_own_too() -> None:
    deleted = [version("F", "2.9", 1), version("D", None, 2)]
    again = result("ca", "2.8", hours(0), slot=SLOT, version=hours(3), version_time_from="OBX-19")
    assert only(*deleted, again).flags == ("reinstated",)


def test_other_words_of_the_same_status_are_news_also_without_a_time_of_their_own() -> None:
    story = [version("F", "2.80", 1, own_time=False), version("C", "2.60", 2, own_time=False)]
    assert brief(only(*story, version("C", "2.70", 3, own_time=False))) == ("C", "2.70", True)
    assert brief(only(*story, version("A", "2.60", 3, own_time=False))) == ("A", "2.60", True)


DAY = 24.0


def electrophoresis(status: str, at: float, value: str | None = None, **more: Any) -> Result:
    return result("mspike", value, hours(0), slot="M1", status=status, version=hours(at), **more)


@pytest.mark.parametrize(
    ("story", "since", "until"),
    [
        ([("I", 1)], 1, None), ([("I", -2)], 0, None), ([("I", 1), ("F", 1 + 5 * DAY)], 1, 1 + 5 * DAY),
        ([("P", 2), ("I", 3), ("F", 9 * DAY), ("C", 10 * DAY)], 2, 9 * DAY), ([("I", 1), ("X", 6 * DAY)], 1, 6 * DAY),
        ([("P", 1), ("U", 6 * DAY)], 1, 6 * DAY), ([("I", 1), ("D", 6 * DAY)], 1, 6 * DAY), ([("S", 1), ("P", 6 * DAY)], 1, None),
    ],
)  # fmt: skip
def test_how_long_an_order_was_without_a_result(
    story: list[tuple[str, float]], since: float, until: float | None
) -> None:
    versions = [electrophoresis(status, at, "20" if status in VALUED else None) for status, at in story]
    wait = waited(versions)
    assert wait is not None
    assert (wait.since, wait.until) == (hours(since), None if until is None else hours(until))
    assert wait.result.status == story[0][0]


@pytest.mark.parametrize("story", [[("I", 1), ("F", 5 * DAY)], [("F", 1)], [("F", 1), ("C", 9 * DAY)], [("V", 1)], []])
def test_a_wait_that_was_never_long_is_none(story: list[tuple[str, float]]) -> None:
    assert waited(electrophoresis(status, at, "20" if status in VALUED else None) for status, at in story) is None


def test_a_preliminary_answers_where_the_test_is_finished_with_it_and_a_pending_final_never() -> None:
    """An electrophoresis is not finished while preliminary; a calcium is measured."""
    ordered = version("I", None, 1)
    assert waited([ordered, version("P", "2.9", 6 * DAY)]) == waited([ordered, version("F", "2.9", 6 * DAY)])
    assert waited([version("P", "2.9", 1)]) is None
    later = [version("F", None, 6 * DAY, reason="pending"), version("F", "2.9", 7 * DAY)]
    wait = waited([ordered, *later])
    assert wait is not None
    assert wait.until == hours(7 * DAY)
