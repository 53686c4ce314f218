"""What the site file says of senders holds for files too: nobody unlisted, and no merges by those who may not."""

from __future__ import annotations

from schemas.patient_event import PatientMerge
from services.mapping.site import Site
from services.reading.outcome import Outcome, Refusal
from services.reading.refusing import refuse
from services.reading.source import make_source


def admitted(outcome: Outcome, message: bytes, site: Site, received_at: str) -> Outcome:
    """The outcome, or its refusal. The addresses of a sender say nothing of a file and are not asked."""
    header = outcome.header
    if header is None or not site.senders or outcome.refusal is not None:
        return outcome
    sender = site.sender(header.sender)
    if sender is None:
        text = f"MSH-3|MSH-4 ({header.sender[:60]}) is no sender of this hospital; add a [[sender]] to the site file"
        refusal = Refusal(reason="unlisted_sender", text=text, location="MSH^1^3")
    elif any(isinstance(event, PatientMerge) for event in outcome.events) and not sender.may_merge:
        text = f"{sender.name} may not merge patients; set may_merge in its [[sender]] entry if it may"
        refusal = Refusal(reason="merge_not_allowed", text=text, location="MSH^1^9")
    else:
        return outcome
    return refuse(refusal, message, make_source(message, received_at, header=header), header)
