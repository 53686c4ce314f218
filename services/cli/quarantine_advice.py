"""What helps to decide about one held result: what differs between record and message, and what the page advises."""

from __future__ import annotations

from typing import Any, LiteralString
from zoneinfo import ZoneInfo

from psycopg import AsyncConnection

from schemas.codec import decode_event
from schemas.errors import UndecodableEvent
from schemas.patient_event import ContextChange, LabReport
from services.board.words import Words
from services.ledger.identity import CONFLICT
from services.ledger.quarantine import Item

_BOTH: LiteralString = """
SELECT s.event, p.family, p.birth_date, p.sex FROM patient AS p, source_message AS s
WHERE p.public_id = %s AND s.event_id = %s
"""
_WORDS = ("family name", "birth date", "sex")
"""As `services.ledger.identity` names them."""


def advice(item: Item) -> str:
    """What to do, as the page of the held result says it."""
    words = Words("en", ZoneInfo("UTC"))
    return words.term(f"todo.{item.reason}", words("todo.other"))


async def differing(conn: AsyncConnection[Any], item: Item) -> list[str]:
    """Of an `identity_conflict` each word that its detail names, as the record has it now and as the message says.

    None where the two are the same by now, or where it is not the words that are in doubt.
    """
    if item.reason != CONFLICT or item.patient is None:
        return []
    row = await (await conn.execute(_BOTH, (item.patient, item.event_id))).fetchone()
    if row is None:
        return []
    event, *known = row
    sides = zip(_WORDS, known, _said(event), strict=True)
    return [
        f"{word}: record {mine}, message {theirs}" for word, mine, theirs in sides
        if word in item.detail and mine and theirs and mine != theirs
    ]  # fmt: skip


def _said(event: bytes) -> tuple[str, str, str]:
    try:
        found = decode_event(bytes(event))
    except UndecodableEvent:  # kept by a version that wrote another form: the rest of the item is shown without it
        return ("", "", "")
    if not isinstance(found, LabReport | ContextChange):
        return ("", "", "")
    return (found.patient.family, found.patient.birth_date, found.patient.sex)
