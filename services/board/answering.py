"""What people do with an alert: acknowledge it, add a note, or let go what it holds back.

The ledger writes; here the refusals get their names.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, LiteralString
from uuid import UUID

from psycopg import AsyncConnection

from services.board.context import Board
from services.board.problems import Refused
from services.board.records import AlertRow
from services.board.viewer import Viewer
from services.ledger.acknowledge import acknowledge
from services.ledger.ending_hold import end_hold
from services.ledger.errors import NoSuchAlert, NotHolding, StaleVersion
from services.ledger.journal import Entry
from services.ledger.opening import open_journal

LONGEST_NOTE = 2_000
_LOCK: LiteralString = """
SELECT p.id FROM patient AS p WHERE p.id = (SELECT patient_id FROM alert WHERE alert_id = %s) FOR NO KEY UPDATE
"""


async def answer(
    board: Board, conn: AsyncConnection[Any], alert: AlertRow, viewer: Viewer, version_seen: int, note: str
) -> None:
    """Acknowledge in the viewer's name. Refused when the alert changed since the version that was read."""
    try:
        journal = open_journal(board.settings)
        await acknowledge(conn, str(alert.alert_id), viewer.person, version_seen, _checked(note), journal=journal)
    except StaleVersion as error:
        raise Refused(HTTPStatus.CONFLICT, "problem.worse_since", str(error)) from error
    except NoSuchAlert as error:
        raise Refused(HTTPStatus.NOT_FOUND, "problem.404", str(error)) from error


async def let_go(board: Board, conn: AsyncConnection[Any], alert: AlertRow, viewer: Viewer, note: str) -> None:
    """Send now what waits for a repeat of this specimen. Refused when nothing waits."""
    try:
        await end_hold(conn, str(alert.alert_id), viewer.person, _checked(note), open_journal(board.settings))
    except NotHolding as error:
        raise Refused(HTTPStatus.CONFLICT, "problem.not_holding", str(error)) from error


async def remark(board: Board, conn: AsyncConnection[Any], alert: AlertRow, viewer: Viewer, note: str) -> None:
    """Add a note to the alert's log. Refused when it is empty."""
    if not note.strip():
        raise Refused(HTTPStatus.BAD_REQUEST, "problem.note_empty", "a comment has a text")
    owner = (await (await conn.execute(_LOCK, (alert.alert_id,))).fetchone() or (alert.patient_id,))[0]
    entry = Entry(
        chain=owner, kind="commented", alert_id=str(alert.alert_id), alert_version=alert.version, actor=viewer.person,
        payload={"note": _checked(note)},
    )  # fmt: skip
    await open_journal(board.settings).append(conn, [entry])
    await conn.execute("INSERT INTO live_event (kind, patient_id, alert_id) VALUES ('alert', %s, %s)",
                       (owner, alert.alert_id))  # fmt: skip
    await conn.execute("SELECT pg_notify('halo_live', '')")


def _checked(note: str) -> str:
    if len(note) > LONGEST_NOTE or "\x00" in note:
        raise Refused(HTTPStatus.BAD_REQUEST, "problem.400", f"a note has at most {LONGEST_NOTE} characters, none NUL")
    return note.strip()


async def superseded_by(conn: AsyncConnection[Any], alert: AlertRow) -> UUID | None:
    """The alert that stands for a superseded one today, None when it stands for itself."""
    current, seen = alert.superseded_by, {alert.alert_id}
    while current is not None and current not in seen:
        seen.add(current)
        row = await (await conn.execute("SELECT superseded_by FROM alert WHERE alert_id = %s", (current,))).fetchone()
        if row is None or row[0] is None:
            return current
        current = row[0]
    return current
