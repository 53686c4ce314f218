"""The made-up HL7 v2 reports of `messages` as FHIR: the same story told the other way."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.unit.messages import AUTHORITY, Sent

LOINC = "http://loinc.org"
WORDS = {
    "F": "final", "P": "preliminary", "C": "corrected", "A": "amended", "D": "cancelled", "W": "entered-in-error",
    "I": "registered",
}  # fmt: skip
"""Statuses that both standards know."""
_DIGITS = re.compile(r'"@([^"@]*)@"')
"""A number whose digits `json` must not touch."""
NUMBER = re.compile(r"(<=|>=|<|>)?\s*(\d+(?:\.\d+)?)")


def as_fhir(sent: Sent, *, word: str = "", system: str = LOINC) -> str:
    """A Bundle of the patient and the result, on one line; `word` is a status that HL7 v2 does not have."""
    return _DIGITS.sub(r"\1", json.dumps(_bundle(sent, word, system)))


def _bundle(sent: Sent, word: str, system: str) -> dict[str, Any]:
    observation = {
        "resourceType": "Observation",
        "status": word or WORDS[sent.status],
        "code": {"coding": [{"system": system, "code": sent.code}]},
        "basedOn": [{"identifier": {"value": sent.order}}],
        "subject": {"reference": f"Patient/{sent.patient}"},
        "performer": [{"identifier": {"value": "LAB1"}}],
        "effectiveDateTime": f"{sent.collected:%Y-%m-%d}" if sent.date_only else _time(sent.collected),
        **({"issued": _time(sent.reported)} if sent.reported else {}),
        **_value(sent),
        **({"method": {"coding": [{"code": sent.method}]}} if sent.method else {}),
        **({"referenceRange": [{"text": sent.reference}]} if sent.reference else {}),
        **({"note": [{"text": sent.comment}]} if sent.comment else {}),
        **_specimen(sent),
    }
    return {
        "resourceType": "Bundle", "type": "message", "timestamp": _time(sent.sent or sent.reported or sent.collected),
        "entry": [{"resource": _patient(sent)}, {"resource": observation}],
    }  # fmt: skip


def _time(moment: Any) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}+00:00"


def _patient(sent: Sent) -> dict[str, Any]:
    return {
        "resourceType": "Patient", "id": sent.patient, "identifier": [{"system": AUTHORITY, "value": sent.patient}],
        "name": [{"family": "Made-up", "given": ["Person"]}], "birthDate": "1950-01-02", "gender": "female",
    }  # fmt: skip


def _value(sent: Sent) -> dict[str, Any]:
    """A number with its unit; words, and whatever else is no number, as text."""
    if not sent.value:
        return {}
    found = NUMBER.fullmatch(sent.value)
    if found is None:
        return {"valueString": sent.value}
    comparator = {"comparator": found[1]} if found[1] else {}
    unit = {"unit": sent.unit} if sent.unit else {}
    return {"valueQuantity": {"value": f"@{found[2]}@", **comparator, **unit}}


def _specimen(sent: Sent) -> dict[str, Any]:
    if not sent.specimen and not sent.condition:
        return {}
    one = {
        "resourceType": "Specimen", "id": "s", **({"identifier": [{"value": sent.specimen}]} if sent.specimen else {}),
        **({"condition": [{"coding": [{"code": sent.condition}]}]} if sent.condition else {}),
    }  # fmt: skip
    return {"contained": [one], "specimen": {"reference": "#s"}}
