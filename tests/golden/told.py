"""What is told of a made-up course, as it stands in `courses/NAME.json`. Run as a module it renews the files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from alerts.alert import AlertState
from alerts.condition import Node
from alerts.evaluate import evaluate
from alerts.explaining import explain
from alerts.logic import Interval
from alerts.result import Result
from tests.builders import ORIGIN, view
from tests.golden.courses import COURSES, Course

FOLDER = Path(__file__).parent / "courses"


def told(course: Course) -> str:
    """The course and its newest alert of the rule, with every text; other alerts by name only."""
    alerts = alerts_of_course(course)
    ours = [alert for alert in alerts if alert.rule == course.rule]
    if not ours:
        raise AssertionError(f"{course.name}: no alert of {course.rule}; {[a.level for a in alerts]}")
    others = sorted(f"{a.level} {a.severity}" for a in alerts if a.rule != course.rule)
    said = {
        "made_up_course": _course(course), "alert": _alert(ours[-1]), "reasons": _tree(course, ours[-1].reasons),
        "other_alerts": others,
    }  # fmt: skip
    return json.dumps(said, ensure_ascii=False, indent=1) + "\n"


def alerts_of_course(course: Course) -> tuple[AlertState, ...]:
    """All alerts that the course makes; AssertionError when a rule raises."""
    now = {} if course.as_of is None else {"as_of": course.as_of}
    outcome = evaluate(view(course.results, context=course.known, **now))
    if outcome.failed:
        raise AssertionError(f"{course.name}: {outcome.failed}")
    return outcome.alerts


def _course(course: Course) -> list[str]:
    values = [f"{_hour(r)}: {r.analyte} {r.comparator or ''}{r.value} {r.unit}" for r in course.results]
    return values + [
        f"{f.kind} {f.code} {f.start:%Y-%m-%d}" if f.start else f"{f.kind} {f.code}" for f in course.known.facts
    ]


def _tree(course: Course, node: Node, depth: int = 0) -> list[str]:
    """The tree that is the explanation, a line a node: truth, name, operator, limit, what was measured, and from what."""
    asked = f"{node.operator} {node.threshold} {node.unit} [{node.limit}]" if node.kind == "compare" else node.kind
    actual = f"is {_span(node.actual)}" if node.actual else ""
    used = [f"{r.analyte}@{_hour(r)}" for r in course.results if r.result_id in node.results]
    words = (str(node.truth), node.name, asked, actual, node.method, f"from {' '.join(used)}" if used else "")
    line = "  " * depth + " ".join(word for word in words if word)
    return [line, *(below for child in node.children for below in _tree(course, child, depth + 1))]


def _span(actual: Interval) -> str:
    if actual.low == actual.high:
        return str(actual.low)
    high = "infinity" if actual.high is None else actual.high
    return f"{'[' if actual.low_closed else '('}{actual.low}, {high}{']' if actual.high_closed else ')'}"


def _hour(result: Result) -> str:
    return f"{(result.collected_at - ORIGIN).total_seconds() / 3600:g}h"


def _alert(alert: AlertState) -> dict[str, Any]:
    explained = explain(alert)
    return {
        "rule": alert.rule, "level": alert.level, "severity": str(alert.severity), "condition": alert.condition,
        "flags": list(alert.flags), "facts": dict(sorted(alert.facts.items())), "summary": alert.summary,
        "sms": explained["sms"], "sentences": explained["sentences"], "disclaimer": explained["disclaimer"],
    }  # fmt: skip


def main() -> None:
    """Write every file anew; `git diff tests/golden` shows what a reviewer must read."""
    for old in FOLDER.glob("*.json"):
        old.unlink()
    for course in COURSES:
        (FOLDER / f"{course.name}.json").write_text(told(course), "utf-8")


if __name__ == "__main__":
    main()
