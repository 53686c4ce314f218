"""Made-up FHIR resources of made-up people."""

from __future__ import annotations

import json
from typing import Any

from schemas.patient_event import LabReport, ReportedResult
from services.reading.fhir.naming import Naming
from services.reading.fhir.reading import Reading
from services.reading.fhir.taking_in import read

MRN = "https://hosp.example/mrn"
NAMING = Naming(sender="fhir.lab1", systems={MRN: "HOSP"})
RECEIVED = "2026-03-01T12:00:00Z"
Tree = dict[str, Any]


def subject(value: str = "1", **more: Any) -> Tree:
    return {"identifier": {"system": MRN, "value": value}, **more}


def observation(code: str = "2160-0", value: Any = 182, unit: str = "umol/L", **more: Any) -> Tree:
    """A creatinine unless said otherwise."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": subject(),
        "effectiveDateTime": "2026-03-01T07:15:00+01:00",
        "issued": "2026-03-01T08:30:00+01:00",
        "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
        **more,
    }


def without(tree: Tree, *names: str) -> Tree:
    return {name: part for name, part in tree.items() if name not in names}


def bundle(*resources: Tree, type: str = "batch", **more: Any) -> Tree:
    return {"resourceType": "Bundle", "type": type, "entry": [{"resource": one} for one in resources], **more}


def patient(value: str = "1", **more: Any) -> Tree:
    return {"resourceType": "Patient", "identifier": [{"system": MRN, "value": value}], **more}


def read_tree(tree: Tree, **options: Any) -> Reading:
    return read(json.dumps(tree).encode(), RECEIVED, **{"naming": NAMING, **options})


def reports(reading: Reading) -> list[LabReport]:
    return [event for event in reading.events if isinstance(event, LabReport)]


def results(tree: Tree, **options: Any) -> tuple[ReportedResult, ...]:
    """Of the only report."""
    (report,) = reports(read_tree(tree, **options))
    return report.results


def result(tree: Tree, **options: Any) -> ReportedResult:
    (one,) = results(tree, **options)
    return one
