"""The vectors of the result life cycle through the same door as real data: HL7 v2 messages into `halo evaluate`.

Each row is a made-up patient of its own, each event of a story one message; a story is played as far as every event.
What `halo evaluate` does not print (who was told, how an alert ended) is asked of the ledger in the integration tests.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from schemas.analytes import ANALYTES
from tests.builders import vectors
from tests.unit.fhir_messages import as_fhir
from tests.unit.messages import Sent, day, evaluated, loinc

Row = dict[str, str]
Lines = dict[str, Any]


def ids(row: Row) -> str:
    return row["id"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("messages")


# ------------------------------------------------------------------------------------------------ unit_conversion

UNITS = vectors("unit_conversion")


@pytest.fixture(scope="module")
def converted(folder: Path) -> Lines:
    sent = (
        Sent(patient=row["id"], code=row["loinc"], value=row["reported_value"], unit=row["reported_unit"])
        for row in UNITS
    )
    return evaluated(folder, (one.message() for one in sent), name="units.hl7")


@pytest.mark.parametrize("row", UNITS, ids=ids)
def test_unit_conversion(row: Row, converted: Lines) -> None:
    line = converted[row["id"]]
    if row["expected_status"] == "QUARANTINE":
        assert [item["reason"] for item in line["quarantined"]] == [row["expected_reason"]]
        assert (line["results"], line["alerts"]) == ([], [])
        return
    (value,) = line["results"]
    assert (value["analyte"], value["quality"]) == (row["analyte"], row["expected_status"])
    assert (value["value"], value["unit"], line["quarantined"]) == (row["expected_value"], row["expected_unit"], [])


# ------------------------------------------------------------------------------------------------------- censored

CENSORED = vectors("censored")


@pytest.fixture(scope="module")
def said(folder: Path) -> Lines:
    sent = (
        Sent(patient=row["id"], code=loinc(row["analyte"]), value=row["value_text"], unit=ANALYTES[row["analyte"]].unit,
             value_type="ST")
        for row in CENSORED
    )  # fmt: skip
    return evaluated(folder, (one.message() for one in sent), name="censored.hl7")


@pytest.mark.parametrize("row", CENSORED, ids=ids)
def test_censored_and_text_results(row: Row, said: Lines) -> None:
    """The interval and its truth are not printed: `test_mapping_vectors` asks for those."""
    line, kind = said[row["id"]], row["expected_kind"]
    if kind == "QUARANTINE":
        assert [item["reason"] for item in line["quarantined"]] == [row["expected_reason"]]
        assert line["results"] == []
        return
    (value,) = line["results"]
    assert line["quarantined"] == []
    if kind == "NUMBER":
        assert (value["value"], value["comparator"]) == (row["expected_lower"], None)
    elif kind == "NO_VALUE":
        assert (value["value"], value["comparator"], value["coded"]) == (None, None, None)
    elif row["expected_reason"]:
        assert (value["value"], value["coded"]) == (None, row["expected_reason"])
    else:
        above = row["expected_upper"] == "inf"
        included = row["expected_lower_included" if above else "expected_upper_included"] == "yes"
        assert value["comparator"] == (">" if above else "<") + ("=" if included else "")
        assert value["value"] == row["expected_lower" if above else "expected_upper"]


# ------------------------------------------------------------------------------------------------- censored_nadir

NADIRS = vectors("censored_nadir")


@pytest.fixture(scope="module")
def progressed(folder: Path) -> Lines:
    """A measurable baseline, the nadir twice, then the value; the line of therapy starts at the baseline."""
    messages = [
        Sent(
            patient=row["id"], code=loinc("mspike"), value=value, unit="g/L", order=f"{at}", specimen=f"S{at}",
            collected=day(at), reported=day(at),
        ).message()
        for row in NADIRS
        for at, value in ((-300, "30"), (-200, row["nadir_text"]), (-100, row["nadir_text"]), (0, row["value_text"]))
    ]  # fmt: skip
    return evaluated(folder, messages, name="nadir.hl7")


@pytest.mark.parametrize("row", NADIRS, ids=ids)
def test_censored_nadir(row: Row, progressed: Lines) -> None:
    line = progressed[row["id"]]
    levels = [a["level"] for a in line["alerts"] if a["rule"] == "BIO" and a["condition"] == "active"]
    assert levels == ([] if row["expected_state"] == "NONE" else [row["expected_state"]])


# ------------------------------------------------------------------------------------------------------ lifecycle

STORIES = [row for row in vectors("lifecycle") if "tick" not in row["events"] and "merge" not in row["events"]]
"""`tick` needs the clock and `merge` comes as an event of another kind: both in the tests of the ledger."""


def events(row: Row) -> list[Sent]:
    """The story of a row."""
    return [sent(row["id"], dict(pair.split("=", 1) for pair in text.split())) for text in row["events"].split(" ; ")]


def sent(patient: str, said: dict[str, str]) -> Sent:
    reported = day(said.get("l", said["t"]))
    return Sent(
        patient=f"{patient}{said['pt']}", code=loinc(said["an"]), value=said.get("v", ""), unit=said.get("u", ""),
        status=said["st"], order=said["sp"], specimen=said["sp"], collected=day(said["c"]), reported=reported,
        date_only="dateonly" in said, method=said.get("m", ""), comment=said.get("cmt", ""), sent=day(said["t"]),
        reference="59-104" if said["an"] == "creat" else "",
    )  # fmt: skip


@pytest.fixture(scope="module")
def told(folder: Path) -> Lines:
    messages = [
        replace(one, patient=f"{one.patient}-{upto}").message()
        for row in STORIES
        for upto in range(1, len(events(row)) + 1)
        for one in events(row)[:upto]
    ]
    return evaluated(folder, messages, name="stories.hl7")


def word(line: Any, rule: str) -> str:
    """As `expected_history` names the state of the rule."""
    active = [alert for alert in line["alerts"] if alert["rule"] == rule and alert["condition"] == "active"]
    if active:
        return active[-1]["severity"] + ("_PRELIM" if "preliminary" in active[-1]["flags"] else "")
    return "QUARANTINE" if line["quarantined"] else "NONE"


ENDED = {"RETRACTED": "NONE", "RETRACTED_WRONG_PATIENT": "NONE", "CLOSED_BY_FINAL": "NONE"}


@pytest.mark.parametrize("row", STORIES, ids=ids)
def test_lifecycle(row: Row, told: Lines) -> None:
    expected = row["expected_history_a"].split(" > ")
    history = [word(told[f"{row['id']}A-{upto}"], row["rule_family"]) for upto in range(1, len(expected) + 1)]
    assert history == [ENDED.get(one, one) for one in expected]
    flags = {flag for a in told[f"{row['id']}A-{len(expected)}"]["alerts"] for flag in a["flags"]}
    assert {"cross_method"} & set(row["expected_flags"].split()) <= flags


# --------------------------------------------------------------------------------------------------- obx11_status

STATUSES = [row for row in vectors("obx11_status") if row["standard"] == "HL7v2"]
FHIR = [row for row in vectors("obx11_status") if row["standard"] == "FHIR"]
VALUED = frozenset("FCAPRS")


def versions(row: Row, status: str, current: str) -> list[Sent]:
    """A raised calcium as it stands, then the incoming status with another value unless it is the same content."""
    at = {"earlier": 0.5, "same": 1.0}.get(row["lis_time_vs_current"], 2.0)
    value = "2.90" if row["same_content_as_current"] == "yes" else "2.80"
    known = [("2.90", current, 1.0)] if current else []
    story = [*known, (value, status, at)]
    return [
        Sent(
            patient=row["id"], code=loinc("ca_adj"), value=v if s in VALUED else "", unit="mmol/L", status=s,
            order="O1", specimen="S1", reported=day(t),
        )
        for v, s, t in story
    ]  # fmt: skip


@pytest.fixture(scope="module")
def stored(folder: Path) -> Lines:
    messages = [one.message() for row in STATUSES for one in versions(row, row["status"], row["current_status"])]
    return evaluated(folder, messages, name="statuses.hl7")


def expected_status(row: Row, status: str) -> tuple[str, bool]:
    """Word of the version that counts, and whether its value does."""
    words = {"F": "final", "P": "preliminary", "R": "preliminary", "S": "preliminary", "C": "corrected", "A": "amended"}
    store = row["expected_store"]
    if store == "new_version":
        return words[status], True
    if store.startswith("tombstone"):
        return "", False
    if store == "promote_current_to_final":
        return words[row["current_status"]], True
    return words.get(row["current_status"], ""), row["current_status"] in VALUED


@pytest.mark.parametrize("row", STATUSES, ids=ids)
def test_statuses(row: Row, stored: Lines) -> None:
    check_status(row, row["status"], stored[row["id"]])


LETTERS = {"preliminary": "P", "final": "F", "corrected": "C", "amended": "A"}


@pytest.fixture(scope="module")
def stored_events(folder: Path) -> Lines:
    """The same stories as FHIR tells them, the incoming status in its own word."""
    made = []
    for row in FHIR:
        *before, last = versions(row, LETTERS.get(row["status"], "D"), row["current_status"])
        made += [*map(as_fhir, before), as_fhir(last, word=row["status"])]
    return evaluated(folder, made, name="statuses.json")


@pytest.mark.parametrize("row", FHIR, ids=ids)
def test_statuses_of_fhir(row: Row, stored_events: Lines) -> None:
    check_status(row, LETTERS.get(row["status"], row["status"]), stored_events[row["id"]])


def check_status(row: Row, status: str, line: Any) -> None:
    results, alerts = line["results"], [a for a in line["alerts"] if a["rule"] == "CA_HIGH"]
    held = [item["reason"] for item in line["quarantined"]]
    assert held == (["unknown_status"] if row["expected_store"] == "quarantine" else [])
    word, counts = expected_status(row, status)
    if counts:
        (one,) = results
        assert one["status"] == word
        incoming = row["expected_store"] == "new_version" and row["same_content_as_current"] != "yes"
        assert one["value"] == ("2.8" if incoming else "2.9")
    else:
        assert all(one["value"] is None for one in results), "what was withdrawn is nowhere, what has no value has none"
        assert "2.9" not in str(line).replace("2026", ""), "nor is it in any text"
    silent = row["expected_rules"] == "critical_only"
    assert bool(alerts) == (counts and not silent)
