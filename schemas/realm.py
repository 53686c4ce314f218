"""The test realm: messages and patients of tests, stored and evaluated apart from real ones (agreed behaviour 1).

The realm is part of the patient's id, so that nothing of a test can touch a real series, merge or alert: every id that
follows from the patient (slot, result, alert) differs too.
"""

from __future__ import annotations

import msgspec

from schemas.patient_event import ContextChange, LabReport, PatientMerge

PREFIX = "~test~"
"""Before the patient's id as sent. An authority cannot begin so: in HL7 `~` separates repeats."""
GATE = "test_realm"
"""Why nothing is sent of such a patient."""


def is_test(patient: str) -> bool:
    """Whether a patient id is of the test realm."""
    return patient.startswith(PREFIX)


def as_sent(patient: str) -> str:
    """The id without the mark of the realm."""
    return patient.removeprefix(PREFIX)


def apart(event: LabReport | ContextChange | PatientMerge) -> LabReport | ContextChange | PatientMerge:
    """The same event about the patient of the test realm; of a merge both. Once is enough."""
    patient = msgspec.structs.replace(event.patient, id=_marked(event.patient.id))
    if isinstance(event, PatientMerge):
        retired = msgspec.structs.replace(event.retired, id=_marked(event.retired.id))
        return msgspec.structs.replace(event, patient=patient, retired=retired)
    return msgspec.structs.replace(event, patient=patient)


def _marked(patient: str) -> str:
    return patient if is_test(patient) else PREFIX + patient
