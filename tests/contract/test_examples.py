"""Every published example is valid, decodes, says what reading says of its bytes, and maps to what its name promises."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest
import yaml

import schemas
from alerts.context import Context
from alerts.evaluate import evaluate
from alerts.rule import View
from alerts.series import Series
from alerts.thresholds import default_pack
from schemas import identity, json_schema
from schemas.alert import decode_alert, encode_alert
from schemas.codec import decode_event, encode_event
from schemas.patient_event import LabReport
from services.mapping.report import map_report
from services.reading.fhir import taking_in
from services.reading.fhir.naming import Naming
from services.reading.hl7v2 import read

ROOT = Path(schemas.__file__).parent
EXAMPLES = sorted((ROOT / "examples").glob("*/*.json"))
EVENTS = [path for path in EXAMPLES if path.parent.name == "patient-events.v1"]
ALERTS = [path for path in EXAMPLES if path.parent.name == "alerts.v1"]

EXPECTED = {
    "fhir-observation-corrected": ["creat 182.104 ACCEPT C"],
    "lab-report-censored-and-text": [
        "flck >5000 ACCEPT F",
        "flcl <1.3 ACCEPT F",
        "mspike trace ACCEPT F",
        "igg not_quantifiable ACCEPT F",
        "spep_text comment ACCEPT F",
    ],
    "lab-report-correction": ["ca 2.61 ACCEPT C"],
    "lab-report-final": [
        "ca 2.81 ACCEPT F",
        "alb 31 ACCEPT F",
        "creat 182 ACCEPT F",
        "hb 96 ACCEPT F",
        "mspike 32.1 ACCEPT F",
        "tp 98 ACCEPT F",
    ],
    "lab-report-haemolysed": ["k 6.7 ACCEPT F haemolysed", "ldh 474 ACCEPT F haemolysed"],
    "lab-report-history": ["mspike 4.2 ACCEPT F date_only"],
    "lab-report-immunofixation": ["sife positive:IgG-kappa ACCEPT F", "uife negative ACCEPT F"],
    "lab-report-no-value": ["k insufficient ACCEPT X", "creat pending ACCEPT I", "ca clotted ACCEPT F"],
    "lab-report-preliminary": ["k 6.7 ACCEPT P"],
    "lab-report-quarantine": [
        "! unit_missing 13.9 CRITICAL",
        "! total_light_chain_code 2540 ",
        "! looks_like_g_dl 10.9 ",
        "! local_code_needed 5 ",
        "! unit_not_allowed 96 ",
        "! ambiguous_number 1.234,5 ",
        "! unknown_status 6.9 CRITICAL",
    ],
    "lab-report-urine-with-volume": ["umprot 500 ACCEPT F from_concentration", "u24_volume 2 ACCEPT F"],
    "lab-report-wrong-patient": ["ca wrong_patient ACCEPT W"],
}
"""Example -> each result: analyte, value, quality, status, flags; `!` for quarantine: reason, value, urgency."""


def _validator(name: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((ROOT / "json" / name).read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("name", sorted(json_schema.SCHEMAS))
def test_stored_json_schema_is_what_the_types_say(name: str) -> None:
    assert (ROOT / "json" / name).read_text("utf-8") == json_schema.render(name), "run python -m schemas.json_schema"


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_event_is_valid_and_survives_the_codec(path: Path) -> None:
    data = path.read_bytes()
    _validator("patient-event.v1.schema.json").validate(json.loads(data))
    event = decode_event(data)
    assert decode_event(encode_event(event)) == event
    assert json.loads(encode_event(event)) == json.loads(data), "the example says something the type does not carry"


@pytest.mark.parametrize("path", ALERTS, ids=lambda path: path.stem)
def test_alert_is_valid_and_survives_the_codec(path: Path) -> None:
    data = path.read_bytes()
    _validator("alert.v1.schema.json").validate(json.loads(data))
    assert json.loads(encode_alert(decode_alert(data))) == json.loads(data)
    assert decode_alert(data).made_up, "examples are of made-up patients and say so"


@pytest.mark.parametrize(("folder", "schema"), [("patient-events.v1", "patient-event"), ("alerts.v1", "alert")])
def test_producers_are_held_to_the_listed_fields(folder: str, schema: str) -> None:
    path = next(path for path in EXAMPLES if path.parent.name == folder)
    extended = {**json.loads(path.read_bytes()), "not_in_the_contract": 1}
    with pytest.raises(jsonschema.ValidationError):
        _validator(f"{schema}.v1.schema.json").validate(extended)
    decode = decode_event if schema == "patient-event" else decode_alert
    decode(msgspec.json.encode(extended))  # consumers ignore what they do not know


@pytest.mark.parametrize("path", [path for path in EVENTS if path.stem in EXPECTED], ids=lambda path: path.stem)
def test_lab_report_maps_to_what_its_name_promises(path: Path) -> None:
    event = decode_event(path.read_bytes())
    assert isinstance(event, LabReport)
    mapped = map_report(event)
    said = [
        " ".join(
            [
                r.analyte,
                f"{r.comparator or ''}{r.value}" if r.value is not None else r.coded or r.reason,
                r.quality,
                r.status,
                *r.flags,
            ]
        )
        for r in mapped.results
    ]
    said += [f"! {q.reason} {q.value} {q.would_be}" for q in mapped.quarantined]
    assert said == EXPECTED[path.stem]
    assert len(said) - mapped.derived + len(mapped.ignored) == len(event.results)


def test_all_examples_of_the_patient_together_go_through_the_rules() -> None:
    """Every version of every example at once: no rule may stumble over a text, a bound or a withdrawal."""
    events = [event for path in EVENTS if isinstance(event := decode_event(path.read_bytes()), LabReport)]
    results = [result for event in events for result in map_report(event).results]
    view = View(
        patient="MADEUP|1001",
        series=Series().merge(results),
        context=Context(),
        pack=default_pack(),
        as_of=max(result.received_at for result in results),
    )
    evaluation = evaluate(view)
    assert not evaluation.failed
    assert {"HB_HALO", "REN_HALO"} <= {alert.rule for alert in evaluation.alerts}


def test_every_lab_report_has_its_expectation() -> None:
    reports = {path.stem for path in EVENTS if isinstance(decode_event(path.read_bytes()), LabReport)}
    assert reports == set(EXPECTED)


@pytest.mark.parametrize("path", [path for path in EVENTS if "lab-report" in path.stem], ids=lambda path: path.stem)
def test_hl7_example_is_what_reading_makes_of_its_own_bytes(path: Path) -> None:
    event = decode_event(path.read_bytes())
    assert isinstance(event, LabReport)
    assert read(event.raw, event.source.received_at, purpose=event.purpose).events == (event,)
    for result in event.results:
        where = result.where
        assert event.raw[where.offset : where.offset + where.length].startswith(b"OBX|")


def test_fhir_example_is_what_reading_makes_of_its_own_bytes() -> None:
    (path,) = (path for path in EVENTS if path.stem.startswith("fhir"))
    event = decode_event(path.read_bytes())
    assert isinstance(event, LabReport)
    naming = Naming(sender=event.source.sender)
    assert taking_in.read(event.raw, event.source.received_at, naming=naming).events == (event,)


def test_examples_cover_every_kind_of_event_and_nothing_else_lies_about() -> None:
    kinds = {json.loads(path.read_bytes())["type"] for path in EVENTS}
    assert kinds == {"lab_report", "context_change", "patient_merge", "refused", "heartbeat"}
    changes = {json.loads(path.read_bytes())["change"] for path in ALERTS}
    assert changes == {"opened", "regraded", "retracted", "cleared", "superseded"}
    files = {path for path in (ROOT / "examples").rglob("*") if path.is_file()}
    assert files == {*EVENTS, *ALERTS, ROOT / "examples" / "identity.json"}


def test_every_topic_names_an_existing_schema_and_every_schema_is_named() -> None:
    named = {yaml.safe_load(path.read_text("utf-8"))["schema"] for path in (ROOT / "topics").glob("*.yaml")}
    assert named == {f"schemas/json/{path.name}" for path in (ROOT / "json").iterdir()}
    readme = (ROOT / "README.md").read_text("utf-8")
    for path in (ROOT / "topics").glob("*.yaml"):
        assert f"topics/{path.name}" in readme


def test_golden_ids() -> None:
    golden = json.loads((ROOT / "examples" / "identity.json").read_bytes())
    assert golden["namespace"] == str(identity.NAMESPACE)
    for case in golden["ids"]:
        assert getattr(identity, case["function"])(*case["arguments"]) == case["id"], case
