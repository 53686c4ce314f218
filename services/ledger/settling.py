"""What closes held results by itself: a person's decision to ignore their code; and what calls for them, with them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, LiteralString

from psycopg import AsyncConnection

CODE_REASONS = frozenset({"local_code_needed", "different_quantity", "total_light_chain_code", "needs_wbc"})
"""Held because of the code itself: only such may be ignored, a known analyte never is."""
_IGNORED_NOW: LiteralString = """
WITH gone AS (
    UPDATE quarantine AS q SET closed_at = clock_timestamp(), closed_by = i.who, closed_as = 'ignored',
        close_reason = i.note
    FROM quarantine_ignore AS i
    WHERE q.closed_at IS NULL AND q.laboratory = i.laboratory AND q.code = i.code AND q.reason = ANY(%(reasons)s)
      AND (%(only)s::text[] IS NULL OR q.id = ANY(%(only)s::text[]::uuid[]))
    RETURNING q.id, q.event_id, i.who, i.note
), counted AS (
    UPDATE source_message AS s SET ignored = s.ignored + n.count, quarantined = s.quarantined - n.count
    FROM (SELECT event_id, count(*)::int AS count FROM gone GROUP BY event_id) AS n WHERE s.event_id = n.event_id
)
INSERT INTO quarantine_log (item, kind, who, note) SELECT id, 'ignored', who, note FROM gone RETURNING item
"""
_PAGES_OVER: LiteralString = """
UPDATE operations_alert AS o SET closed_at = clock_timestamp() FROM (
    SELECT DISTINCT event_id FROM quarantine WHERE id = ANY(%s::text[]::uuid[])) AS e
WHERE o.key IN ('steward_page:' || e.event_id, 'unverified:' || e.event_id) AND o.closed_at IS NULL
  AND NOT EXISTS (SELECT FROM quarantine AS q
      WHERE q.event_id = e.event_id AND q.closed_at IS NULL AND q.would_be <> '')
"""


async def ignored_now(conn: AsyncConnection[Any], only: Sequence[str] | None) -> int:
    """Close what people decided to ignore, of these new items or of all; how many."""
    values = {"reasons": sorted(CODE_REASONS), "only": None if only is None else list(only)}
    return len(await (await conn.execute(_IGNORED_NOW, values)).fetchall())


async def pages_over(conn: AsyncConnection[Any], items: Collection[str]) -> None:
    """Close the calls about messages of which nothing urgent is held any more."""
    await conn.execute(_PAGES_OVER, (list(items),))
