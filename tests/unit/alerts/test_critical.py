"""Which rules need two people to be switched off is what the golden courses say, rule by rule."""

from __future__ import annotations

from alerts.critical import CRITICAL_RULES
from alerts.severity import Severity
from tests.golden.courses import COURSES


def test_the_rules_that_can_say_critical_are_those_that_do() -> None:
    assert {course.rule for course in COURSES if course.severity == Severity.CRITICAL} == CRITICAL_RULES
