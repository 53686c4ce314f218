"""Metrics of the FHIR endpoint: a closed list."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("halo_fhir_requests_total", "Requests by resource type and HTTP status", ["type", "status"])
ENTRIES = Counter("halo_fhir_entries_total", "Resources by outcome: stored, ignored, refused, unavailable", ["status"])
ANSWER_SECONDS = Histogram(
    "halo_fhir_answer_seconds", "From the last byte of a request to its answer",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
)  # fmt: skip
IN_FLIGHT = Gauge("halo_fhir_requests_in_flight", "Requests that are being answered")
TOKENS_AT = Gauge("halo_fhir_tokens_read_timestamp_seconds", "When the tokens of senders were last read")

_TYPES = frozenset({"Bundle", "Observation", "DiagnosticReport", "Patient", "Encounter"})


def type_label(resource_type: str) -> str:
    """A closed set of labels, whatever senders write."""
    return resource_type if resource_type in _TYPES else "other" if resource_type else "none"
