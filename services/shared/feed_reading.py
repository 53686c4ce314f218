"""What is known of each feed, for the command line, the page and the metrics; and what intake refused."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection

from services.shared.feeds import State

_FEEDS: LiteralString = """
WITH counted AS (
    SELECT feed, hour, messages, results, quarantined, refused, history, test, last_at FROM feed_hour
    WHERE hour > clock_timestamp() - interval '8 days'
    UNION ALL
    SELECT feed, date_trunc('hour', last_at, 'UTC'), messages, results, quarantined, refused, history, test,
           CASE WHEN messages > 0 THEN last_at END FROM feed_tally
), totals AS (
    SELECT feed, max(last_at) AS last_at,
           coalesce(sum(messages) FILTER (WHERE hour > clock_timestamp() - interval '2 hours'), 0)::int AS hour,
           coalesce(sum(messages) FILTER (WHERE hour > clock_timestamp() - interval '24 hours'), 0)::int AS day,
           coalesce(sum(results) FILTER (WHERE hour > clock_timestamp() - interval '24 hours'), 0)::int AS results,
           coalesce(sum(quarantined) FILTER (WHERE hour > clock_timestamp() - interval '24 hours'), 0)::int
               AS quarantined,
           coalesce(sum(refused) FILTER (WHERE hour > clock_timestamp() - interval '24 hours'), 0)::int AS refused,
           coalesce(sum(test) FILTER (WHERE hour > clock_timestamp() - interval '24 hours'), 0)::int AS test
    FROM counted GROUP BY feed
)
SELECT f.name, f.key, f.state, f.live_from, f.who, f.second, f.changed_at,
       coalesce(t.last_at, (SELECT max(h.last_at) FROM feed_hour AS h WHERE h.feed = f.name)) AS last_at,
       coalesce(t.hour, 0) AS hour, coalesce(t.day, 0) AS day, coalesce(t.results, 0) AS results,
       coalesce(t.quarantined, 0) AS quarantined, coalesce(t.refused, 0) AS refused, coalesce(t.test, 0) AS test,
       (SELECT o.opened_at FROM operations_alert AS o
        WHERE o.key = 'feed_silence:' || f.name AND o.closed_at IS NULL) AS silent_since
FROM feed AS f LEFT JOIN totals AS t ON t.feed = f.name WHERE f.listed ORDER BY f.name
"""
_SHIFTS: LiteralString = """
SELECT feed, analyte, day, kind, before, now, results FROM feed_shift
WHERE day > current_date - 14 ORDER BY day DESC, feed, analyte, kind LIMIT 200
"""
_COUNTS: LiteralString = """
SELECT feed, hour, sum(messages)::int FROM (
    SELECT feed, hour, messages FROM feed_hour WHERE hour > clock_timestamp() - interval '48 hours'
    UNION ALL SELECT feed, date_trunc('hour', last_at, 'UTC'), messages FROM feed_tally) AS c
GROUP BY feed, hour ORDER BY feed, hour
"""
_REFUSED: LiteralString = """
SELECT sender, reason, count(*)::int AS count, max(received_at) AS last_at,
       (array_agg(event_id::text ORDER BY received_at DESC))[1] AS example
FROM refused WHERE received_at >= %s GROUP BY sender, reason ORDER BY count DESC, sender, reason LIMIT 200
"""


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """An analyte that is not as in the 30 days before."""

    feed: str
    analyte: str
    day: date
    kind: str
    """`median`, or `outside`: the share outside the laboratory's limits."""
    before: Decimal
    now: Decimal
    results: int

    @property
    def said(self) -> str:
        """In words, for the command line."""
        return f"{self.analyte} {self.kind} {self.before} -> {self.now} on {self.day}"


class FeedNow(msgspec.Struct, frozen=True, kw_only=True):
    """A feed with what came of it."""

    name: str
    key: str
    state: State
    live_from: datetime | None
    who: str
    second: str
    changed_at: datetime
    last_at: datetime | None
    """Reception of the newest live message."""
    hour: int
    """Messages of this hour and the last."""
    day: int
    results: int
    """Of the last day, as the following."""
    quarantined: int
    refused: int
    test: int
    silent_since: datetime | None
    """When operations were told that nothing comes; None when something does."""
    shifts: tuple[Shift, ...] = ()
    counts: tuple[int, ...] = ()
    """Messages of each of the last 48 hours, the oldest first."""

    @property
    def held_share(self) -> float:
        """Part of the last day's results that was held or refused at arrival, whatever became of it since.

        A refused message counts as one result, for what it held was not read. Where no result came at all (a sender of
        administration) it is the part of the messages.
        """
        came = (self.results or self.day) + self.refused
        return min(1.0, (self.quarantined + self.refused) / came) if came else 0.0


class RefusedBy(msgspec.Struct, frozen=True, kw_only=True):
    """What intake answered AR to, of one sender for one reason."""

    sender: str
    reason: str
    count: int
    last_at: datetime
    example: str
    """Event id of the newest."""


async def now(conn: AsyncConnection[Any]) -> list[FeedNow]:
    """Every feed, by name."""
    rows = await (await conn.execute(_FEEDS)).fetchall()
    shifts = [Shift(**_named(Shift, row)) for row in await (await conn.execute(_SHIFTS)).fetchall()]
    counts = await _counts(conn)
    return [
        FeedNow(
            **_named(FeedNow, row), shifts=tuple(one for one in shifts if one.feed == row[0]),
            counts=counts.get(row[0], ()),
        )
        for row in rows
    ]  # fmt: skip


async def refused(conn: AsyncConnection[Any], since: datetime) -> list[RefusedBy]:
    """By sender, listed or not, and reason; the most first."""
    return [RefusedBy(**_named(RefusedBy, row)) for row in await (await conn.execute(_REFUSED, (since,))).fetchall()]


async def _counts(conn: AsyncConnection[Any]) -> dict[str, tuple[int, ...]]:
    found: dict[str, dict[datetime, int]] = {}
    for feed, hour, messages in await (await conn.execute(_COUNTS)).fetchall():
        found.setdefault(feed, {})[hour] = messages
    row = await (await conn.execute(
        "SELECT generate_series(date_trunc('hour', clock_timestamp(), 'UTC') - interval '47 hours',"
        " date_trunc('hour', clock_timestamp(), 'UTC'), interval '1 hour')")).fetchall()  # fmt: skip
    hours = [hour for (hour,) in row]
    return {feed: tuple(per.get(hour, 0) for hour in hours) for feed, per in found.items()}


def _named(kind: type[msgspec.Struct], row: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(kind.__struct_fields__, row, strict=False))
