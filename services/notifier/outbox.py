"""Outbox to Kafka: each row published once confirmed, in order per patient, one relay per shard by an advisory lock.

Rows are taken unpublished and in order, never by `id > last`: a row of a transaction that commits late is still there.
A kill between the broker's confirmation and the mark publishes the row again; consumers know it by `ce_id`.
"""

from __future__ import annotations

import asyncio
from typing import LiteralString

import msgspec
from aiokafka import AIOKafkaProducer
from psycopg import AsyncConnection
from psycopg.rows import class_row

from services.notifier import metrics

_LOCK: LiteralString = "SELECT pg_try_advisory_xact_lock(hashtextextended('halo outbox', %s))"
_TAKE: LiteralString = """
SELECT id, topic, key, value, headers FROM outbox WHERE shard = %s AND published_at IS NULL ORDER BY id LIMIT %s
"""
_SHARDS: LiteralString = "SELECT DISTINCT shard FROM outbox WHERE published_at IS NULL"
_OLDEST: LiteralString = "SELECT min(created_at) FROM outbox WHERE published_at IS NULL"
_MARK: LiteralString = "UPDATE outbox SET published_at = clock_timestamp() WHERE id = ANY(%s)"
BATCH = 256


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


async def _shard(conn: AsyncConnection, producer: AIOKafkaProducer, shard: int) -> int:
    async with conn.transaction():
        row = await (await conn.execute(_LOCK, (shard,))).fetchone()
        if row is None or not row[0]:
            return 0
        async with conn.cursor(row_factory=class_row(Row)) as cursor:
            rows = await (await cursor.execute(_TAKE, (shard, BATCH))).fetchall()
        await _publish(producer, rows)
        await conn.execute(_MARK, ([row.id for row in rows],))
    return len(rows)


async def _publish(producer: AIOKafkaProducer, rows: list[Row]) -> None:
    """All in order; returns when the broker confirmed every one."""
    confirmations = [
        await producer.send(
            row.topic, row.value, key=row.key, headers=[(k, v.encode()) for k, v in row.headers.items()]
        )
        for row in rows
    ]
    await asyncio.gather(*confirmations)
    for row in rows:
        metrics.OUTBOX_PUBLISHED.labels(row.topic).inc()
