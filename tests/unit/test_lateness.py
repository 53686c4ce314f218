"""Late results, and what the data steward is asked: pure parts of the ledger on made-up series."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest

from alerts.result import Result
from alerts.series import Series
from services.ledger.lateness import is_late
from services.ledger.querying import dilutions, pages, questions
from services.mapping.report import map_report
from tests.builders import context, days, fact, hours, result, view
from tests.unit.reports import report
from tests.unit.reports import result as reported


def known(*results: Result) -> Series:
    return Series().merge(results)


@pytest.mark.parametrize(
    ("collected", "received", "late"),
    [
        (days(0), days(7), False), (days(0), days(7) + timedelta(seconds=1), True),
        (days(3), days(4.5), False), (days(1), days(4), True), (days(1), days(1.2), False),
    ],
)  # fmt: skip
def test_late_is_after_a_newer_one_or_more_than_seven_days(collected: datetime, received: datetime, late: bool) -> None:
    newer = result("ca", "2.4", days(2), received=days(2.1))
    one = result("ca", "2.9", collected, received=received)
    series = known(one) if collected == days(0) else known(newer, one)
    assert is_late(series, one) is late


def asked(*story: Result, **more: object) -> set[str]:
    """Flags the last result of the story makes the steward be asked about."""
    before = known(*story[:-1])
    return {t.key.split(":")[0] for t in questions(before, before.merge(story[-1:]), story[-1:], 7)}


def ca(value: str | None, status: str = "F", at: float = 1, collected: float = 0, **more: object) -> Result:
    return result("ca", value, hours(collected), slot="S", status=status, version=hours(at), **more)  # type: ignore[arg-type]  # by name


def test_each_question_is_asked_once_when_it_arises() -> None:
    assert asked(ca("2.4")) == set()
    assert asked(ca("2.4"), ca("2.9", at=2)) == {"silent_correction"}
    assert asked(ca("2.4"), ca("2.9", at=2), ca("2.9", "C", at=3)) == set()
    assert asked(ca("2.4"), ca("2.9", collected=4, at=5)) == {"slot_conflict"}
    assert asked(ca("2.4"), ca("2.9")) == {"version_conflict"}
    assert asked(ca("2.4", "C")) == {"correction_without_original"}
    assert asked(ca(None, "U")) == set(), "a lone U says nothing until the preliminary is known to be missing"
    assert asked(ca("2.4"), ca(None, "U", at=2)) == {"status_change_without_preliminary"}
    assert asked(ca("2.4"), ca(None, "W", at=2)) == {"expect_right_patient"}
    back = ca("2.4", at=3, version_time_from="MSH-7")
    assert asked(ca("2.4"), ca(None, "D", at=2), back) == {"reinstated_held"}
    assert asked(ca(None, flags=("unparsed",))) == {"unparsed"}


def test_a_question_names_laboratory_and_analyte_and_no_patient_data() -> None:
    before = known(ca("2.4"))
    (one,) = questions(before, before.merge([ca("2.9", at=2)]), [ca("2.9", at=2)], 7)
    assert one.key == "silent_correction:LAB:ca"
    assert (one.kind, one.patient_id) == ("data_steward", 7)
    assert "HOSP" not in one.detail
    assert "2.9" not in one.detail


def test_a_held_value_that_may_be_urgent_calls_the_steward_once_a_message() -> None:
    sent = report(reported("2000-8", "13.9", ""), reported("2823-3", "6.2", "", filler_order="O-2"))
    (call,) = pages(sent, map_report(sent).quarantined, 7)
    assert (call.kind, call.severity, call.patient_id) == ("steward_page", "CRITICAL", 7)
    assert "unit_missing" in call.detail
    assert "13.9" not in call.detail
    calm = report(reported("2823-3", "4.2", ""))
    assert pages(calm, map_report(calm).quarantined, 7) == []
    old = msgspec.structs.replace(sent, purpose="history")
    assert pages(old, map_report(old).quarantined, 7) == [], "history never calls anybody"


def test_a_light_chain_that_fell_without_therapy_is_a_call_for_dilution() -> None:
    before, now = result("flck", "1000", days(0)), result("flck", "50", days(7))
    untreated = context(fact("state", days(-9), value="off_treatment"))
    (call,) = dilutions(view(before, now, context=untreated), [now], 7)
    assert (call.kind, call.severity) == ("data_steward", "HIGH")
    assert dilutions(view(before, now, context=untreated), [before], 7) == []
    assert dilutions(view(before, now), [now], 7) == [], "where therapy is unknown it is shown, not called"


def test_the_same_order_number_of_another_patient_is_another_slot() -> None:
    """Recycled order numbers: identities are of the patient, so neither touches the other."""
    one, other = (
        map_report(report(reported("2000-8", "2.4", "mmol/L"), id=name)).results[0] for name in ("MADEUP|1", "MADEUP|2")
    )
    assert one.slot != other.slot
    assert one.result_id != other.result_id
