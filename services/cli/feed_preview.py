"""What `halo feed live` shows first: would-be pages of 14 days, what is open, codes that are not mapped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, LiteralString

from psycopg import AsyncConnection

from services.ledger.going_live import open_of
from services.shared import rule_pack

DAYS = 14
DRAFT = (
    "The rules are a draft: the list and the pages of this act go to channels marked `test` only, and are not sent "
    "again after the approval. For patients: `halo rules approve` first."
)
_KNOWN: LiteralString = "SELECT key, state FROM feed WHERE name = %s"
_WOULD_BE: LiteralString = """
SELECT a.rule, p.payload->>'severity' AS severity, e.at::date AS day, count(*)::int
FROM alert_event AS e JOIN alert_event_payload AS p USING (chain, number) JOIN alert AS a ON a.alert_id = e.alert_id
WHERE e.at > clock_timestamp() - make_interval(days => %(days)s) AND p.payload->>'reason' = 'feed_silent'
  AND p.payload->>'feed' = %(feed)s
  AND (p.payload->>'sampled_at')::timestamptz > clock_timestamp() - make_interval(days => %(days)s)
GROUP BY 1, 2, 3
"""
_UNMAPPED: LiteralString = """
SELECT q.reason, q.laboratory, q.code, q.unit, count(*)::int FROM quarantine AS q
JOIN source_message AS s USING (event_id)
WHERE q.closed_at IS NULL AND s.sender IN (%(key)s, %(feed)s)
GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC, 1, 2, 3, 4
"""
SHOWN = 30
_ORDER = {"CRITICAL": 0, "HIGH": 1, "MEDIUM": 2, "LOW": 3}


async def lines(conn: AsyncConnection[Any], feed: str) -> list[str]:
    """What to read before the decision; a line for an unknown feed too: the act itself refuses it."""
    known = await (await conn.execute(_KNOWN, (feed,))).fetchone()
    if known is None:
        return [f"there is no feed {feed!r}"]
    values = {"days": DAYS, "feed": feed, "key": known[0]}
    would_be = await (await conn.execute(_WOULD_BE, values)).fetchall()
    unmapped = await (await conn.execute(_UNMAPPED, values)).fetchall()
    opened = await open_of(conn, feed)
    _, standing = await rule_pack.read_in_force(conn)
    severities = Counter(one.severity for one in opened)
    return [
        *([DRAFT] if standing.status == "draft" else []),
        *_pages(feed, would_be),
        f"Open now, told to nobody: {len(opened)} ({_counts(severities) or 'none'}). They become one list.",
        *_held(unmapped),
    ]


def _pages(feed: str, rows: Iterable[tuple[Any, ...]]) -> list[str]:
    per_rule: Counter[tuple[str, str]] = Counter()
    per_day: Counter[str] = Counter()
    for rule, severity, day, count in rows:
        per_rule[severity, rule] += count
        per_day[str(day)] += count
    total = sum(per_day.values())
    ordered = sorted(per_rule.items(), key=lambda item: (_ORDER.get(item[0][0], 9), item[0][1]))
    return [
        f"{feed}: in the last {DAYS} days {total} pages would have gone out, {total / DAYS:.1f} a day",
        *(f"  {severity:8} {rule:24} {count:6}" for (severity, rule), count in ordered),
        *(f"  {day} {count:6}" for day, count in sorted(per_day.items())),
    ]


def _held(rows: list[tuple[Any, ...]]) -> list[str]:
    if not rows:
        return ["Held in quarantine: nothing."]
    total, more = sum(row[-1] for row in rows), len(rows) - SHOWN
    shown = [f"  {row[-1]:6} {' '.join(row[:-1])}" for row in rows[:SHOWN]]
    head = f"Held in quarantine, not evaluated: {total}; by reason, laboratory, code and unit:"
    return [head, *shown, *([f"  and {more} kinds more"] if more > 0 else [])]


def _counts(severities: Counter[str]) -> str:
    return ", ".join(f"{count} {severity}" for severity, count in severities.items())
