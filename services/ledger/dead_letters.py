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
    "id::text, topic, partition, kafka_offset, key, error_class, reason, code_version, created_at, replayed_at"
)
_SELECT: LiteralString = "SELECT " + _COLUMNS + ", octet_length(value) AS size"
_LIST: LiteralString = _SELECT + " FROM dead_letter WHERE %s OR replayed_at IS NULL ORDER BY created_at"
_SHOW: LiteralString = _SELECT + ", value, headers FROM dead_letter WHERE id = %s"
_TAKE: LiteralString = "SELECT topic, key, value FROM dead_letter WHERE id = %s FOR UPDATE"
_DONE: LiteralString = "UPDATE dead_letter SET replayed_at = clock_timestamp() WHERE id = %s"
_FREE: LiteralString = """
UPDATE patient SET incomplete = incomplete - 'dead_letter', series_version = series_version + 1
WHERE sent_id = %s AND NOT EXISTS (SELECT FROM dead_letter WHERE key = %s AND replayed_at IS NULL)
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
    size: int
    value: bytes = b""
    headers: list[tuple[str, str]] = []


class NotReplayable(ValueError):
    """Replaying would end in the dead letters again; the text says why."""


async def listed(conn: AsyncConnection[Any], *, everything: bool = False) -> list[DeadLetter]:
    """Those not replayed yet, or all; oldest first."""
    return await _rows(conn, _LIST, (everything,))


async def shown(conn: AsyncConnection[Any], identity: str) -> DeadLetter | None:
    """One, with its bytes."""
    found = await _rows(conn, _SHOW, (identity,))
    return found[0] if found else None


async def replay(conn: AsyncConnection[Any], identity: str) -> None:
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
    await conn.execute(_DONE, (identity,))
    name = (key or b"").decode("utf-8", "replace").replace("\0", "")
    await conn.execute(_FREE, (name, key))
    await conn.execute("SELECT pg_notify('halo_outbox', '')")


async def _rows(conn: AsyncConnection[Any], query: LiteralString, parameters: tuple[Any, ...]) -> list[DeadLetter]:
    cursor = await conn.execute(query, parameters)
    names = [column.name for column in cursor.description or ()]
    return [msgspec.convert(dict(zip(names, row, strict=True)), DeadLetter) for row in await cursor.fetchall()]
