"""Feeds in the ledger: a row at first sight, what each transaction counts, and which feed an alert belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection

from alerts.alert import AlertState
from alerts.result import Result
from alerts.series import Series
from schemas.patient_event import LabReport
from services.ledger.bulk import Bulk
from services.ledger.incoming import Incoming
from services.mapping.site import Sender, Site
from services.shared.feeds import UNTIMED, Feed, State

_MEET: LiteralString = """
INSERT INTO feed (name, key, state, live_from)
SELECT n.name, n.key, CASE WHEN b.sender IS NULL THEN n.state ELSE 'live' END,
       CASE WHEN b.sender IS NULL THEN n.live_from END
FROM unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[]) AS n(name, key, state, live_from)
LEFT JOIN LATERAL (SELECT sender FROM feed_before WHERE sender IN (n.key, n.name) LIMIT 1) AS b ON true
ON CONFLICT (name) DO UPDATE SET key = excluded.key WHERE feed.key <> excluded.key
"""
_LISTED: LiteralString = "UPDATE feed SET listed = NOT listed WHERE listed <> (name = ANY(%s))"
_NOTE: LiteralString = "INSERT INTO feed_before SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING"
TALLY = Bulk("feed_tally", {
    "feed": "text", "first_at": "timestamptz", "last_at": "timestamptz", "messages": "int4", "results": "int4",
    "stored": "int4", "duplicate": "int4", "quarantined": "int4", "ignored": "int4", "refused": "int4",
    "history": "int4", "test": "int4",
})  # fmt: skip
_COUNTED = ("results", "stored", "duplicate", "quarantined", "ignored")


async def meet(conn: AsyncConnection[Any], site: Site) -> None:
    """A row for every listed sender, as the site file says where it is new. What people decided since then stays."""
    rows = [(one.name, one.key, *_first(one)) for one in site.senders]
    if rows:
        await conn.execute(_MEET, [list(column) for column in zip(*rows, strict=True)])
    await conn.execute(_LISTED, ([one.name for one in site.senders],))


async def note(conn: AsyncConnection[Any], run: Iterable[Incoming], known: set[str]) -> set[str]:
    """Senders whose alerts were sent while no feed was listed; those not yet `known` are returned.

    Once they are listed they stay live: a site file must not silence a hospital that is watched already.
    """
    events = [item.event for item in run if isinstance(item.event, LabReport) and not item.feed and item.fault is None]
    senders = {event.source.sender for event in events if event.purpose == "live"} - known
    if senders:
        await conn.execute(_NOTE, (sorted(senders),))
    return senders


def _first(sender: Sender) -> tuple[State, datetime | None]:
    at = datetime.fromisoformat(sender.live_from) if sender.live_from else None
    return sender.state, at or (datetime.now(UTC) if sender.state == "live" else None)


class Tally(msgspec.Struct, kw_only=True):
    """What one transaction took from one feed. Live messages only have times and results; others are only counted."""

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


class Tallies(msgspec.Struct, kw_only=True):
    """Per feed; nothing is counted of what came by none."""

    found: dict[str, Tally] = {}

    def message(self, incoming: Incoming, counts: tuple[int, int, int, int, int], *, history: bool = False) -> None:
        """A stored event with its results: all, stored, duplicate, quarantined, ignored."""
        tally = self._of(incoming)
        if tally is None:
            return
        if incoming.test or history:
            tally.test += incoming.test
            tally.history += history and not incoming.test
            return
        at = incoming.received_at
        tally.first_at = min(tally.first_at, at) if tally.messages else at
        tally.last_at = max(tally.last_at, at) if tally.messages else at
        tally.messages += 1
        for name, count in zip(_COUNTED, counts, strict=True):
            setattr(tally, name, getattr(tally, name) + count)

    def refusal(self, incoming: Incoming) -> None:
        """A message that was answered AR."""
        tally = self._of(incoming)
        if tally is not None:
            tally.refused += 1

    def _of(self, incoming: Incoming) -> Tally | None:
        if not incoming.feed:
            return None
        at = incoming.received_at
        return self.found.setdefault(incoming.feed, Tally(first_at=at, last_at=at))

    async def write(self, conn: AsyncConnection[Any]) -> None:
        """A row a feed: no transaction waits for another's count."""
        await TALLY.run(conn, [(name, *msgspec.structs.astuple(tally)) for name, tally in sorted(self.found.items())])


def feed_of(state: AlertState, series: Series) -> str:
    """The feed of the deciding sample: the newest that met the condition, of the headline's analyte where it has one.

    Empty where no result of it is known any more, as of values a person entered.
    """
    found = _sample(state, series)
    return "" if found is None else found.source.feed


def _sample(state: AlertState, series: Series) -> Result | None:
    point = series.at(state.analyte, state.sampled_at) if state.analyte else None
    if point is not None:
        return point.result
    if state.family == UNTIMED:  # no sample of its own: the last one, from which it counts
        return next((m.winner for m in series.measurements(state.analyte) if m.winner.slot == state.anchor), None)
    used = set(state.results)
    points = [point for name in sorted(series.analytes) if (point := series.at(name, state.sampled_at)) is not None]
    return next((p.result for p in points if p.result.result_id in used), points[0].result if points else None)


def names(feeds: tuple[Feed, ...]) -> tuple[str, ...]:
    """Closed values of a metric's label."""
    return tuple(feed.name for feed in feeds)
