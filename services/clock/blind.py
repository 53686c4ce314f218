"""A span in which nothing was processed: operations are paged when it begins, people on call hear when it is over.

Known by the heartbeats that every partition commits: when the oldest of them is 10 min old, results wait somewhere,
whichever process, broker or database is the reason, and also when the whole machine was off.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, LiteralString
from zoneinfo import ZoneInfo

from psycopg import AsyncConnection

from services.clock.settings import ClockSettings
from services.ledger import offsets
from services.ledger.operations import Technical, report
from services.shared import rule_pack
from services.shared.clock import Clock
from services.shared.topics import PATIENT_EVENTS

NEAR = timedelta(minutes=1)
"""So close to now everything counts as caught up; later than that a result is late."""
_OPEN: LiteralString = "SELECT began_at FROM blind_span WHERE ended_at IS NULL ORDER BY began_at LIMIT 1 FOR UPDATE"
_BEGIN: LiteralString = "INSERT INTO blind_span (began_at) VALUES (%s) ON CONFLICT DO NOTHING RETURNING began_at"
_LATE: LiteralString = """
SELECT coalesce(sum(stored), 0)::int FROM source_message
WHERE stored_at >= %(began)s AND purpose = 'live' AND received_at BETWEEN %(began)s AND %(ended)s
  AND stored_at - received_at > %(near)s
"""
_ALERTS: LiteralString = """
SELECT count(*)::int FROM alert AS a JOIN patient AS p ON p.id = a.patient_id
WHERE a.created_at >= %(began)s AND a.severity <> 'INFO' AND a.received_at BETWEEN %(began)s AND %(ended)s
  AND a.created_at - a.received_at > %(near)s AND p.unwatched = ''
"""
_END: LiteralString = "UPDATE blind_span SET ended_at = %s, results = %s, alerts = %s WHERE began_at = %s"
_CLOSE: LiteralString = "UPDATE operations_alert SET closed_at = clock_timestamp() WHERE key = %s AND closed_at IS NULL"


class Blind:
    """A step of the clock."""

    def __init__(
        self, own: ClockSettings, clock: Clock, *, zone: ZoneInfo, group: str, partitions: Callable[[], int]
    ) -> None:
        self._own, self._clock, self._zone, self._group, self._partitions = own, clock, zone, group, partitions
        self.stored_until: datetime | None = None
        """The watermark at the last look."""

    async def __call__(self, conn: AsyncConnection[Any]) -> int:
        """Always 0: there is never more to do at once."""
        async with conn.transaction():
            self.stored_until = await offsets.watermark(conn, self._group, PATIENT_EVENTS, self._partitions())
            if self.stored_until is not None:
                await self._look(conn, self.stored_until, self._clock.now())
        return 0

    async def _look(self, conn: AsyncConnection[Any], mark: datetime, now: datetime) -> None:
        row = await (await conn.execute(_OPEN)).fetchone()
        if row is None and now - mark > timedelta(minutes=self._own.blind_minutes):
            if await (await conn.execute(_BEGIN, (mark,))).fetchone():
                await report(conn, [self._begun(mark)])
        elif row is not None and now - mark < NEAR:
            await self._over(conn, row[0], now)

    async def _over(self, conn: AsyncConnection[Any], began: datetime, ended: datetime) -> None:
        span = {"began": began, "ended": ended, "near": NEAR}
        results, alerts = await _one(conn, _LATE, span), await _one(conn, _ALERTS, span)
        await conn.execute(_END, (ended, results, alerts, began))
        await conn.execute(_CLOSE, (_key(began),))
        _, standing = await rule_pack.read_in_force(conn)
        await report(conn, [self._notice(began, ended, results, alerts, standing.status)])

    def _begun(self, began: datetime) -> Technical:
        since = self._time(began, began)
        return Technical(
            key=_key(began), kind="blind", severity="CRITICAL",
            detail=f"nothing has been processed since {since}: results wait. See `halo doctor` and the logs of the "
            "processor; whoever is on call hears how long it was when it is over",
            detail_sl=f"od {since} se nič ne obdeluje: izvidi čakajo. Glejte `halo doctor` in dnevnike procesorja; "
            "dežurni izvejo, koliko časa je trajalo, ko mine",
        )  # fmt: skip

    def _notice(self, began: datetime, ended: datetime, results: int, alerts: int, status: str) -> Technical:
        first, last = self._time(began, ended), self._time(ended, began)
        return Technical(
            key=f"blind_over:{began:%Y-%m-%dT%H:%M:%SZ}", kind="blind", audience="clinical", rule_pack_status=status,
            detail=f"blind {first} to {last}, {results} results late, {alerts} alerts", link="/alerts",
            detail_sl=f"slepi od {first} do {last}, poznih izvidov {results}, alarmov {alerts}",
        )  # fmt: skip

    def _time(self, at: datetime, other: datetime) -> str:
        """With the day where the two are not of one day."""
        here, there = at.astimezone(self._zone), other.astimezone(self._zone)
        return f"{here:%H:%M}" if here.date() == there.date() else f"{here:%d.%m. %H:%M}"


def _key(began: datetime) -> str:
    return f"blind:{began:%Y-%m-%dT%H:%M:%SZ}"


async def _one(conn: AsyncConnection[Any], query: LiteralString, values: dict[str, Any]) -> int:
    row = await (await conn.execute(query, values)).fetchone()
    return int(row[0]) if row else 0
