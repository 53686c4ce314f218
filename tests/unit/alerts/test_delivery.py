"""When an alert may be sent: at once, or in the morning of a working day (behaviour 4)."""

from __future__ import annotations

import pytest

from alerts.rules import RULES
from tests.golden.courses import COURSES
from tests.golden.told import alerts_of_course

MORNING = {"BIO", "LC_ESCAPE", "CR_LOST", "SMM_EVOLVING_M", "SMM_EVOLVING_HB", "MYELOMA_DEFINING_EVENT", "REN_DECLINE", "STALE",
           "HB_IMWG", "HB_DROP"}  # fmt: skip
"""HIGH of these waits; of the others (calcium, kidney, potassium, viscosity, neutrophils, wrong specimen) it does not."""


@pytest.mark.parametrize("course", COURSES, ids=[course.name for course in COURSES])
def test_critical_at_once_medium_and_below_in_the_morning_high_by_its_rule(course) -> None:
    alert = [alert for alert in alerts_of_course(course) if alert.rule == course.rule][-1]
    if alert.severity != "HIGH":
        assert alert.delivery == ("now" if alert.severity == "CRITICAL" else "working_hours")
    elif course.rule == "HB_HALO":
        assert alert.value is not None
        assert alert.delivery == ("now" if alert.value < 80 else "working_hours")
    else:
        assert alert.delivery == ("working_hours" if course.rule in MORNING else "now")


def test_the_list_names_rules_that_exist() -> None:
    assert {rule.name for rule in RULES} >= MORNING
