"""Stories of the result life cycle that the vectors do not tell, as HL7 messages through `halo evaluate`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.messages import Sent, day, evaluated, loinc

CALCIUM = Sent(
    patient="A", code=loinc("ca_adj"), value="3.20", unit="mmol/L", order="O1", specimen="S1", reported=day(0.1)
)
CREATININE = Sent(
    patient="A", code=loinc("creat"), value="80", unit="umol/L", order="C0", specimen="SC0", collected=day(-10),
    reported=day(-10), reference="59-104",
)  # fmt: skip


def told(folder: Path, *sent: Sent, patient: str = "A", options: tuple[object, ...] = ()) -> Any:
    return evaluated(folder, (one.message() for one in sent), *options)[patient]


def active(line: Any, rule: str) -> list[Any]:
    return [alert for alert in line["alerts"] if alert["rule"] == rule and alert["condition"] == "active"]


def test_another_patients_result_is_nowhere_once_it_is_withdrawn(tmp_path: Path) -> None:
    wrong = replace(CALCIUM, status="W", value="", reported=day(0.2))
    right = replace(CALCIUM, patient="B", reported=day(0.3))
    lines = evaluated(tmp_path, [one.message() for one in (CALCIUM, wrong, right)])
    assert (lines["A"]["results"], lines["A"]["alerts"], lines["A"]["derived"]) == ([], [], [])
    assert "3.2" not in str(lines["A"]).replace("2026", "")
    assert len(active(lines["B"], "CA_HIGH")) == 1
    again = replace(CALCIUM, reported=day(0.5))
    assert told(tmp_path, CALCIUM, wrong, again)["results"] == [], "it does not come back without a steward"


def test_an_order_number_used_again_for_another_patient_touches_nobody(tmp_path: Path) -> None:
    other = replace(CALCIUM, patient="B", value="2.30", status="C", reported=day(0.2))
    lines = evaluated(tmp_path, [CALCIUM.message(), other.message()])
    assert len(active(lines["A"], "CA_HIGH")) == 1
    assert lines["B"]["results"][0]["value"] == "2.3"


def test_an_order_number_used_again_for_the_same_patient_is_another_measurement(tmp_path: Path) -> None:
    later = replace(CALCIUM, value="2.30", collected=day(20), reported=day(20.1))
    line = told(tmp_path, CALCIUM, later)
    assert [r["value"] for r in line["results"]] == ["3.2", "2.3"]


def test_one_measurement_under_two_orders_is_one_alert_and_no_change(tmp_path: Path) -> None:
    line = told(tmp_path, CALCIUM, replace(CALCIUM, order="O2"))
    (alert,) = active(line, "CA_HIGH")
    assert len(line["results"]) == 2, "both are kept"
    assert "+0" not in alert["summary"]["en"]


SITE = """
[[code]]
code = "POCCREA"
analyte = "creat"
point_of_care = true
approved_by = ["Made-up One", "Made-up Two"]
"""


@pytest.mark.parametrize("first", ["laboratory", "bedside"])
def test_the_central_laboratory_speaks_before_the_bedside(tmp_path: Path, first: str) -> None:
    site = tmp_path / "site.toml"
    site.write_text(SITE)
    laboratory = replace(CREATININE, order="C1", specimen="SC1", value="100", collected=day(0), reported=day(0))
    bedside = replace(laboratory, code="POCCREA", order="C2", specimen="SC2", value="240")
    pair = (laboratory, bedside) if first == "laboratory" else (bedside, laboratory)
    line = told(tmp_path, CREATININE, *pair, options=("--site", site))
    assert len(line["results"]) == 3
    assert active(line, "REN_AKI") == [], "240 at the bedside does not count beside 100 from the laboratory"
    alone = told(tmp_path, CREATININE, bedside, options=("--site", site))
    assert len(active(alone, "REN_AKI")) == 1


def test_a_day_without_a_time_is_noon_and_stays_out_of_the_48_hours(tmp_path: Path) -> None:
    before = replace(CREATININE, value="100", collected=day(-1), reported=day(-1), date_only=True)
    after = replace(CREATININE, value="127", order="C1", specimen="SC1", collected=day(0), reported=day(0))
    line = told(tmp_path, before, after)
    assert line["results"][0]["collected_at"] == "2026-02-28T12:00:00Z"
    assert active(line, "REN_AKI") == []
    timed = told(tmp_path, replace(before, date_only=False), after)
    assert len(active(timed, "REN_AKI")) == 1


@pytest.mark.parametrize(
    ("words", "alerts"),
    [("> 3,40", ["CRITICAL"]), ("več kot 3,40", ["CRITICAL"]), ("nad 3.40", ["CRITICAL"]), ("pod 2,0", []),
     ("hemolizirano", []), ("verjetno 3,4", [])],
)  # fmt: skip
def test_slovene_words_make_the_alert_that_their_bound_makes(tmp_path: Path, words: str, alerts: list[str]) -> None:
    line = told(tmp_path, replace(CALCIUM, value=words))
    assert [alert["severity"] for alert in active(line, "CA_HIGH")] == alerts
    assert len(line["results"]) == 1


@pytest.mark.parametrize(
    ("condition", "comment", "flag"),
    [("HEM", "", "haemolysed"), ("", "vzorec je hemoliziran", "haemolysed"), ("", "lipaemic", "lipaemic"),
     ("CLOT", "", "clotted_specimen"), ("Q9", "", "specimen_condition")],
)  # fmt: skip
def test_what_is_known_against_the_specimen_stands_on_the_alert(
    tmp_path: Path, condition: str, comment: str, flag: str
) -> None:
    line = told(tmp_path, replace(CALCIUM, condition=condition, comment=comment))
    assert flag in active(line, "CA_HIGH")[0]["flags"]


def test_a_time_in_the_future_is_held_and_taken_when_it_has_come(tmp_path: Path) -> None:
    ahead = replace(CALCIUM, collected=day(0.5))
    held = told(tmp_path, ahead)
    assert [item["reason"] for item in held["quarantined"]] == ["collected_in_future"]
    assert held["alerts"] == []
    early = told(tmp_path, ahead, options=("--now", "2026-03-01T19:44:59Z"))
    assert len(early["quarantined"]) == 1
    due = told(tmp_path, ahead, options=("--now", "2026-03-01T19:45:00Z"))
    assert (due["quarantined"], len(active(due, "CA_HIGH"))) == ([], 1)


def test_not_obtained_and_awaited_say_nothing_of_the_value_that_is_there(tmp_path: Path) -> None:
    for status in "XION":
        line = told(tmp_path, CALCIUM, replace(CALCIUM, status=status, value="", reported=day(0.5)))
        assert [(r["value"], r["status"]) for r in line["results"]] == [("3.2", "final")]
        assert len(active(line, "CA_HIGH")) == 1
