"""`/api/v1/dead-letters`: records nobody could process, their bytes, and what is done about them. Stewards only."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, get, post

from services.board.access import at_the_bench, steward, unforged
from services.board.audit import record
from services.board.context import board_of, route_of, viewer_in
from services.board.rest.stewards import Note
from services.board.stewarding import checked, done, note_act
from services.ledger import dead_letters

AnyRequest = Request[Any, Any, Any]


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A record that nobody could process; its bytes are kept."""

    id: UUID
    topic: str
    partition: int
    kafka_offset: int
    error_class: str
    reason: str
    code_version: str
    bytes: int
    created_at: datetime
    replayed_at: datetime | None
    replayed_by: str
    closed_at: datetime | None
    closed_by: str
    close_reason: str


class WholeDeadLetter(DeadLetter, frozen=True, kw_only=True):
    """The same with what it carried."""

    key: bytes | None
    """Base64; the patient's id as a rule."""
    value: bytes
    """Base64 of the original bytes."""
    headers: list[tuple[str, str]]


def _fields(found: dead_letters.DeadLetter) -> dict[str, Any]:
    values = msgspec.structs.asdict(found)
    return {name: values[name] for name in DeadLetter.__struct_fields__ if name in values} | {
        "id": UUID(found.id), "bytes": found.size,
    }  # fmt: skip


@get("/dead-letters", guards=[steward], operation_id="listDeadLetters", summary="Records nobody could process")
async def listed(request: AnyRequest, *, everything: bool = False) -> list[DeadLetter]:
    """Those nobody has answered, or with `everything=true` all; the oldest 1,000."""
    async with board_of(request).connection() as conn:
        await record(conn, viewer_in(request).who, "read", route_of(request))
        return [DeadLetter(**_fields(one)) for one in await dead_letters.listed(conn, everything=everything)]


@get("/dead-letters/{letter:uuid}", guards=[steward], operation_id="getDeadLetter", summary="One, with its bytes")
async def one(request: AnyRequest, letter: UUID) -> WholeDeadLetter:
    """Key, headers and value as they came."""
    async with board_of(request).connection() as conn:
        found = await done(_found(conn, letter))
        await record(conn, viewer_in(request).who, "read", route_of(request), detail=str(letter))
        return WholeDeadLetter(**_fields(found), key=found.key, value=found.value, headers=found.headers)


@post("/dead-letters/{letter:uuid}/release", guards=[unforged, at_the_bench], operation_id="releaseDeadLetter",
      summary="Through the topic once more", status_code=202)  # fmt: skip
async def release(request: AnyRequest, letter: UUID, data: Note) -> DeadLetter:
    """The original bytes; what is stored already stays as it is. 409 while they still cannot be read."""
    async with board_of(request).connection() as conn:
        await note_act(
            conn, viewer_in(request), "dead_letter_replay", route_of(request), f"{letter} {checked(data.note)}"
        )
        await done(dead_letters.replay(conn, str(letter), viewer_in(request).person))
        return DeadLetter(**_fields(await _found(conn, letter)))


@post("/dead-letters/{letter:uuid}/close", guards=[unforged, at_the_bench], operation_id="closeDeadLetter",
      summary="Nothing will come of it, with a reason", status_code=200)  # fmt: skip
async def close(request: AnyRequest, letter: UUID, data: Note) -> DeadLetter:
    """The bytes stay; 409 without a reason, or when it was answered before."""
    async with board_of(request).connection() as conn:
        await note_act(conn, viewer_in(request), "dead_letter_close", route_of(request), str(letter))
        await done(dead_letters.close(conn, str(letter), viewer_in(request).person, checked(data.note)))
        return DeadLetter(**_fields(await _found(conn, letter)))


async def _found(conn: Any, letter: UUID) -> dead_letters.DeadLetter:
    found = await dead_letters.shown(conn, str(letter))
    if found is None:
        raise LookupError(f"there is no dead letter {letter}")
    return found


ROUTES = [listed, one, release, close]
