"""Dead letters as people look at them, and their replay: the original bytes go through the topic once more."""

from __future__ import annotations

from datetime import datetime
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection

from schemas.codec import decode_event
from schemas.errors import UndecodableEvent
from services.ledger.writes import OUTBOX, shard

_COLUMNS: LiteralString = (
    "id::text, topic, partition, kafka_offset, key, error_class, reason, code_version, created_at, replayed_at,"
    " replayed_by, closed_at, closed_by, close_reason"
)
_SELECT: LiteralString = "SELECT " + _COLUMNS + ", octet_length(value) AS size"
_OPEN: LiteralString = "replayed_at IS NULL AND closed_at IS NULL"
_LIST: LiteralString = _SELECT + " FROM dead_letter WHERE %s OR (" + _OPEN + ") ORDER BY created_at, id LIMIT %s"
_SHOW: LiteralString = _SELECT + ", value, headers FROM dead_letter WHERE id = %s"
_TAKE: LiteralString = "SELECT topic, key, value FROM dead_letter WHERE id = %s FOR UPDATE"
_DONE: LiteralString = "UPDATE dead_letter SET replayed_at = clock_timestamp(), replayed_by = %s WHERE id = %s"
_CLOSE: LiteralString = """
UPDATE dead_letter SET closed_at = clock_timestamp(), closed_by = %s, close_reason = %s
WHERE id = %s AND closed_at IS NULL AND replayed_at IS NULL RETURNING key
"""
_FREE: LiteralString = """
UPDATE patient SET incomplete = incomplete - 'dead_letter', series_version = series_version + 1
WHERE sent_id = %s AND NOT EXISTS (
    SELECT FROM dead_letter WHERE key = %s AND replayed_at IS NULL AND closed_at IS NULL)
"""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `dead_letter`."""

    id: str
    topic: str
    partition: int
    kafka_offset: int
    key: bytes | None
    error_class: str
    reason: str
    code_version: str
    created_at: datetime
    replayed_at: datetime | None
    replayed_by: str = ""
    closed_at: datetime | None = None
    closed_by: str = ""
    close_reason: str = ""
    """Why nothing more will come of it, in a person's words."""
    size: int
    value: bytes = b""
    headers: list[tuple[str, str]] = []

    @property
    def state(self) -> str:
        """`open`, `replayed` or `closed`."""
        return "replayed" if self.replayed_at else "closed" if self.closed_at else "open"


class NotReplayable(ValueError):
    """Replaying would end in the dead letters again; the text says why."""


class NotOpen(ValueError):
    """Somebody has answered it already, or no reason was given."""


async def listed(conn: AsyncConnection[Any], *, everything: bool = False, limit: int = 1000) -> list[DeadLetter]:
    """Those nobody has answered yet, or all; oldest first."""
    return await _rows(conn, _LIST, (everything, limit))


async def shown(conn: AsyncConnection[Any], identity: str) -> DeadLetter | None:
    """One, with its bytes."""
    found = await _rows(conn, _SHOW, (identity,))
    return found[0] if found else None


async def replay(conn: AsyncConnection[Any], identity: str, who: str = "") -> None:
    """Queue the original bytes for their topic again, in the caller's transaction. Event ids make a repeat harmless.

    NotReplayable when they still cannot be decoded; LookupError without such a dead letter.
    """
    row = await (await conn.execute(_TAKE, (identity,))).fetchone()
    if row is None:
        raise LookupError(f"there is no dead letter {identity}")
    topic, key, value = row
    try:
        decode_event(value)
    except UndecodableEvent as error:
        raise NotReplayable(f"dead letter {identity} still cannot be read: {error}") from error
    await OUTBOX.run(conn, [(shard(key), topic, key or b"", value, '{"halo_replay": "1"}')])
    await conn.execute(_DONE, (who, identity))
    await _free(conn, key)
    await conn.execute("SELECT pg_notify('halo_outbox', '')")


async def close(conn: AsyncConnection[Any], identity: str, who: str, reason: str) -> None:
    """A person has decided that nothing will come of it: the bytes stay, the patient counts as complete again.

    NotOpen without a reason, or when it was answered before.
    """
    if not reason:
        raise NotOpen("closing needs a reason")
    row = await (await conn.execute(_CLOSE, (who, reason, identity))).fetchone()
    if row is None:
        raise NotOpen(f"dead letter {identity} is not open")
    await _free(conn, row[0])


async def _free(conn: AsyncConnection[Any], key: bytes | None) -> None:
    """The patient of the last open one is not marked incomplete any more."""
    name = (key or b"").decode("utf-8", "replace").replace("\0", "")
    await conn.execute(_FREE, (name, key))


async def _rows(conn: AsyncConnection[Any], query: LiteralString, parameters: tuple[Any, ...]) -> list[DeadLetter]:
    cursor = await conn.execute(query, parameters)
    names = [column.name for column in cursor.description or ()]
    return [msgspec.convert(dict(zip(names, row, strict=True)), DeadLetter) for row in await cursor.fetchall()]
