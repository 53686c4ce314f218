"""Records nobody could process: the list, one with its bytes, and what is decided about it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.response import Redirect

from services.board.access import at_the_bench, steward, unforged
from services.board.audit import record
from services.board.context import board_of, route_of, viewer_in
from services.board.pages.forms import form
from services.board.pages.quarantine import Decision
from services.board.problems import Refused
from services.board.rendering import page
from services.board.stewarding import checked, done, note_act
from services.ledger import dead_letters

AnyRequest = Request[Any, Any, Any]
SHOWN = 64 * 1024
"""Bytes of a record that the page shows."""
_LINE = 16


@get("/dead-letters", guards=[steward], include_in_schema=False)
async def letter_list(request: AnyRequest) -> Response[str]:
    """The open ones, or all."""
    everything = request.query_params.get("state") == "all"
    async with board_of(request).connection() as conn:
        found = await dead_letters.listed(conn, everything=everything, limit=500)
        await record(conn, viewer_in(request).who, "read", route_of(request))
    return page(request, "dead_letters.html", letters=found, everything=everything)


@get("/dead-letters/{letter:uuid}", guards=[steward], include_in_schema=False)
async def letter_page(request: AnyRequest, letter: UUID) -> Response[str]:
    """One: reason, headers, and its bytes as text and as hexadecimal."""
    async with board_of(request).connection() as conn:
        found = await dead_letters.shown(conn, str(letter))
        await record(conn, viewer_in(request).who, "read", route_of(request), detail=str(letter))
    if found is None:
        raise Refused(HTTPStatus.NOT_FOUND, "problem.404", "there is no such dead letter")
    value = found.value[:SHOWN]
    return page(
        request, "dead_letter.html", d=found, text=readable(value), hexadecimal=dump(value[: SHOWN // 8]),
        key=readable(found.key or b""), cut=found.size > SHOWN,
    )  # fmt: skip


@post("/dead-letters/{letter:uuid}/{act:str}", guards=[unforged, at_the_bench], include_in_schema=False)
async def decide_letter(request: AnyRequest, letter: UUID, act: str) -> Redirect:
    """Replay it, or close it with a reason."""
    data, who = await form(request, Decision), viewer_in(request).person
    async with board_of(request).connection() as conn:
        if act == "replay":
            await done(dead_letters.replay(conn, str(letter), who))
        elif act == "close":
            await done(dead_letters.close(conn, str(letter), who, checked(data.note)))
        else:
            raise Refused(HTTPStatus.NOT_FOUND, "problem.404", "there is no such decision")
        await note_act(conn, viewer_in(request), f"dead_letter_{act}", route_of(request), str(letter))
    return Redirect(f"/dead-letters/{letter}", status_code=303)


def readable(value: bytes) -> str:
    """For the eye only: what is no printable text shows as escapes, lines stay lines."""
    text = value.decode("utf-8", "backslashreplace").replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)


def dump(value: bytes) -> str:
    """Offset, bytes in hexadecimal, and what of them is printable ASCII."""
    lines = []
    for offset in range(0, len(value), _LINE):
        part = value[offset : offset + _LINE]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)  # noqa: PLR2004 - printable ASCII
        lines.append(f"{offset:08x}  {part.hex(' '):<47}  {shown}")
    return "\n".join(lines)


PAGES = [letter_list, letter_page, decide_letter]
