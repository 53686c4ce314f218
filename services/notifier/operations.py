"""Technical alerts, for operations, the data steward or clinicians; and those the notifier raises."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import LiteralString

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import class_row

from schemas.identity import stable_id
from services.notifier.channels.message import Message
from services.shared.channels import Channel

_UNTOLD: LiteralString = """
SELECT key, kind, severity, detail, detail_sl, count, opened_at, audience, link, rule_pack_status FROM operations_alert
WHERE told_at IS NULL AND closed_at IS NULL AND audience = ANY(%s)
ORDER BY audience <> 'clinical', opened_at LIMIT 20
"""
_TOLD: LiteralString = "UPDATE operations_alert SET told_at = clock_timestamp() WHERE key = %s"
_RAISE: LiteralString = """
INSERT INTO operations_alert (key, kind, severity, detail) VALUES (%(key)s, %(kind)s, %(severity)s, %(detail)s)
ON CONFLICT (key) DO UPDATE SET count = operations_alert.count + 1, last_at = clock_timestamp(),
    detail = excluded.detail, closed_at = NULL,
    told_at = CASE WHEN operations_alert.closed_at IS NULL THEN operations_alert.told_at END
"""


class Technical(msgspec.Struct, frozen=True, kw_only=True):
    """One open, untold technical alert."""

    key: str
    kind: str
    severity: str
    detail: str
    count: int
    opened_at: datetime
    audience: str = "operations"
    link: str = ""
    rule_pack_status: str = "none"
    """`none`: about Halo's own health, no clinical rule said it."""
    detail_sl: str = ""
    """In Slovene; empty: as `detail`."""

    def message(self, board_url: str) -> Message:
        """As a channel sends it; its id is stable over attempts."""
        text = f"{self.kind}: {self.detail}" + (f" ({self.count} so far)" if self.count > 1 else "")
        slovene = f"{self.kind}: {self.detail_sl}" + (f" (doslej {self.count})" if self.count > 1 else "")
        body = {
            "alert_id": stable_id("operations", self.key), "severity": self.severity, "level": self.kind,
            "family": "operations", "change": "opened",
            "summary": {"en": text, "sl": slovene if self.detail_sl else text},
            "sampled_at": self.opened_at.isoformat(),
            "rule_pack_status": self.rule_pack_status,
        }  # fmt: skip
        identity = stable_id("operations", self.key, self.opened_at.astimezone(UTC).isoformat())
        return Message(id=identity, body=body, link=f"{board_url}{self.link or '/'}", created_at=self.opened_at)


def audiences(channels: Iterable[Channel]) -> dict[str, list[Channel]]:
    """Who hears of what: only audiences that somebody belongs to. Without a steward's channel operations stand in."""
    all_ = list(channels)
    operations = [channel for channel in all_ if channel.operations]
    found = {
        "operations": operations, "clinical": [channel for channel in all_ if channel.clinical],
        "steward": [channel for channel in all_ if channel.role == "steward"] or operations,
    }  # fmt: skip
    return {name: these for name, these in found.items() if these}


async def untold(conn: AsyncConnection, those: Iterable[str]) -> list[Technical]:
    """What these audiences have not heard yet; what is for clinicians first, then the oldest."""
    async with conn.cursor(row_factory=class_row(Technical)) as cursor:
        return await (await cursor.execute(_UNTOLD, (sorted(those),))).fetchall()


async def told(conn: AsyncConnection, alert: Technical) -> None:
    """Some channel took it, or it must never be sent."""
    await conn.execute(_TOLD, (alert.key,))


async def raise_technical(conn: AsyncConnection, *, key: str, kind: str, severity: str, detail: str) -> None:
    """Open it, or count it once more. `detail` names what, where and what to do, without patient data."""
    await conn.execute(_RAISE, {"key": key, "kind": kind, "severity": severity, "detail": detail})
