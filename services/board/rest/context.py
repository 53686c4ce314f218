"""`PUT /api/v1/patients/{id}/context`: what a clinician or the hospital's system knows of a patient."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from litestar import Request, put
from psycopg import AsyncConnection

from schemas.patient_event import ContextChange, ContextEntry
from services.board.access import context_writer, unforged
from services.board.audit import record
from services.board.context import Board, board_of, route_of, viewer_in
from services.board.problems import Refused
from services.board.reading import patients as reading
from services.board.rest import shapes
from services.board.viewer import Viewer
from services.shared.clock import SystemClock
from services.shared.context_event import context_change, fault
from services.shared.kafka import KafkaUnreachable

AnyRequest = Request[Any, Any, Any]
OF_A_PERSON = frozenset({"verdict", "symptom", "chronic_baseline"})
"""What only a clinician can say: a program needs a named person behind its token."""


@put("/patients/{public_id:str}/context", guards=[unforged, context_writer], operation_id="putContext",
     status_code=202, summary="Say what is known of a patient: therapy, transfusion, dialysis; audited")  # fmt: skip
async def put_context(request: AnyRequest, public_id: str, data: shapes.Context) -> shapes.Taken:
    """Taken once the broker confirmed it; the alerts follow within seconds.

    The entries are added to what is known; the same body again changes nothing. 503 when Kafka does not confirm.
    """
    _check(data, viewer_in(request))
    event = await say(request, public_id, [entry.plain() for entry in data.entries])
    return shapes.Taken(event_id=event.event_id, entries=len(event.entries))


async def say(request: AnyRequest, public_id: str, entries: Sequence[ContextEntry]) -> ContextChange:
    """Audit it and send it; returns once the broker confirmed. Refused (404, 503)."""
    board, viewer = board_of(request), viewer_in(request)
    async with board.connection() as conn:
        patient, event = await _event(conn, public_id, entries, viewer)
        said = f"{event.event_id} {','.join(sorted({entry.kind for entry in event.entries}))}"
        await record(conn, viewer.who, "context", route_of(request), patients=[patient], detail=said)
    try:
        await board.sender.send(event)
    except KafkaUnreachable as error:
        await _not_confirmed(board, request, patient, event.event_id)
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "problem.503", f"{error}; send the same again") from error
    return event


def _check(data: shapes.Context, viewer: Viewer) -> None:
    """Everything that the stream would not take is refused here."""
    if not data.entries:
        raise Refused(HTTPStatus.BAD_REQUEST, "problem.400", "entries is empty")
    for number, entry in enumerate(data.entries):
        wrong = fault(entry)
        if wrong:
            raise Refused(HTTPStatus.BAD_REQUEST, "problem.400", f"entries[{number}], {wrong}")
        if entry.kind in OF_A_PERSON and not viewer.person:
            detail = f"entries[{number}]: {entry.kind} needs a named person behind the token"
            raise Refused(HTTPStatus.FORBIDDEN, "problem.403", detail)


async def _event(
    conn: AsyncConnection[Any], public_id: str, entries: Sequence[ContextEntry], viewer: Viewer
) -> tuple[int, ContextChange]:  # fmt: skip
    """The patient's internal id and the event; a merged record's id finds the surviving one."""
    row = await reading.by_public_id(conn, public_id)
    if row is None:
        raise Refused(HTTPStatus.NOT_FOUND, "problem.404", "there is no such patient")
    now = SystemClock().now().isoformat().replace("+00:00", "Z")
    sent_id = await reading.sent_id(conn, row.id)
    return row.id, context_change(sent_id, list(entries), who=viewer.who, received_at=now, form="halo")


async def _not_confirmed(board: Board, request: AnyRequest, patient: int, event_id: str) -> None:
    """The audit says that the change before may not have come to be."""
    async with board.connection() as conn:
        await record(
            conn, viewer_in(request).who, "context_not_confirmed", route_of(request), patients=[patient],
            detail=event_id,
        )  # fmt: skip


ROUTES = [put_context]
