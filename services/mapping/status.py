"""OBX-11 (HL7 table 0085) and FHIR Observation.status to one set (clinical specification, life cycle 1)."""

from __future__ import annotations

from types import MappingProxyType

from alerts.result import Status

_FHIR = {
    "final": Status.FINAL,
    "preliminary": Status.PRELIMINARY,
    "corrected": Status.CORRECTED,
    "amended": Status.AMENDED,
    "cancelled": Status.DELETED,
    "entered-in-error": Status.WRONG_PATIENT,
    "registered": Status.PENDING,
}
"""`entered-in-error` hides the value as W does; its flag makes the words "withdrawn by the laboratory"."""
STATUSES = MappingProxyType({**{status.value: status for status in Status}, **_FHIR})
"""Every known status as sent, case-sensitive; others are quarantined."""

VALUED = frozenset({
    Status.FINAL, Status.CORRECTED, Status.AMENDED,
    Status.PRELIMINARY, Status.RESULTS_ENTERED, Status.PARTIAL,
})  # fmt: skip
"""Those whose value counts; the others annotate, promote, withdraw or say that there is none."""

REASONS = MappingProxyType(
    {
        Status.DELETED: "deleted",
        Status.WRONG_PATIENT: "wrong_patient",
        Status.PROMOTED: "promoted",
        Status.APPENDED: "appended",
        Status.VERIFIED: "verified",
        Status.NO_VALUE: "not_obtained",
        Status.PENDING: "pending",
        Status.ORDER_DETAIL: "order_detail",
        Status.NOT_ASKED: "not_asked",
    }
)
"""Why a result of such a status has no value."""


def status_flags(sent: str) -> tuple[str, ...]:
    """What the letter alone does not say."""
    return ("entered_in_error",) if sent == "entered-in-error" else ()
