"""What data stewards do on pages and by the API; the ledger decides, here the refusals get their names."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from http import HTTPStatus
from typing import Any, TypeVar
from uuid import UUID

from psycopg import AsyncConnection

from services.board.audit import record
from services.board.problems import Refused
from services.board.viewer import Viewer
from services.ledger import quarantine
from services.ledger.dead_letters import NotOpen, NotReplayable
from services.ledger.quarantine import Item
from services.ledger.stewarding import NotNow

LONGEST_NOTE = 2_000
T = TypeVar("T")


async def existing(conn: AsyncConnection[Any], identity: UUID) -> Item:
    """The held result. Refused (404) when there is none."""
    found = await quarantine.one(conn, identity)
    if found is None:
        raise Refused(HTTPStatus.NOT_FOUND, "problem.404", "there is no such held result")
    return found


async def done(work: Awaitable[T]) -> T:
    """What the ledger did. Refused (409) with its words when it does not fit any more, (404) when it is not there."""
    try:
        return await work
    except (NotNow, NotOpen, NotReplayable) as error:
        raise Refused(HTTPStatus.CONFLICT, "problem.not_now", str(error)) from error
    except LookupError as error:
        raise Refused(HTTPStatus.NOT_FOUND, "problem.404", str(error)) from error


def checked(note: str) -> str:
    """A note as it is kept. Refused (400) when it is too long."""
    if len(note) > LONGEST_NOTE or "\x00" in note:
        raise Refused(HTTPStatus.BAD_REQUEST, "problem.400", f"a note has at most {LONGEST_NOTE} characters, none NUL")
    return note.strip()


async def note_reading(conn: AsyncConnection[Any], viewer: Viewer, route: str, items: Iterable[Item]) -> None:
    """A row of the audit for each patient whose held results were shown, or one without a patient."""
    public = sorted({item.patient for item in items if item.patient})
    rows = await (await conn.execute("SELECT id FROM patient WHERE public_id = ANY(%s)", (public,))).fetchall()
    await record(conn, viewer.who, "read", route, patients=[row[0] for row in rows] or [None])


async def note_act(conn: AsyncConnection[Any], viewer: Viewer, action: str, route: str, detail: str) -> None:
    """A row of the audit for a decision; what it was about stands in `detail`."""
    await record(conn, viewer.who, action, route, detail=detail)
