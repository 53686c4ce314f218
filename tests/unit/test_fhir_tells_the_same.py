"""The same history by HL7 v2 and by FHIR gives the same results and alerts: levels, severities, times and words.

With the same code system, order number, laboratory and patient the measurements are the same ones, so the ids are equal
too; `LN` and `http://loinc.org` mean the same and are two names, so there ids differ and nothing else.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from schemas.analytes import ANALYTES
from tests.unit.fhir_messages import LOINC, NUMBER, WORDS, as_fhir
from tests.unit.messages import Sent, evaluated, loinc
from tests.unit.test_vectors_by_message import CENSORED, NADIRS, STORIES, UNITS, events
from tests.unit.test_vectors_by_message import day as day_of

UNLIKE = frozenset({"results", "segment"})
"""Ids of versions (results of reasons) hold how a value was written; results themselves are compared without them."""
IDS = frozenset({"alert_id"})


def _stories() -> list[Sent]:
    """The first half of each tells as much as the whole: both are played, every word of both standards in them."""
    found = []
    for row in STORIES:
        story = events(row)
        for upto in {len(story), (len(story) + 1) // 2}:
            if all(one.status in WORDS for one in story[:upto]):
                found += [replace(one, patient=f"{one.patient}-{upto}") for one in story[:upto]]
    return found


def _numbers() -> list[Sent]:
    """Numbers that FHIR can write (no decimal comma, no comparator in words), and words."""
    units = [
        Sent(patient=row["id"], code=row["loinc"], value=row["reported_value"], unit=row["reported_unit"])
        for row in UNITS
    ]
    words = [
        Sent(patient=row["id"], code=loinc(row["analyte"]), value=row["value_text"], unit=ANALYTES[row["analyte"]].unit, value_type="ST")
        for row in CENSORED
    ]  # fmt: skip
    return [one for one in units + words if NUMBER.fullmatch(one.value) or not any(map(str.isdigit, one.value))]


def _nadirs() -> list[Sent]:
    return [
        Sent(patient=row["id"], code=loinc("mspike"), value=value, unit="g/L", order=f"{at}", specimen=f"S{at}",
             collected=day_of(at), reported=day_of(at))
        for row in NADIRS
        for at, value in ((-300, "30"), (-200, row["nadir_text"]), (-100, row["nadir_text"]), (0, row["value_text"]))
    ]  # fmt: skip


def _without(part: Any, names: frozenset[str]) -> Any:
    if isinstance(part, dict):
        return {name: _without(inside, names) for name, inside in part.items() if name not in names}
    return [_without(inside, names) for inside in part] if isinstance(part, list) else part


@pytest.mark.parametrize("sent", [_stories(), _numbers(), _nadirs()], ids=["stories", "numbers", "nadirs"])
@pytest.mark.parametrize("system", ["LN", LOINC])
def test_the_same_history_gives_the_same_alerts(sent: list[Sent], system: str, tmp_path: Path) -> None:
    by_hl7 = evaluated(tmp_path, (one.message() for one in sent), name="told.hl7")
    by_fhir = evaluated(tmp_path, (as_fhir(one, system=system) for one in sent), name="told.ndjson")
    assert by_fhir.keys() == by_hl7.keys()
    unlike = UNLIKE if system == "LN" else UNLIKE | IDS
    for patient, line in by_hl7.items():
        assert _without(by_fhir[patient], unlike) == _without(line, unlike), patient
        results = [[{**one, "result_id": ""} for one in found["results"]] for found in (line, by_fhir[patient])]
        assert results[0] == results[1], patient
    assert any(line["alerts"] for line in by_hl7.values()) or sent[0].patient.startswith("U")
