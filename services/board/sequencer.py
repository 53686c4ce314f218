"""Numbers for live events, given after their transactions committed, by one process at a time.

Rows are written with an id long before their transaction commits, so ids do not show in order and a reader of
`id > last` would miss rows of a transaction that was held open. The sequencer numbers what it can *see* as committed;
its lock is held until its own commit, so the numbers become visible in order and a reader of `seq > last` misses none.
"""

from __future__ import annotations

from typing import Any, LiteralString

from psycopg import AsyncConnection

LOCK = 0x48414C4F_00000001  # "HALO", 1: the sequencer
BATCH = 1_000
KEPT = "24 hours"
CHANNEL = "halo_live_numbered"

_STAMP: LiteralString = """
UPDATE live_event SET seq = numbered.seq FROM (
    SELECT id, nextval('live_event_seq') AS seq FROM (
        SELECT id FROM live_event WHERE seq IS NULL ORDER BY id LIMIT %s) AS waiting) AS numbered
WHERE live_event.id = numbered.id
"""
_PRUNE: LiteralString = "DELETE FROM live_event WHERE seq IS NOT NULL AND created_at < clock_timestamp() - %s::interval"


async def stamp(conn: AsyncConnection[Any]) -> int:
    """Number what has committed since; how many. 0 also when another process is at it."""
    async with conn.transaction():
        got = await (await conn.execute("SELECT pg_try_advisory_xact_lock(%s)", (LOCK,))).fetchone()
        if not got or not got[0]:
            return 0
        count = (await conn.execute(_STAMP, (BATCH,))).rowcount
        if count:
            await conn.execute("SELECT pg_notify(%s, '')", (CHANNEL,))
        return count


async def prune(conn: AsyncConnection[Any]) -> int:
    """Forget numbered events older than a day: a screen that was away longer reloads fully."""
    async with conn.transaction():
        return (await conn.execute(_PRUNE, (KEPT,))).rowcount
