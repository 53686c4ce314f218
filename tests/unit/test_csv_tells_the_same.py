"""The same history by HL7 v2 and from a CSV gives the same results and alerts, with the same ids of alerts.

All rows of a patient stand in one record there; shuffled they are the same record.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from tests.unit.messages import AUTHORITY, Sent, evaluated
from tests.unit.test_fhir_tells_the_same import UNLIKE, _nadirs, _numbers, _stories, _without

COLUMNS = (
    "authority", "patient", "family", "given", "birth_date", "sex", "laboratory", "order", "specimen",
    "specimen_condition", "code", "system", "value", "unit", "status", "collected_at", "reported_at", "reference_range",
    "method", "comment",
)  # fmt: skip


def as_row(sent: Sent) -> str:
    """The made-up report as a row; times as HL7 v2 writes them."""
    collected = f"{sent.collected:%Y-%m-%d}" if sent.date_only else _time(sent.collected)
    cells = (
        AUTHORITY, sent.patient, "Made-up", "Person", "1950-01-02", "F", "LAB1", sent.order, sent.specimen,
        sent.condition, sent.code, "LN", sent.value, sent.unit, sent.status, collected,
        _time(sent.reported) if sent.reported else "", sent.reference, sent.method, sent.comment,
    )  # fmt: skip
    return ";".join(f'"{cell}"' if ";" in cell else cell for cell in cells)


def _time(moment: Any) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}+00:00"


def as_csv(sent: list[Sent]) -> list[str]:
    return [";".join(COLUMNS), *map(as_row, sent)]


@pytest.mark.parametrize("sent", [_stories(), _numbers(), _nadirs()], ids=["stories", "numbers", "nadirs"])
def test_the_same_history_gives_the_same_alerts(sent: list[Sent], tmp_path: Path) -> None:
    dated = [one for one in sent if one.reported is not None and one.sent in (None, one.reported)]
    by_hl7 = evaluated(tmp_path, (one.message() for one in dated), name="told.hl7")
    by_csv = evaluated(tmp_path, as_csv(dated), name="told.csv")
    assert by_csv.keys() == by_hl7.keys()
    for patient, line in by_hl7.items():
        assert _without(by_csv[patient], UNLIKE) == _without(line, UNLIKE), patient
        results = [[{**one, "result_id": ""} for one in found["results"]] for found in (line, by_csv[patient])]
        assert results[0] == results[1], patient
    assert len(dated) > len(sent) / 2


def test_the_order_of_rows_changes_nothing(tmp_path: Path) -> None:
    header, *rows = as_csv([one for one in _stories() if one.reported is not None])
    straight = evaluated(tmp_path, [header, *rows], name="straight.csv")
    random.Random(3).shuffle(rows)
    assert evaluated(tmp_path, [header, *rows], name="shuffled.csv") == straight
    assert any(line["alerts"] for line in straight.values())
