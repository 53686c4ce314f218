"""The page of candidates: not enrolled, with an M-protein or an abnormal light chain ratio; a person decides."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.response import Redirect

from schemas.patient_event import ContextEntry
from services.board.access import context_writer, named_reader, unforged
from services.board.audit import record
from services.board.context import board_of, route_of, viewer_in
from services.board.pages.forms import form
from services.board.problems import Refused
from services.board.reading import patients
from services.board.rendering import page
from services.board.rest.context import say
from services.shared.candidates import listed
from services.shared.clock import SystemClock


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """The form of one line."""

    value: Literal["enrolled", "ended"]
    note: str = ""
    csrf: str = ""


@get("/candidates", guards=[named_reader], include_in_schema=False)
async def candidates_page(request: Request[Any, Any, Any], taken: bool = False) -> Response[str]:
    """The newest first; the people on it are audited as read."""
    async with board_of(request).connection() as conn:
        found = await listed(conn)
        people = await patients.by_ids(conn, sorted({one.id for one in found}))
        await record(conn, viewer_in(request).who, "read", route_of(request), patients=sorted(people) or [None])
    lines = [(one, people[one.id]) for one in found if one.id in people]
    return page(request, "candidates.html", lines=lines, taken=taken)


@post("/candidates/{public_id:str}", guards=[unforged, context_writer], include_in_schema=False)
async def candidate_form(request: Request[Any, Any, Any], public_id: str) -> Redirect:
    """Enrol, or say that this patient is not to be watched: a change of context in the person's name."""
    if not viewer_in(request).person:
        raise Refused(HTTPStatus.FORBIDDEN, "problem.403", "a named person enrols")
    data = await form(request, Choice)
    now = SystemClock().now().isoformat().replace("+00:00", "Z")
    entry = ContextEntry(kind="enrolment", value=data.value, from_=now, note=data.note[:500])
    await say(request, public_id, [entry])
    return Redirect("/candidates?taken=true", status_code=303)
