"""`/api/v1/patient-links`: records that may be one person; a steward confirms or undoes. Audited."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Literal

import msgspec
from litestar import Request, get, post

from services.board.access import steward, unforged
from services.board.audit import record
from services.board.context import board_of, route_of, viewer_in
from services.board.problems import Refused
from services.board.rest import shapes
from services.shared import linking
from services.shared.clock import SystemClock
from services.shared.kafka import KafkaUnreachable
from services.shared.linking import Link, Record

AnyRequest = Request[Any, Any, Any]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What a person says of two records, by opaque id."""

    survivor: str
    """Whose record goes on; of an undoing it does not matter which is which."""
    other: str
    decision: Literal["confirm", "undo"]


@get("/patient-links", guards=[steward], operation_id="listPatientLinks", summary="Records that may be one person")
async def links(request: AnyRequest, *, everything: bool = False) -> list[Link]:
    """The open ones; with `everything=true` also those that were decided; 1,000 at most."""
    async with board_of(request).connection() as conn:
        await record(conn, viewer_in(request).who, "read", route_of(request))
        return await linking.links(conn, everything=everything)


@post("/patient-links", guards=[unforged, steward], operation_id="decidePatientLink", status_code=202,
      summary="Two records are one person, or are not; audited")  # fmt: skip
async def decide(request: AnyRequest, data: Decision) -> shapes.Taken:
    """Taken once the broker confirmed it; both are evaluated anew within seconds. 404, 400, 403, 503."""
    viewer, board = viewer_in(request), board_of(request)
    if not viewer.person:
        raise Refused(HTTPStatus.FORBIDDEN, "problem.403", "who is who needs a named person behind the token")
    undo = data.decision == "undo"
    async with board.connection() as conn:
        into, other = [_found(await linking.record(conn, name), name) for name in (data.survivor, data.other)]
        if into.id == other.id:
            raise Refused(HTTPStatus.BAD_REQUEST, "problem.400", "survivor and other are the same record")
        kind = "patient_parted" if undo else "patient_merged"
        await record(conn, viewer.who, kind, route_of(request), patients=[into.id, other.id])
    at = SystemClock().now().isoformat().replace("+00:00", "Z")
    event = linking.decision(into.sent_id, other.sent_id, undo=undo, who=viewer.who, at=at)
    try:
        await board.sender.send(event)
    except KafkaUnreachable as error:
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "problem.503", f"{error}; send the same again") from error
    return shapes.Taken(event_id=event.event_id, entries=1)


def _found(found: Record | None, name: str) -> Record:
    if found is None or name != found.public_id:
        raise Refused(HTTPStatus.NOT_FOUND, "problem.404", "there is no such patient")
    return found


ROUTES = [links, decide]
