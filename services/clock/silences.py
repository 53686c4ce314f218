"""A live feed that says nothing for too long: operations are paged, and at twice that the clinicians are told.

Too long is three times the longest pause of the same hour of the week in the last 4 weeks, 30 min at least [E]
(agreed behaviour 1), and 24 h at most (alert behaviour 3). It is measured up to the watermark, so that a processor that
lags does not make its laboratory look dead.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, LiteralString
from zoneinfo import ZoneInfo

import msgspec
from prometheus_client import Gauge
from psycopg import AsyncConnection

from services.clock import rhythm
from services.clock.settings import ClockSettings
from services.ledger import offsets
from services.ledger.operations import Technical, report
from services.shared import rule_pack
from services.shared.clock import Clock
from services.shared.topics import PATIENT_EVENTS

_FEEDS: LiteralString = """
SELECT f.name, f.state, greatest(f.live_from, f.changed_at) AS since,
       (SELECT max(h.last_at) FROM feed_hour AS h WHERE h.feed = f.name) AS last_at,
       coalesce(max(h.longest_gap) FILTER (WHERE extract(isodow FROM h.hour AT TIME ZONE %(zone)s)
                    = extract(isodow FROM %(now)s AT TIME ZONE %(zone)s)), max(h.longest_gap)) AS usual
FROM feed AS f LEFT JOIN feed_hour AS h ON h.feed = f.name AND h.hour > %(now)s - interval '28 days'
    AND h.longest_gap > interval '0' AND h.hour < date_trunc('hour', %(now)s::timestamptz)
    AND h.hour > (SELECT min(e.hour) FROM feed_hour AS e WHERE e.feed = f.name)
    AND extract(hour FROM h.hour AT TIME ZONE %(zone)s) = extract(hour FROM %(now)s AT TIME ZONE %(zone)s)
WHERE f.listed GROUP BY f.name ORDER BY f.name
"""
"""Where this weekday was not seen yet, the same hour of other days stands in.

Nothing is usual before a pause was seen in a whole hour: not the hour that runs, nor the first one of a feed, nor one
that was only counted.
"""
_OPEN: LiteralString = "SELECT key FROM operations_alert WHERE key = ANY(%s) AND closed_at IS NULL"
_CLOSE: LiteralString = """
UPDATE operations_alert SET closed_at = clock_timestamp() WHERE key = ANY(%s) AND closed_at IS NULL RETURNING key
"""
STATE = Gauge("halo_feed_state", "1 for the state a feed is in, else 0.", ["feed", "state"])
SILENT = Gauge("halo_feed_too_long_silent", "1 while a live feed says nothing for longer than is usual.", ["feed"])


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """A feed and when it was heard last."""

    name: str
    state: str
    since: datetime
    """Live from then, or last changed."""
    last_at: datetime | None
    usual: timedelta | None
    """The longest pause that touched this hour of the week; None where it was never seen."""

    @property
    def heard_at(self) -> datetime:
        """From when on silence counts."""
        return self.since if self.last_at is None else max(self.last_at, self.since)


def bound(usual: timedelta | None, own: ClockSettings) -> timedelta:
    """So long may a feed say nothing."""
    least = timedelta(minutes=own.feed_silence_minutes)
    most = timedelta(hours=own.feed_silence_hours)
    return most if usual is None else min(max(least, own.feed_silence_times * usual), most)


class Silences:
    """A step of the clock: adds up, then looks at every feed."""

    def __init__(
        self, own: ClockSettings, clock: Clock, *, zone: ZoneInfo, group: str, partitions: Callable[[], int]
    ) -> None:
        self._own, self._clock, self._zone, self._group, self._partitions = own, clock, zone, group, partitions

    async def __call__(self, conn: AsyncConnection[Any]) -> int:
        """Always 0: there is never more to do at once."""
        await rhythm.collect(conn)
        async with conn.transaction():
            mark = await offsets.watermark(conn, self._group, PATIENT_EVENTS, self._partitions())
            now = self._clock.now()
            until = min(mark, now) if mark else None
            for feed in await heard(conn, now, self._zone):
                await self._look(conn, feed, until)
        return 0

    async def _look(self, conn: AsyncConnection[Any], feed: Heard, until: datetime | None) -> None:
        for state in ("live", "silent"):
            STATE.labels(feed.name, state).set(feed.state == state)
        if feed.last_at is not None:
            rhythm.LAST.labels(feed.name).set(feed.last_at.timestamp())
        if until is None:  # not known how far everything is stored: nothing may be called silent
            return
        limit, silent = bound(feed.usual, self._own), until - feed.heard_at
        lasting = feed.state == "live" and silent >= limit
        SILENT.labels(feed.name).set(lasting)
        if not lasting:
            await self._over(conn, feed)
            return
        await _once(conn, [self._page(feed, limit), *([await self._call(conn, feed)] if silent >= 2 * limit else [])])

    def _page(self, feed: Heard, limit: timedelta) -> Technical:
        since = self._time(feed.heard_at)
        return Technical(
            key=f"feed_silence:{feed.name}", kind="feed_silence", link="/feeds",
            detail=f"{feed.name}: no message since {since}, at this hour {_minutes(limit)} would be "
            "long. Look at the connection and the laboratory's engine; the clinicians are told at twice that.",
            detail_sl=f"{feed.name}: nobenega sporočila od {since}, ob tej uri bi bilo dolgo že "
            f"{_minutes(limit)}. Preverite povezavo in laboratorijski sistem; ob dvakratnem času izvejo kliniki.",
        )  # fmt: skip

    async def _call(self, conn: AsyncConnection[Any], feed: Heard) -> Technical:
        _, standing = await rule_pack.read_in_force(conn)
        since = self._time(feed.heard_at)
        return Technical(
            key=f"feed_silence_clinical:{feed.name}", kind="feed_silence", audience="clinical", link="/feeds",
            rule_pack_status=standing.status, detail=f"no results from {feed.name} since {since}: telephone",
            detail_sl=f"ni izvidov iz {feed.name} od {since}: pokličite po telefonu",
        )  # fmt: skip

    async def _over(self, conn: AsyncConnection[Any], feed: Heard) -> None:
        """Close what was said; whoever was told to telephone hears that results come again."""
        keys = [f"feed_silence:{feed.name}", f"feed_silence_clinical:{feed.name}"]
        closed = {key for (key,) in await (await conn.execute(_CLOSE, (keys,))).fetchall()}
        if keys[1] in closed and feed.state == "live" and feed.last_at is not None:
            _, standing = await rule_pack.read_in_force(conn)
            since = self._time(feed.last_at)
            await report(conn, [Technical(
                key=f"feed_heard:{feed.name}:{feed.last_at:%Y-%m-%dT%H:%M}", kind="feed_heard", severity="LOW",
                audience="clinical", link="/feeds", rule_pack_status=standing.status,
                detail=f"results from {feed.name} come again, the newest at {since}",
                detail_sl=f"izvidi iz {feed.name} spet prihajajo, zadnji ob {since}",
            )])  # fmt: skip

    def _time(self, at: datetime) -> str:
        return f"{at.astimezone(self._zone):%d.%m. %H:%M}"


async def heard(conn: AsyncConnection[Any], now: datetime, zone: ZoneInfo) -> list[Heard]:
    """Every feed with its usual pause at this hour."""
    rows = await (await conn.execute(_FEEDS, {"now": now, "zone": zone.key})).fetchall()
    return [Heard(**dict(zip(Heard.__struct_fields__, row, strict=True))) for row in rows]


async def _once(conn: AsyncConnection[Any], faults: list[Technical]) -> None:
    """Those that are not open already."""
    rows = await (await conn.execute(_OPEN, ([fault.key for fault in faults],))).fetchall()
    known = {key for (key,) in rows}
    await report(conn, [fault for fault in faults if fault.key not in known])


def _minutes(span: timedelta) -> str:
    whole = round(span.total_seconds() / 60)
    return f"{whole // 60} h {whole % 60:02} min" if whole >= 60 else f"{whole} min"  # noqa: PLR2004 - minutes of an hour
