"""Where each partition stands, in the database: what is stored and from where a worker starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, LiteralString

import msgspec
from psycopg import AsyncConnection

from services.ledger.record import StreamName

_INSERT: LiteralString = """
INSERT INTO consumer_offset (consumer_group, cluster_id, topic, topic_id, partition, next_offset)
SELECT %(group)s, %(cluster)s, %(topic)s, %(topic_id)s, unnest(%(partitions)s::int[]), 0 ORDER BY 5
ON CONFLICT DO NOTHING
"""
_LOCK: LiteralString = """
SELECT partition, next_offset FROM consumer_offset
WHERE consumer_group = %(group)s AND cluster_id = %(cluster)s AND topic_id = %(topic_id)s
  AND partition = ANY(%(partitions)s) ORDER BY partition FOR UPDATE
"""
_ADVANCE: LiteralString = """
UPDATE consumer_offset AS o
SET next_offset = CASE WHEN %(reset)s THEN n.next ELSE greatest(o.next_offset, n.next) END,
    heartbeat_at = greatest(o.heartbeat_at, n.beat), updated_at = clock_timestamp()
FROM unnest(%(partitions)s::int[], %(next)s::bigint[], %(beats)s::timestamptz[]) AS n(partition, next, beat)
WHERE o.consumer_group = %(group)s AND o.cluster_id = %(cluster)s AND o.topic_id = %(topic_id)s
  AND o.partition = n.partition
"""
_KNOWN: LiteralString = """
SELECT DISTINCT partition FROM consumer_offset
WHERE consumer_group = %(group)s AND topic = %(topic)s AND partition = ANY(%(partitions)s)
"""


async def lock(conn: AsyncConnection[Any], stream: StreamName, partitions: Iterable[int]) -> dict[int, int]:
    """Lock the rows in order, made where missing; the next offset of each partition. Other workers wait here."""
    wanted = sorted(set(partitions))
    row = {**_names(stream), "partitions": wanted}
    found = dict(await (await conn.execute(_LOCK, row)).fetchall())
    if len(found) < len(wanted):
        await conn.execute(_INSERT, row)
        found = dict(await (await conn.execute(_LOCK, row)).fetchall())
    return found


async def advance(
    conn: AsyncConnection[Any],
    stream: StreamName,
    positions: Mapping[int, int],
    beats: Mapping[int, datetime] | None = None,
    *,
    reset: bool = False,
) -> None:
    """Write the next offsets (never lower than they are, unless `reset`) and the newest heartbeats."""
    partitions = sorted(positions)
    row = {
        **_names(stream), "partitions": partitions, "next": [positions[p] for p in partitions],
        "beats": [(beats or {}).get(p) for p in partitions], "reset": reset,
    }  # fmt: skip
    await conn.execute(_ADVANCE, row)


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """From where to read one partition, and why."""

    offset: int
    reason: Literal["stored", "kafka_ahead", "kafka_behind", "new", "other_log", "tail_lost", "expired"]
    detail: str = ""


def choose(stored: int | None, kafka: int | None, first: int, end: int, *, known: bool) -> Start:
    """The start of a partition whose log holds offsets `first` up to but not `end`. The database decides.

    `known`: this group has stored offsets of this topic and partition under another cluster or topic id.
    """
    if stored is None:
        return Start(offset=first, reason="other_log" if known else "new", detail=f"from the earliest, {first}")
    if end < stored:
        return Start(offset=first, reason="tail_lost", detail=f"stored up to {stored}, the log ends at {end}")
    if first > stored:
        return Start(offset=first, reason="expired", detail=f"stored up to {stored}, the log begins at {first}")
    if kafka is not None and kafka > stored:
        return Start(offset=stored, reason="kafka_ahead", detail=f"Kafka's group was at {kafka}, stored is {stored}")
    return Start(offset=stored, reason="stored" if kafka == stored else "kafka_behind")


ALARMING = frozenset({"kafka_ahead", "other_log", "tail_lost", "expired"})
"""Starts that operations must hear of."""


async def starts(
    conn: AsyncConnection[Any], stream: StreamName, log: Mapping[int, tuple[int | None, int, int]]
) -> dict[int, Start]:
    """Choose the start of every assigned partition and write it, locked; `log` gives (Kafka's, first, end) of each.

    The caller owns the transaction and reports the alarming ones in it.
    """
    partitions = sorted(log)
    row = {**_names(stream), "partitions": partitions}
    known = {p for (p,) in await (await conn.execute(_KNOWN, row)).fetchall()}
    before = dict(await (await conn.execute(_LOCK, row)).fetchall())
    chosen = {p: choose(before.get(p), *log[p], known=p in known) for p in partitions}
    await conn.execute(_INSERT, row)
    await advance(conn, stream, {p: start.offset for p, start in chosen.items()}, reset=True)
    return chosen


_WATERMARK: LiteralString = """
WITH newest AS (
    SELECT cluster_id, topic_id FROM consumer_offset WHERE consumer_group = %(group)s AND topic = %(topic)s
    ORDER BY updated_at DESC LIMIT 1
)
SELECT count(*), count(heartbeat_at), min(heartbeat_at) FROM consumer_offset JOIN newest USING (cluster_id, topic_id)
WHERE consumer_group = %(group)s AND topic = %(topic)s
"""


async def watermark(conn: AsyncConnection[Any], group: str, topic: str, partitions: int = 0) -> datetime | None:
    """Up to when everything that came in is stored: the oldest of the newest heartbeats, of the log written last.

    None while a partition has none, or fewer than `partitions` are known: then nothing may be called late.
    """
    cursor = await conn.execute(_WATERMARK, {"group": group, "topic": topic})
    known, beating, oldest = (await cursor.fetchone()) or (0, 0, None)
    complete = known == beating and known >= max(partitions, 1)
    return oldest if complete else None


def _names(stream: StreamName) -> dict[str, Any]:
    return {
        "group": stream.group, "cluster": stream.cluster_id, "topic": stream.topic, "topic_id": stream.topic_id,
    }  # fmt: skip


_STORED: LiteralString = """
SELECT partition, next_offset FROM consumer_offset
WHERE consumer_group = %(group)s AND cluster_id = %(cluster)s AND topic = %(topic)s AND topic_id = %(topic_id)s
"""


async def stored(conn: AsyncConnection[Any], stream: StreamName) -> dict[int, int]:
    """The next offset of every partition that a worker had; read without a lock, for who only watches."""
    return dict(await (await conn.execute(_STORED, _names(stream))).fetchall())
