"""`/api/v1/alerts`: read, explain, show the bytes, answer."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import Parameter
from psycopg import AsyncConnection

from alerts.severity import Severity
from services.board import evidence
from services.board.access import answering, named_reader, unforged
from services.board.answering import answer, let_go, remark
from services.board.audit import record
from services.board.context import board_of, route_of, viewer_in
from services.board.evidence import Evidence
from services.board.pages.alerts import existing
from services.board.problems import Refused
from services.board.reading import alerts as reading
from services.board.reading.sources import Message
from services.board.records import AlertRow
from services.board.rest import shapes

AnyRequest = Request[Any, Any, Any]
Limit = Annotated[int, Parameter(ge=1, le=500)]


@get("/alerts", guards=[named_reader], operation_id="listAlerts", summary="Alerts, worst and unanswered first")
async def list_alerts(request: AnyRequest, severity: Severity | None = None, alert_state: Annotated[
    str, Parameter(query="state", description="open, unacknowledged, active, cleared, retracted, superseded or all")
] = "open", ward: str = "", limit: Limit = 200) -> list[shapes.Alert]:  # fmt: skip
    """Alerts by severity, state and ward."""
    if alert_state not in reading.STATES:
        raise Refused(HTTPStatus.BAD_REQUEST, "problem.400", f"state is one of {', '.join(reading.STATES)}")
    async with board_of(request).connection() as conn:
        wanted = severity.value if severity else ""
        found = await reading.listed(conn, severity=wanted, state=alert_state, ward=ward, limit=limit)
        await _note(conn, request, found)
    return [shapes.alert(row) for row in found]


@get("/alerts/{alert_id:uuid}", guards=[named_reader], operation_id="getAlert", summary="One alert")
async def get_alert(request: AnyRequest, alert_id: UUID) -> shapes.Alert:
    """Its present state."""
    async with board_of(request).connection() as conn:
        found = existing(await reading.one(conn, alert_id))
        await _note(conn, request, [found])
    return shapes.alert(found)


@get("/alerts/{alert_id:uuid}/explanation", guards=[named_reader], operation_id="explainAlert", summary="Why it holds")
async def explain(request: AnyRequest, alert_id: UUID) -> dict[str, Any]:
    """Every condition with threshold and actual value, and what would have stopped the alert."""
    found = await _evidence(request, alert_id)
    return found.explained | {"draft": found.alert.rule_pack_status == "draft"}


@get("/alerts/{alert_id:uuid}/source", guards=[named_reader], operation_id="alertSource", summary="The bytes behind it")
async def source(request: AnyRequest, alert_id: UUID) -> list[shapes.SourceMessage]:
    """The messages that carried the deciding results, and where in them the results stand."""
    found = await _evidence(request, alert_id)
    return [_message(found, one.message) for one in found.sources]


def _message(found: Evidence, message: Message) -> shapes.SourceMessage:
    deciding = [
        shapes.Segment(result_id=r.result_id, analyte=r.analyte, segment=r.source.segment, offset=r.source.offset,
                       length=r.source.length)
        for r in found.results if r.source.event_id == str(message.event_id)
    ]  # fmt: skip
    return shapes.SourceMessage(
        event_id=message.event_id, format=message.format, sender=message.sender, message_id=message.message_id,
        message_type=message.message_type, received_at=message.received_at, sha256=message.sha256,
        charset=message.charset, raw=message.raw, deciding=deciding,
    )  # fmt: skip


@post("/alerts/{alert_id:uuid}/acknowledge", guards=[unforged, answering], operation_id="acknowledgeAlert",
      summary="Answer for the version that was read", status_code=200)  # fmt: skip
async def acknowledge(request: AnyRequest, alert_id: UUID, data: shapes.Acknowledgement) -> shapes.Alert:
    """409 when the alert changed since: read again."""
    board = board_of(request)
    async with board.connection() as conn:
        found = existing(await reading.one(conn, alert_id))
        await answer(board, conn, found, viewer_in(request), data.version, data.note)
        return shapes.alert(existing(await reading.one(conn, alert_id)))


@post("/alerts/{alert_id:uuid}/release", guards=[unforged, answering], operation_id="releaseHeldAlerts",
      summary="Send now what waits for a repeat of this specimen", status_code=200)  # fmt: skip
async def release(request: AnyRequest, alert_id: UUID, data: shapes.Release) -> shapes.Alert:
    """Of a specimen mismatch; 409 when nothing waits, or not any more."""
    board = board_of(request)
    async with board.connection() as conn:
        await let_go(board, conn, existing(await reading.one(conn, alert_id)), viewer_in(request), data.note)
        return shapes.alert(existing(await reading.one(conn, alert_id)))


@post("/alerts/{alert_id:uuid}/comment", guards=[unforged, answering], operation_id="commentAlert",
      summary="Add a note to the log", status_code=204)  # fmt: skip
async def comment(request: AnyRequest, alert_id: UUID, data: shapes.Comment) -> None:
    """The note is kept in the alert's log under the person's name."""
    board = board_of(request)
    async with board.connection() as conn:
        await remark(board, conn, existing(await reading.one(conn, alert_id)), viewer_in(request), data.note)


async def _evidence(request: AnyRequest, alert_id: UUID) -> Evidence:
    board = board_of(request)
    async with board.connection() as conn:
        alert = existing(await reading.one(conn, alert_id))
        await _note(conn, request, [alert])
        return await evidence.gather(board, conn, alert)


async def _note(conn: AsyncConnection[Any], request: AnyRequest, alerts: list[AlertRow]) -> None:
    seen = sorted({alert.patient_id for alert in alerts})
    one = alerts[0].alert_id if len(alerts) == 1 else None
    await record(conn, viewer_in(request).who, "read", route_of(request), patients=seen, alert=one)


ROUTES = [list_alerts, get_alert, explain, source, acknowledge, release, comment]
