"""Adds up what the ledger counted of each feed: by hour, with the longest pause that touches the hour. Kept 5 weeks.

So the usual rhythm is known without looking through history: whether a feed is silent is asked of a few hundred rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, LiteralString

import msgspec
from prometheus_client import Counter, Gauge
from psycopg import AsyncConnection

HOUR = timedelta(hours=1)
LONGEST = timedelta(days=7)
"""A pause touches at most the hours of a week: beyond it says nothing about one of them."""
_TAKE: LiteralString = """
DELETE FROM feed_tally RETURNING feed, first_at, last_at, messages, results, stored, duplicate, quarantined, ignored,
    refused, history, test
"""
_ALONE: LiteralString = "SELECT pg_try_advisory_xact_lock(hashtextextended('halo feed tally', 0))"
_LAST: LiteralString = "SELECT feed, max(last_at) FROM feed_hour GROUP BY feed"
_ADD: LiteralString = """
INSERT INTO feed_hour (feed, hour, messages, results, stored, duplicate, quarantined, ignored, refused, history, test,
                       last_at, longest_gap)
SELECT * FROM unnest(%s::text[], %s::timestamptz[], %s::int[], %s::int[], %s::int[], %s::int[], %s::int[], %s::int[],
                     %s::int[], %s::int[], %s::int[], %s::timestamptz[], %s::interval[])
ON CONFLICT (feed, hour) DO UPDATE SET
    messages = feed_hour.messages + excluded.messages, results = feed_hour.results + excluded.results,
    stored = feed_hour.stored + excluded.stored, duplicate = feed_hour.duplicate + excluded.duplicate,
    quarantined = feed_hour.quarantined + excluded.quarantined, ignored = feed_hour.ignored + excluded.ignored,
    refused = feed_hour.refused + excluded.refused, history = feed_hour.history + excluded.history,
    test = feed_hour.test + excluded.test, last_at = greatest(feed_hour.last_at, excluded.last_at),
    longest_gap = greatest(feed_hour.longest_gap, excluded.longest_gap)
"""
_PRUNE: LiteralString = "DELETE FROM feed_hour WHERE hour < clock_timestamp() - interval '35 days'"
MESSAGES = Counter("halo_feed_messages_total", "Live messages stored, by feed.", ["feed"])
RESULTS = Counter(
    "halo_feed_results_total", "What became of the results of live messages, by feed.", ["feed", "outcome"]
)
REFUSED = Counter("halo_feed_refused_total", "Messages answered AR, by feed.", ["feed"])
LAST = Gauge("halo_feed_last_message_timestamp_seconds", "When the newest live message of a feed came.", ["feed"])
OUTCOMES = ("stored", "duplicate", "quarantined", "ignored")


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `feed_tally`."""

    feed: str
    first_at: datetime
    last_at: datetime
    messages: int = 0
    results: int = 0
    stored: int = 0
    duplicate: int = 0
    quarantined: int = 0
    ignored: int = 0
    refused: int = 0
    history: int = 0
    test: int = 0

    @property
    def counts(self) -> tuple[int, ...]:
        """In the order of the columns."""
        return msgspec.structs.astuple(self)[3:]


class Hours(msgspec.Struct, kw_only=True):
    """What is to be added to the hours of the feeds."""

    counts: dict[tuple[str, datetime], list[int]] = {}
    last: dict[tuple[str, datetime], datetime] = {}
    gaps: dict[tuple[str, datetime], timedelta] = {}

    def rows(self) -> list[tuple[Any, ...]]:
        """Of `feed_hour`; an hour that a pause only touched has no counts."""
        nothing = [0] * len(Tally.__struct_fields__[3:])
        return [
            (*key, *self.counts.get(key, nothing), self.last.get(key), self.gaps.get(key, timedelta(0)))
            for key in sorted(self.counts.keys() | self.gaps.keys())
        ]


def add_up(tallies: Iterable[Tally], last: Mapping[str, datetime]) -> Hours:
    """By hour of reception. `last` says when the newest message of each feed came before these."""
    hours, newest = Hours(), dict(last)
    by_feed: dict[str, list[Tally]] = defaultdict(list)
    for tally in tallies:
        by_feed[tally.feed].append(tally)
    for feed, these in by_feed.items():
        for tally in sorted(these, key=lambda one: one.first_at):
            key = (feed, _hour(tally.last_at))
            before = hours.counts.setdefault(key, [0] * len(tally.counts))
            hours.counts[key] = [a + b for a, b in zip(before, tally.counts, strict=True)]
            if not tally.messages:
                continue
            if feed in newest and tally.first_at > newest[feed]:
                _pause(hours, feed, newest[feed], tally.first_at)
            newest[feed] = max(newest.get(feed, tally.last_at), tally.last_at)
            hours.last[key] = max(hours.last.get(key, tally.last_at), tally.last_at)
    return hours


def _pause(hours: Hours, feed: str, begin: datetime, end: datetime) -> None:
    pause, hour = end - begin, _hour(max(begin, end - LONGEST))
    while hour <= end:
        hours.gaps[feed, hour] = max(hours.gaps.get((feed, hour), timedelta(0)), pause)
        hour += HOUR


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


async def collect(conn: AsyncConnection[Any]) -> int:
    """Take what was counted since the last time, in one transaction; how many rows."""
    async with conn.transaction():
        row = await (await conn.execute(_ALONE)).fetchone()
        if row is None or not row[0]:  # another clock is at it
            return 0
        tallies = [
            Tally(**dict(zip(Tally.__struct_fields__, found, strict=True)))
            for found in await (await conn.execute(_TAKE)).fetchall()
        ]
        last = {feed: at for feed, at in await (await conn.execute(_LAST)).fetchall() if at is not None}
        rows = add_up(tallies, last).rows()
        if rows:
            await conn.execute(_ADD, [list(column) for column in zip(*rows, strict=True)])
            await conn.execute(_PRUNE)
    _measure(tallies)
    return len(tallies)


def _measure(tallies: Iterable[Tally]) -> None:
    """After the transaction: what is counted was added up."""
    for one in tallies:
        MESSAGES.labels(one.feed).inc(one.messages)
        REFUSED.labels(one.feed).inc(one.refused)
        for outcome in OUTCOMES:
            RESULTS.labels(one.feed, outcome).inc(getattr(one, outcome))
