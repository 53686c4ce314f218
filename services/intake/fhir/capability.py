"""`GET /fhir/metadata`: what this endpoint takes. It answers no question about patients."""

from __future__ import annotations

from typing import Any

from services.shared.metrics import halo_version

USED = ("Observation", "DiagnosticReport", "Patient", "Encounter")
_DATE = "2026-11-25"


def statement() -> dict[str, Any]:
    """The CapabilityStatement."""
    bearer = {"text": "Bearer token of the sender (halo token create --kind fhir)"}
    resources = [
        {
            "type": name,
            "interaction": [{"code": "create"}, {"code": "update"}],
            "versioning": "no-version",
            "updateCreate": True,
        }
        for name in USED
    ]
    return {
        "resourceType": "CapabilityStatement", "status": "active", "date": _DATE, "kind": "instance",
        "software": {"name": "Halo", "version": halo_version()},
        "implementation": {"description": "Takes in laboratory results and what belongs to them; nothing is read back"},
        "fhirVersion": "4.0.1", "format": ["json"],
        "rest": [
            {"mode": "server", "security": {"service": [bearer]}, "resource": resources,
             "interaction": [{"code": "transaction"}, {"code": "batch"}]}
        ],
    }  # fmt: skip
