"""Once a day: is an analyte of a feed as in the 30 days before? A jump may be a unit, a factor or a calibration.

The day's median, and the share outside the laboratory's own limits, against the median of the same of the days before,
in median absolute deviations: one odd day moves neither. Operations and the steward are told once while it lasts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from statistics import median
from typing import Any, Literal, LiteralString
from zoneinfo import ZoneInfo

import msgspec
from psycopg import AsyncConnection

from services.clock.settings import ClockSettings
from services.ledger.operations import Audience, Technical, report
from services.shared.clock import Clock

SCALED = Decimal("1.4826")
"""Median absolute deviation to standard deviation, of values that are normally distributed."""
BEFORE = 30
_ALONE: LiteralString = "SELECT pg_try_advisory_xact_lock(hashtextextended('halo feed drift', 0))"
_COUNT: LiteralString = """
INSERT INTO feed_day (feed, analyte, day, results, median, outside)
SELECT feed, analyte, %(day)s, count(*), percentile_disc(0.5) WITHIN GROUP (ORDER BY value),
       round(avg((value < low OR value > high)::int) FILTER (WHERE low IS NOT NULL OR high IS NOT NULL), 4)
FROM (
    SELECT r.analyte, r.value, j.body->'source'->>'feed' AS feed, (j.body->>'reference_low')::numeric AS low,
           (j.body->>'reference_high')::numeric AS high
    FROM result AS r JOIN source_message AS s USING (event_id),
         LATERAL (SELECT convert_from(r.body, 'UTF8')::jsonb AS body) AS j
    WHERE r.stored_at >= %(begin)s AND r.stored_at < %(end)s AND s.purpose = 'live'
      AND r.value IS NOT NULL AND r.comparator IS NULL AND r.status NOT IN ('D', 'W', 'X', 'I', 'P')
      AND NOT starts_with(j.body->>'patient', '~test~')
) AS found WHERE feed IS NOT NULL GROUP BY feed, analyte
ON CONFLICT DO NOTHING
"""
_DAYS: LiteralString = """
SELECT feed, analyte, day, results, median, outside FROM feed_day WHERE day > %(day)s - 31 AND day <= %(day)s
"""
_KEEP: LiteralString = """
INSERT INTO feed_shift (feed, analyte, day, kind, before, now, results) VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING
"""
_PRUNE: LiteralString = "DELETE FROM feed_day WHERE day < %s - 400"
_OPEN: LiteralString = "SELECT key FROM operations_alert WHERE kind = 'feed_shift' AND closed_at IS NULL"
_CLOSE: LiteralString = "UPDATE operations_alert SET closed_at = clock_timestamp() WHERE key = ANY(%s)"


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """One analyte of a feed on one day."""

    feed: str
    analyte: str
    day: date
    results: int
    median: Decimal | None
    outside: Decimal | None


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """Not as before."""

    feed: str
    analyte: str
    day: date
    kind: Literal["median", "outside"]
    before: Decimal
    now: Decimal
    results: int


def shifts(days: Iterable[Day], today: date, own: ClockSettings) -> list[Shift]:
    """What differs today, of all days up to it. Nothing where there are too few results or days to say."""
    known: Mapping[tuple[str, str], list[Day]] = defaultdict(list)
    for day in days:
        if day.results >= own.shift_results:
            known[day.feed, day.analyte].append(day)
    found = []
    for (_, _), these in sorted(known.items()):
        now = next((day for day in these if day.day == today), None)
        before = [day for day in these if today - timedelta(days=BEFORE) <= day.day < today]
        if now is not None:
            found += [*_median(now, before, own), *_outside(now, before, own)]
    return found


def _median(now: Day, before: Sequence[Day], own: ClockSettings) -> list[Shift]:
    usual = [day.median for day in before if day.median is not None]
    if now.median is None or len(usual) < own.shift_days:
        return []
    middle = median(usual)
    least = Decimal(str(own.shift_least)) * abs(middle)
    return _shift(now, "median", now.median, middle, max(_wander(usual, middle, own), least))


def _outside(now: Day, before: Sequence[Day], own: ClockSettings) -> list[Shift]:
    usual = [day.outside for day in before if day.outside is not None]
    if now.outside is None or len(usual) < own.shift_days:
        return []
    middle = median(usual)
    return _shift(
        now, "outside", now.outside, middle, max(_wander(usual, middle, own), Decimal(str(own.shift_outside)))
    )


def _wander(usual: Sequence[Decimal], middle: Decimal, own: ClockSettings) -> Decimal:
    return Decimal(str(own.shift_deviations)) * SCALED * median([abs(value - middle) for value in usual])


def _shift(
    now: Day, kind: Literal["median", "outside"], value: Decimal, middle: Decimal, allowed: Decimal
) -> list[Shift]:
    if value == middle or abs(value - middle) < allowed:
        return []
    return [Shift(feed=now.feed, analyte=now.analyte, day=now.day, kind=kind, before=middle, now=value,
                  results=now.results)]  # fmt: skip


class Drift:
    """A step of the clock: once a day, over the day before."""

    def __init__(self, own: ClockSettings, clock: Clock, *, zone: ZoneInfo, audiences: Sequence[Audience]) -> None:
        self._own, self._clock, self._zone, self._audiences = own, clock, zone, audiences
        self._done: date | None = None

    async def __call__(self, conn: AsyncConnection[Any]) -> int:
        """Always 0: there is never more to do at once."""
        day = (self._clock.now().astimezone(self._zone) - timedelta(days=1)).date()
        if self._done != day:
            async with conn.transaction():
                row = await (await conn.execute(_ALONE)).fetchone()
                if row is not None and row[0]:
                    await self.look(conn, day)
            self._done = day
        return 0

    async def look(self, conn: AsyncConnection[Any], day: date) -> list[Shift]:
        """Count the day, compare, tell; again it changes nothing."""
        begin, end = (
            self._clock.now().astimezone(self._zone).replace(
                year=at.year, month=at.month, day=at.day, hour=0, minute=0, second=0, microsecond=0, fold=0
            ) for at in (day, day + timedelta(days=1))
        )  # fmt: skip
        await conn.execute(_COUNT, {"day": day, "begin": begin, "end": end})
        rows = await (await conn.execute(_DAYS, {"day": day})).fetchall()
        found = shifts((Day(**dict(zip(Day.__struct_fields__, row, strict=True))) for row in rows), day, self._own)
        for one in found:
            await conn.execute(_KEEP, msgspec.structs.astuple(one))
        await self._tell(conn, found)
        await conn.execute(_PRUNE, (day,))
        return found

    async def _tell(self, conn: AsyncConnection[Any], found: Sequence[Shift]) -> None:
        known = {key for (key,) in await (await conn.execute(_OPEN)).fetchall()}
        faults = {fault.key: fault for one in found for fault in _faults(one, self._audiences)}
        await report(conn, [fault for key, fault in faults.items() if key not in known])
        await conn.execute(_CLOSE, (sorted(known - faults.keys()),))


def _faults(one: Shift, audiences: Iterable[Audience]) -> list[Technical]:
    what = "the daily median" if one.kind == "median" else "the share outside the laboratory's limits"
    kaj = "dnevna mediana" if one.kind == "median" else "delež izven meja laboratorija"
    detail = (
        f"{one.feed}: {what} of {one.analyte} is {one.now}, in the {BEFORE} days before {one.before} "
        f"({one.results} results on {one.day}). Ask the laboratory about unit, method and calibration"
    )
    slovene = (
        f"{one.feed}: {kaj} za {one.analyte} je {one.now}, v {BEFORE} dneh prej {one.before} "
        f"({one.results} izvidov {one.day}). Vprašajte laboratorij za enoto, metodo in kalibracijo"
    )
    key = f"feed_shift:{one.feed}:{one.analyte}:{one.kind}"
    return [
        Technical(key=f"{key}:{audience}", kind="feed_shift", severity="MEDIUM", audience=audience, link="/feeds",
                  detail=detail, detail_sl=slovene)
        for audience in audiences
    ]  # fmt: skip
