"""The golden files: for each level and severity of every rule a made-up course with what is told of it.

A difference is a change of what people read: look at it, then renew with `python -m tests.golden.told`.
"""

from __future__ import annotations

import json
import re

import pytest

from alerts.counterfactual import leaves
from alerts.explaining import PARTS
from alerts.rules import RULES
from alerts.wording import LANGUAGES, catalogue
from tests.golden.courses import COURSES, Course
from tests.golden.told import FOLDER, alerts_of_course, told

NAMES = [course.name for course in COURSES]


@pytest.mark.parametrize("course", COURSES, ids=NAMES)
def test_what_is_told_is_what_was_reviewed(course: Course) -> None:
    stored = (FOLDER / f"{course.name}.json").read_text("utf-8")
    assert told(course) == stored, "read the difference, then: python -m tests.golden.told"


@pytest.mark.parametrize("course", COURSES, ids=NAMES)
def test_it_is_the_alert_that_the_course_stands_for(course: Course) -> None:
    said = json.loads(told(course))["alert"]
    assert (said["rule"], said["level"], said["severity"]) == (course.rule, course.level, course.severity)


@pytest.mark.parametrize("course", COURSES, ids=NAMES)
def test_texts_are_short_whole_and_in_their_language(course: Course) -> None:
    said = json.loads(told(course))["alert"]
    for language, text in said["summary"].items():
        assert 10 < len(text) < 140
        assert not re.search(r"[{}_]|\bNone\b|\bNaN\b", text)
        sentences = " ".join(said["sentences"][language])
        assert not re.search(r"[{}]|\bNone\b|\bNaN\b", sentences)
        assert not (language == "sl" and re.search(r"\d\.\d", text)), "a decimal point in Slovene"


@pytest.mark.parametrize("course", COURSES, ids=NAMES)
def test_every_condition_has_a_name_in_words(course: Course) -> None:
    """Else its own name would stand in the middle of a Slovene sentence."""
    names = {leaf.name for alert in alerts_of_course(course) for leaf in leaves(alert.reasons)}
    bare = {name.removesuffix(next((part for part in PARTS if name.endswith(part)), "")) for name in names}
    for language in LANGUAGES:
        words = catalogue(language)
        unnamed = {n for n in names & bare if f"name.{n}" not in words and f"analyte.{n}" not in words}
        assert unnamed == set(), language


def test_every_rule_has_a_course_and_every_file_a_course() -> None:
    assert {course.rule for course in COURSES} == {rule.name for rule in RULES}
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == sorted(NAMES)
    assert len(set(NAMES)) == len(NAMES)
