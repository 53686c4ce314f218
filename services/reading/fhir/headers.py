"""What a DiagnosticReport says beside the results that came with it: a document, or results that are elsewhere."""

from __future__ import annotations

from schemas.patient_event import Absent, ReportedResult, Where
from services.reading.fhir.message import Piece
from services.reading.fhir.naming import Naming, address_of, laboratory, order_of
from services.reading.fhir.observations import WITHDRAWN, WITHDRAWN_UNREAD, Reported
from services.reading.fhir.times import effective, to_iso
from services.reading.fhir.values import read_codings

DOCUMENT = "document"
SUB_ID = "report"
"""Keeps it apart from a result with the report's code."""


def read_header_result(reported: Reported, resolved: int, piece: Piece, naming: Naming) -> ReportedResult | None:
    """None where all that the report says are results that came with it."""
    report, scope = reported.report, reported.scope
    complete = bool(report.result) and resolved == len(report.result)
    if complete and not report.presented_form:
        return None
    withdrawn = report.status == WITHDRAWN and not complete
    collected, name = effective(report)
    address = address_of("DiagnosticReport", report.id, piece.full_url)
    order = order_of(report.based_on, report.identifier, (), address, scope)
    return ReportedResult(
        code=read_codings(report.code),
        status=report.status,
        value=Absent(reason=WITHDRAWN_UNREAD if withdrawn else DOCUMENT),
        where=Where(segment=0, offset=0, length=0),
        laboratory=laboratory(report.performer, scope, naming),
        filler_order=order.filler,
        placer_order=order.placer,
        sub_id=SUB_ID,
        collected_at=to_iso(collected),
        collected_from=f"DiagnosticReport.{name}" if name else "",
        reported_at=to_iso(report.issued),
        updated_at=to_iso(report.meta.last_updated),
        version_id=report.meta.version_id,
        value_type=DOCUMENT,
        comments=(report.conclusion,) if report.conclusion.strip() else (),
    )
