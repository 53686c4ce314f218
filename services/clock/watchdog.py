"""Once a minute a sign of life to a service outside (`HALO_WATCHDOG_URL`), which pages when it stops.

Sent only while results are processed, the clock's parts are well and what waits to be sent is sent: a Halo that is
dead, or only looks alive, must not look like a quiet night.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import LiteralString

import httpx
import psycopg
from prometheus_client import Gauge

from services.ledger import offsets
from services.shared import database
from services.shared.log import logger
from services.shared.topics import PATIENT_EVENTS

EVERY = 60.0
_STALE = timedelta(minutes=2)
"""Since the oldest heartbeat that was committed: results wait."""
_STUCK: LiteralString = """
SELECT count(*) FROM delivery AS d WHERE d.status IN ('queued', 'sending') AND (
    d.next_attempt_at < now() - interval '5 minutes'
    OR d.created_at < now() - interval '15 minutes' AND NOT EXISTS (
        SELECT FROM delivery AS o WHERE o.alert_id = d.alert_id AND o.status = 'handed_over'
            AND o.alert_version >= d.alert_version))
"""
"""Due and nobody takes it up: the notifier is dead. Or an alert that reached nobody on any channel for a quarter of an
hour; one broken channel of several is told to operations and is no reason to withhold the sign of life."""
SENT = Gauge("halo_watchdog_last_success_timestamp_seconds", "When the outside watchdog last took a sign of life.")


class Watchdog:
    """`faults` says what is wrong with the clock; nothing when all is well."""

    def __init__(
        self, url: str, dsn: str, faults: Callable[[], dict[str, str]], group: str, *, every: float = EVERY
    ) -> None:  # fmt: skip
        self._url, self._dsn, self._faults, self._group, self._every = url, dsn, faults, group, every

    async def run(self) -> None:
        """Until cancelled; nothing without an address."""
        if not self._url:
            await asyncio.Event().wait()
        async with httpx.AsyncClient(timeout=10.0) as client:
            while True:
                await self.beat(client)
                await asyncio.sleep(self._every)

    async def beat(self, client: httpx.AsyncClient) -> bool:
        """Whether it was sent and taken. The address may hold a secret and is never logged."""
        faults = self._faults() or await self._waiting()
        if faults:
            logger.warning("watchdog.withheld", reason="; ".join(f"{k}: {v}" for k, v in faults.items()))
            return False
        try:
            (await client.get(self._url)).raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            logger.warning("watchdog.failed", error=type(error).__name__)
            return False
        SENT.set_to_current_time()
        return True

    async def _waiting(self) -> dict[str, str]:
        try:
            async with await database.connect(self._dsn, "watchdog") as conn:
                mark = await offsets.watermark(conn, self._group, PATIENT_EVENTS)
                row = await (await conn.execute(_STUCK)).fetchone()
        except (psycopg.Error, OSError) as error:
            return {"database": type(error).__name__}
        if mark is None or datetime.now(UTC) - mark > _STALE:
            return {"processor": "results wait to be processed"}
        count = int(row[0]) if row else 0
        return {"notifier": f"{count} messages wait and reach nobody"} if count else {}
