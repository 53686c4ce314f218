"""The golden files: for each level and severity of every rule a made-up course with what is told of it.

A difference is a change of what people read: look at it, then renew with `python -m tests.golden.told`.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import random
import re
from types import ModuleType

import pytest

from alerts.counterfactual import leaves
from alerts.evaluate import evaluate
from alerts.explaining import PARTS
from alerts.result import Result
from alerts.rule import Rule
from alerts.rules import RULES
from alerts.severity import Severity
from alerts.wording import LANGUAGES, catalogue, pager
from alerts.wording.sms import septets
from tests.builders import hours, result, view
from tests.golden.courses import COURSES, Course
from tests.golden.told import FOLDER, alerts_of_course, told
from tests.unit.alerts.test_memo import CONTEXTS, TOGETHER, VALUES
from tests.unit.alerts.test_wording import BANNED, GSM7

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
def test_the_pager_says_severity_and_finding_first_and_what_fits(course: Course) -> None:
    said = json.loads(told(course))["alert"]
    for language, text in said["sms"].items():
        assert septets(text) <= 160
        assert set(text) <= GSM7, text
        assert not BANNED.search(text), text
        severity = pager(catalogue(language).text(f"severity.{course.severity}"))
        assert text.startswith(f"HALO {severity}: ")
        assert len(text.split(",")[0]) <= 40 or course.rule in {"STALE", "SPECIMEN_MISMATCH"}, text
        assert catalogue(language).text("sample", when="") in text or course.rule == "STALE"


@pytest.mark.parametrize("course", COURSES, ids=NAMES)
def test_every_condition_has_a_name_in_words(course: Course) -> None:
    """Else its own name would stand in the middle of a Slovene sentence."""
    names = {leaf.name for alert in alerts_of_course(course) for leaf in leaves(alert.reasons)}
    bare = {name.removesuffix(next((part for part in PARTS if name.endswith(part)), "")) for name in names}
    for language in LANGUAGES:
        words = catalogue(language)
        unnamed = {n for n in names & bare if f"name.{n}" not in words and f"analyte.{n}" not in words}
        assert unnamed == set(), language


def _severities(rule: Rule) -> set[str]:
    """Every severity that the rule's file, or a helper it imports, can give: read from the code, not from memory."""
    module = importlib.import_module(f"alerts.rules.{rule.name.lower()}")
    own, helpers = _named(module), [_named(helper) for helper in _helpers(module)]
    return own.union(*helpers)


SHARED = {
    "alerts.severity",
    "alerts.preliminary",
    "alerts.evaluate",
    "alerts.deciding",
    "alerts.pseudohypercalcaemia",
    "alerts.chronic",
}
"""Speak of severities but give none of their own; quiet calcium is the INFO of its rule."""
ASKED_OF_ANOTHER = {"K_REPEAT": {"CRITICAL"}}
"""The severity that the potassium would have, of which the rule gives the next lower one."""


def _helpers(module: ModuleType) -> list[ModuleType]:
    imported = (node.module or "" for node in ast.walk(_tree(module)) if isinstance(node, ast.ImportFrom))
    names = {name for name in imported if name.startswith("alerts.") and not name.startswith("alerts.rules")}
    return [importlib.import_module(name) for name in sorted(names - SHARED)]


def _named(module: ModuleType) -> set[str]:
    found = (node for node in ast.walk(_tree(module)) if isinstance(node, ast.Attribute))
    return {node.attr for node in found if isinstance(node.value, ast.Name) and node.value.id == "Severity"} & set(
        Severity
    )


def _tree(module: ModuleType) -> ast.Module:
    return ast.parse(inspect.getsource(module))


@pytest.mark.parametrize("rule", RULES, ids=[rule.name for rule in RULES])
def test_every_severity_that_a_rule_can_give_has_a_course(rule: Rule) -> None:
    told_of = {course.severity for course in COURSES if course.rule == rule.name}
    assert _severities(rule) - ASKED_OF_ANOTHER.get(rule.name, set()) <= told_of


def test_every_level_and_every_flag_that_has_words_has_a_course() -> None:
    said = [json.loads(path.read_text("utf-8"))["alert"] for path in FOLDER.glob("*.json")]
    told_of = {f"level.{alert['level']}" for alert in said} | {
        f"flag.{flag}" for alert in said for flag in alert["flags"]
    }
    worded = {key for key in catalogue("en").keys if key.startswith(("level.", "flag."))}
    assert worded - told_of == set()


def test_no_made_up_patient_gets_an_alert_of_a_kind_that_has_no_course() -> None:
    """A few hundred random people: whatever level and severity comes out was reviewed."""
    told_of = {(course.rule, course.level, course.severity) for course in COURSES}
    chance, found = random.Random(4), set()
    for _ in range(300):
        known = chance.choice(CONTEXTS)
        outcome = evaluate(view(_person(chance), context=known))
        found |= {(a.rule, a.level, str(a.severity)) for a in outcome.alerts}
    assert found - told_of == set()
    assert len(found) > len(RULES)


def _person(chance: random.Random) -> list[Result]:
    group = chance.choice(TOGETHER)
    one = [(chance.choice(group), hours(12 * chance.randint(0, 80))) for _ in range(chance.randint(2, 16))]
    return [result(analyte, chance.choice(VALUES[analyte]), at) for analyte, at in one]


def test_every_rule_has_a_course_and_every_file_a_course() -> None:
    assert {course.rule for course in COURSES} == {rule.name for rule in RULES}
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == sorted(NAMES)
    assert len(set(NAMES)) == len(NAMES)
