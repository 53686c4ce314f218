"""Outbox to Kafka: each row published once confirmed, in order per patient, one relay per shard by an advisory lock.

Rows are taken unpublished and in order, never by `id > last`: a row of a transaction that commits late is still there.
A kill between the broker's confirmation and the mark publishes the row again; consumers know it by `ce_id`.
"""

from __future__ import annotations

import asyncio
from typing import LiteralString

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError, RecordTooLargeError
from psycopg import AsyncConnection
from psycopg.rows import class_row

from services.notifier import metrics
from services.notifier.operations import raise_technical

_LOCK: LiteralString = "SELECT pg_try_advisory_xact_lock(hashtextextended('halo outbox', %s))"
_TAKE: LiteralString = """
SELECT id, topic, key, value, headers FROM outbox
WHERE shard = %s AND published_at IS NULL AND refused IS NULL ORDER BY id LIMIT %s
"""
_SHARDS: LiteralString = "SELECT DISTINCT shard FROM outbox WHERE published_at IS NULL AND refused IS NULL"
_OLDEST: LiteralString = "SELECT min(created_at) FROM outbox WHERE published_at IS NULL AND refused IS NULL"
_MARK: LiteralString = "UPDATE outbox SET published_at = clock_timestamp() WHERE id = ANY(%s)"
_REFUSED: LiteralString = "UPDATE outbox SET refused = %s WHERE id = %s"
_PRUNE: LiteralString = "DELETE FROM outbox WHERE published_at < clock_timestamp() - interval '7 days'"
BATCH = 256
NEVER = (MessageSizeTooLargeError, RecordTooLargeError)
"""Errors of one record that no waiting mends."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One unpublished record."""

    id: int
    topic: str
    key: bytes
    value: bytes
    headers: dict[str, str]


async def publish_waiting(conn: AsyncConnection, producer: AIOKafkaProducer) -> int:
    """Publish what waits; how many rows. Raises aiokafka's errors when the broker is away: nothing is marked then."""
    await _measure(conn)
    shards = [row[0] for row in await (await conn.execute(_SHARDS)).fetchall()]
    return sum([await _shard(conn, producer, shard) for shard in shards])


async def _measure(conn: AsyncConnection) -> None:
    row = await (await conn.execute(_OLDEST)).fetchone()
    metrics.OUTBOX_OLDEST.set(row[0].timestamp() if row and row[0] else 0)


async def prune(conn: AsyncConnection) -> int:
    """Delete what was published longer ago than it may be of use to anybody; how many rows. Refused rows stay."""
    return (await conn.execute(_PRUNE)).rowcount


async def _shard(conn: AsyncConnection, producer: AIOKafkaProducer, shard: int) -> int:
    async with conn.transaction():
        row = await (await conn.execute(_LOCK, (shard,))).fetchone()
        if row is None or not row[0]:
            return 0
        async with conn.cursor(row_factory=class_row(Row)) as cursor:
            rows = await (await cursor.execute(_TAKE, (shard, BATCH))).fetchall()
        refused = await _publish(producer, rows)
        await conn.execute(_MARK, ([row.id for row in rows if row.id not in refused],))
        for identity, reason in refused.items():
            await _refuse(conn, identity, reason)
    return len(rows)


async def _publish(producer: AIOKafkaProducer, rows: list[Row]) -> dict[int, str]:
    """All in order; returns when the broker confirmed every one but those it will never take, with its reasons.

    Any other error is raised: the broker is away, and all of it is tried again.
    """
    refused: dict[int, str] = {}
    confirmations: dict[int, asyncio.Future[object]] = {}
    for row in rows:
        headers = [(name, value.encode()) for name, value in row.headers.items()]
        try:
            confirmations[row.id] = await producer.send(row.topic, row.value, key=row.key, headers=headers)
        except NEVER as error:
            refused[row.id] = _words(error)
    for identity, confirmation in confirmations.items():
        try:
            await confirmation
        except NEVER as error:
            refused[identity] = _words(error)
    for row in rows:
        metrics.OUTBOX_PUBLISHED.labels(row.topic).inc(row.id not in refused)
    return refused


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]


async def _refuse(conn: AsyncConnection, identity: int, reason: str) -> None:
    """One row must not stop those behind it; it is kept, and operations hear."""
    await conn.execute(_REFUSED, (reason, identity))
    await raise_technical(
        conn,
        key=f"outbox_refused {identity}",
        kind="outbox_refused",
        severity="HIGH",
        detail=f"outbox row {identity} cannot be published: {reason}. It is kept; other systems do not hear of it. "
        "Compare max.message.bytes of the topic with `halo doctor`",
    )
