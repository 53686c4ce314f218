"""What the ledger made of the events of an import: counts by event, so that in is what came out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection

_SOURCES: LiteralString = """
SELECT event_id::text, results, stored, duplicate, quarantined, ignored FROM source_message
WHERE event_id = ANY(%s::text[]::uuid[])
"""
_REFUSED: LiteralString = "SELECT event_id::text FROM refused WHERE event_id = ANY(%s::text[]::uuid[])"


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Of the results of one event."""

    results: int = 0
    stored: int = 0
    duplicate: int = 0
    quarantined: int = 0
    ignored: int = 0


class Tally(msgspec.Struct, kw_only=True):
    """Of an import so far."""

    messages: int = 0
    """Events that were sent or known: messages of one patient, or records of rows."""
    known: int = 0
    """Of these, in the ledger before this import."""
    repeated: int = 0
    """Events that stand in the files more than once; their results are duplicates."""
    unused: int = 0
    """Messages of types that Halo does not use."""
    refused: int = 0
    """Messages and rows."""
    lost: int = 0
    """Events that are among the dead letters."""
    results: int = 0
    stored: int = 0
    duplicate: int = 0
    quarantined: int = 0
    ignored: int = 0

    def add(self, counts: Iterable[Counts]) -> None:
        """Of events of which the ledger says so."""
        for one in counts:
            for name in ("results", "stored", "duplicate", "quarantined", "ignored"):
                setattr(self, name, getattr(self, name) + getattr(one, name))

    @property
    def unaccounted(self) -> int:
        """Results that are nowhere; 0, or Halo has a fault."""
        return self.results - self.stored - self.duplicate - self.quarantined - self.ignored


async def look_up(conn: AsyncConnection[Any], event_ids: Sequence[str]) -> dict[str, Counts]:
    """Those of the events that the ledger has; of a refused one there is nothing to count."""
    ids = (list(event_ids),)
    refused = {event_id: Counts() for (event_id,) in await (await conn.execute(_REFUSED, ids)).fetchall()}
    rows = await (await conn.execute(_SOURCES, ids)).fetchall()
    return refused | {
        event_id: Counts(results=results, stored=stored, duplicate=duplicate, quarantined=quarantined, ignored=ignored)
        for event_id, results, stored, duplicate, quarantined, ignored in rows
    }
