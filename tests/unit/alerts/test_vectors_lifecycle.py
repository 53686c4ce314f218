"""lifecycle.csv through series, rules, comparing by id and deciding: what holds after each event and who is told.

Stories of mapping (quarantine), of the clock (STALE) and of merged records belong to the ledger's tests.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from alerts.alert import AlertState
from alerts.deciding import Cause, Kind, Told, decide
from alerts.evaluate import evaluate
from alerts.lifecycle import ending
from alerts.result import Result
from alerts.rules import RULES
from alerts.series import Series
from tests.builders import days, result, vectors, view

ELSEWHERE = ("quarantine", "tick", "merge")
ROWS = [r for r in vectors("lifecycle") if not any(w in r["events"] + r["expected_flags"] for w in ELSEWHERE)]
HAEMOLYSED = {"haemolysed": ("haemolysed",)}


def version(text: str) -> Result:
    """One event of the story as a result."""
    said = dict(pair.split("=", 1) for pair in text.split())
    collected, arrival = days(said["c"]), days(said["t"])
    flags = ("date_only",) if said.get("dateonly") else HAEMOLYSED.get(said.get("cmt", ""), ())
    return result(
        said["an"], said.get("v"), collected, status=said["st"], slot=f"{said['sp']}-{said['an']}", specimen=said["sp"],
        version=days(said["l"]) if "l" in said else arrival, received=arrival, method=said.get("m", ""), flags=flags,
        reference=("59", "104") if said["an"] == "creat" else (None, None),
    )  # fmt: skip


class Story:
    """A patient's alerts of one rule as they were after the last event, and who was told what."""

    def __init__(self, rule: str) -> None:
        self.rules = [r for r in RULES if r.name == rule]
        self.series, self.alerts = Series(), dict[str, AlertState]()
        self.told = dict[str, Told]()
        self.notified = self.closed = 0

    def add(self, one: Result) -> str:
        """The word of `expected_history` after the event."""
        now, corrected = one.received_at, one.status in "CADW"
        self.series = self.series.merge([one])
        found = evaluate(view(self.series.results()), self.rules, derived=False)
        assert found.failed == {}
        states = {alert.alert_id: alert for alert in found.alerts}
        gone = [alert for key, alert in self.alerts.items() if key not in states]
        for alert in gone:
            self._tell(alert, "retracted", corrected, now)
        for key, alert in states.items():
            if self.alerts.get(key) != alert:
                kind: Kind = "updated" if key in self.alerts else "reopened" if key in self.told else "opened"
                self._tell(alert, kind, corrected, now)
        self.alerts = states
        return self._word(gone)

    def _tell(self, alert: AlertState, kind: Kind, corrected: bool, now: datetime) -> None:
        cause: Cause = "correction" if corrected else "sample"
        decision = decide(self.told.get(alert.alert_id), alert, kind, now=now, cause=cause)
        if not decision.send:
            return
        if decision.only_told:
            self.closed += 1
            return
        self.notified += 1
        self.told[alert.alert_id] = Told(
            at=now, severity=alert.severity, level=alert.level, value=alert.value, analyte=alert.analyte
        )

    def _word(self, gone: list[AlertState]) -> str:
        active = [alert for alert in self.alerts.values() if alert.condition == "active"]
        if active:
            return f"{active[-1].severity}{'_PRELIM' if 'preliminary' in active[-1].flags and self._waiting() else ''}"
        told = [alert for alert in gone if alert.alert_id in self.told]
        return ending(told[0], self.series).upper() if told else "NONE"

    def _waiting(self) -> bool:
        return bool(self.series.preliminary_analytes)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['id']} {row['note']}")
def test_every_lifecycle_vector_of_the_pure_core(row: dict[str, str]) -> None:
    story = Story(row["rule_family"])
    assert story.rules, row["rule_family"]
    history = [story.add(version(event)) for event in row["events"].split(" ; ")]
    expected = row["expected_history_a"].split(" > ")
    assert history == expected
    assert (story.notified, story.closed) == (
        int(row["expected_alert_notifications"]), int(row["expected_closing_notices"]),
    )  # fmt: skip


def test_a_wrong_patients_value_ends_as_such() -> None:
    story = Story("CA_HIGH")
    wrong = result("ca_adj", "3.6", slot="S")
    assert story.add(wrong) == "CRITICAL"
    gone = result("ca_adj", None, slot="S", status="W", version=wrong.version_time + timedelta(hours=1))
    assert story.add(gone) == "RETRACTED_WRONG_PATIENT"
