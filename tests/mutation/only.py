"""A pytest plugin: of the tests that go through the golden courses only those of the rules named in HALO_RULES.

Every course asks every rule, so that else each mutant would meet each course.
"""

from __future__ import annotations

import os

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the courses of other rules."""
    rules = set(os.environ["HALO_RULES"].split(","))
    others = [item for item in items if _of_another(item, rules)]
    if rules != {""} and others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]


def _of_another(item: pytest.Item, rules: set[str]) -> bool:
    """Also the golden tests that look at all courses at once."""
    course = item.callspec.params.get("course") if hasattr(item, "callspec") else None
    return course.rule not in rules if course is not None else item.path.name == "test_golden.py"
