"""Every row of unit_conversion, censored and urine_pd goes through `map_report` and comes out as the vectors say."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from alerts.logic import Interval, Truth
from schemas.analytes import ANALYTES
from services.mapping.report import map_report
from tests.unit.reports import report, result, text

VECTORS = Path(__file__).parents[1] / "vectors"
SHARED = Path(__file__).parents[3] / "shared" / "clinical" / "vectors"
Row = dict[str, str]


def rows(name: str) -> list[Row]:
    """All rows of a vector file."""
    with (VECTORS / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def ids(row: Row) -> str:
    return row["id"]


def test_the_vectors_are_those_of_the_clinical_specification() -> None:
    if not SHARED.is_dir():
        pytest.skip("the clinical specification does not lie beside this checkout; its vectors cannot be compared")
    theirs = {path.name: path.read_bytes() for path in SHARED.glob("*.csv")}
    ours = {path.name: path.read_bytes() for path in VECTORS.glob("*.csv")}
    assert ours == theirs


@pytest.mark.parametrize("row", rows("unit_conversion.csv"), ids=ids)
def test_unit_conversion(row: Row) -> None:
    mapped = map_report(report(result(row["loinc"], row["reported_value"], row["reported_unit"])))
    if row["expected_status"] == "QUARANTINE":
        (item,) = mapped.quarantined
        assert (item.reason, mapped.results) == (row["expected_reason"], ())
        return
    (value,) = mapped.results
    assert (value.analyte, value.quality, value.unit) == (row["analyte"], row["expected_status"], row["expected_unit"])
    assert value.value == Decimal(row["expected_value"])
    assert str(value.value) == row["expected_value"]
    assert value.interval == Interval.exactly(Decimal(row["expected_value"]))
    assert ",".join(value.flags) == row["expected_reason"]


OPERATORS = {"ge": ">=", "gt": ">", "lt": "<", "le": "<="}


@pytest.mark.parametrize("row", rows("censored.csv"), ids=ids)
def test_censored_and_text_results(row: Row) -> None:
    analyte = ANALYTES[row["analyte"]]
    mapped = map_report(report(text(analyte.loinc[0], row["value_text"], analyte.unit)))
    word, limit = row["test"].split()
    if row["expected_kind"] == "QUARANTINE":
        assert [item.reason for item in mapped.quarantined] == [row["expected_reason"]]
        assert not mapped.results
        return
    (value,) = mapped.results
    assert value.kind == {"NUMBER": "NUMERIC"}.get(row["expected_kind"], row["expected_kind"])
    assert (value.coded or value.reason) == row["expected_reason"]
    assert value.reason == row["expected_reason"]
    if row["expected_kind"] == "NO_VALUE":
        assert value.interval is None
        return
    assert value.interval is not None
    high = None if row["expected_upper"] == "inf" else Decimal(row["expected_upper"])
    assert (value.interval.low, value.interval.high) == (Decimal(row["expected_lower"]), high)
    assert value.interval.low_closed is (row["expected_lower_included"] == "yes")
    assert high is None or value.interval.high_closed is (row["expected_upper_included"] == "yes")
    assert value.interval.test(OPERATORS[word], Decimal(limit)) is Truth(row["expected_truth"])  # type: ignore[arg-type]


@pytest.mark.parametrize("row", rows("urine_pd.csv"), ids=ids)
def test_urine_conversion(row: Row) -> None:
    sent = [result("42482-0", row["reported_value"], row["reported_unit"])]
    if row["volume_24h_l"]:
        sent.append(result("u24_volume", row["volume_24h_l"], "L", system="L"))
    mapped = map_report(report(*sent))
    if row["expected_status"] == "QUARANTINE":
        assert len(mapped.quarantined) == 1
        assert not mapped.results
        return
    urine = mapped.results[0]
    assert (urine.analyte, urine.quality) == ("umprot", row["expected_status"])
    if row["expected_value_mg_24h"]:
        assert (urine.value, urine.unit) == (Decimal(row["expected_value_mg_24h"]), "mg/(24.h)")
        return
    assert urine.interval == Interval(Decimal(0), None), "nothing may be concluded from a value without its volume"
    assert (str(urine.value), urine.unit) == (row["reported_value"], row["reported_unit"])


@pytest.mark.parametrize(
    "row", [row for row in rows("obx11_status.csv") if row["expected_store"] == "quarantine"], ids=ids
)
def test_unknown_status_is_quarantined(row: Row) -> None:
    mapped = map_report(report(result("2000-8", "2.4", "mmol/L", status=row["status"])))
    assert [item.reason for item in mapped.quarantined] == ["unknown_status"] == [row["expected_flags"]]


TOMBSTONES = {"tombstone": "D", "tombstone_wrong_patient": "W", "pending": "I", "no_value": "X"}


@pytest.mark.parametrize(
    "row", [row for row in rows("obx11_status.csv") if row["expected_store"] in TOMBSTONES], ids=ids
)
def test_status_without_a_value(row: Row) -> None:
    (stored,) = map_report(report(result("2000-8", "3.4", "mmol/L", status=row["status"]))).results
    assert (stored.status, stored.kind, stored.value) == (TOMBSTONES[row["expected_store"]], "NO_VALUE", None)
