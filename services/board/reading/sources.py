"""The kept messages behind an alert, cut where its deciding results stand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncConnection

from alerts.result import Provenance, Result
from services.board.reading.rows import record_row

_MESSAGES = """
SELECT event_id, format, sender, message_id, message_type, sent_at, received_at, stored_at, sha256, charset, raw
FROM source_message WHERE event_id = ANY(%s) ORDER BY received_at, event_id
"""
_CHARSETS = {"UNICODE UTF-8": "utf-8", "8859/1": "iso-8859-1", "ASCII": "ascii", "": "utf-8"}


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A source message as it was received."""

    event_id: UUID
    format: str
    sender: str
    message_id: str
    message_type: str
    sent_at: str
    received_at: datetime
    stored_at: datetime
    sha256: str
    charset: str
    raw: bytes


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A run of the message's text; `result` is the id of the deciding result that stands there, or empty."""

    text: str
    result: str = ""
    segment: int = 0
    offset: int = 0


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A message with its deciding segments marked."""

    message: Message
    pieces: tuple[Piece, ...]


async def results(conn: AsyncConnection[Any], ids: Sequence[str]) -> list[Result]:
    """The stored results with these ids, in collection order."""
    cursor = await conn.execute(
        "SELECT body FROM result WHERE result_id = ANY(%s::uuid[]) ORDER BY collected_at, analyte", (list(ids),)
    )
    return [msgspec.json.decode(bytes(body), type=Result) for (body,) in await cursor.fetchall()]


async def sources(conn: AsyncConnection[Any], deciding: Sequence[Result]) -> list[Source]:
    """The messages that carried the results, oldest first."""
    marks: dict[str, dict[str, Provenance]] = defaultdict(dict)
    for result in deciding:
        marks[result.source.event_id][result.result_id] = result.source
    async with conn.cursor(row_factory=record_row(Message)) as cursor:
        await cursor.execute(_MESSAGES, ([UUID(event) for event in marks],))
        messages = await cursor.fetchall()
    return [Source(message=m, pieces=cut(m.raw, m.charset, marks[str(m.event_id)])) for m in messages]


def cut(raw: bytes, charset: str, marks: dict[str, Provenance]) -> tuple[Piece, ...]:
    """The bytes as text, in pieces that together are the whole message; overlapping marks keep the first."""
    pieces: list[Piece] = []
    position = 0
    for result_id, place in sorted(marks.items(), key=lambda item: item[1].offset):
        if place.offset < position or place.offset + place.length > len(raw):
            continue  # two results of one segment: it is marked once; a place beyond the bytes marks nothing
        pieces.append(Piece(text=decoded(raw[position : place.offset], charset)))
        end = place.offset + place.length
        text = decoded(raw[place.offset : end], charset)
        pieces.append(Piece(text=text, result=result_id, segment=place.segment, offset=place.offset))
        position = end
    return (*pieces, Piece(text=decoded(raw[position:], charset)))


def decoded(raw: bytes, charset: str) -> str:
    """For the eye only: bytes outside the charset show as escapes, a segment's end as a new line."""
    try:
        text = raw.decode(_CHARSETS.get(charset, charset or "utf-8"), "backslashreplace")
    except LookupError:
        text = raw.decode("utf-8", "backslashreplace")
    return text.replace("\r\n", "\n").replace("\r", "\n")
