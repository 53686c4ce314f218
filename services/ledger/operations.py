"""Technical alerts: our own health, for operations. The same again is counted, and told anew once it was closed.

One fault of a feed must not page once a message (agreed behaviour 2): beyond 20 of it in 10 min they join one page that
counts. That is decided from what is stored, under a lock of the feed, so that processors side by side count alike. A
storm that lasts makes one page in each window of 10 min, and what may be CRITICAL never joins a page of lesser ones.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, LiteralString

import msgspec
from psycopg import AsyncConnection

AFTER = 20
"""So many of one feed in `WINDOW` page one by one [E]."""
WINDOW = timedelta(minutes=10)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
QUESTION = "data_steward"
"""Kind of a question about results that are stored: to the data steward, answered on the bench."""
Audience = Literal["operations", "steward", "clinical"]
"""Whose channels: those marked `operations`; the data steward's; everybody's who gets alerts of patients."""
_LOCK: LiteralString = "SELECT pg_advisory_xact_lock(hashtextextended('halo operations ' || %s, 0))"
LATELY: LiteralString = """
SELECT clock_timestamp(), coalesce(sum(newest.count), 0)::int FROM (
    SELECT count FROM operations_alert
    WHERE feed = %s AND feed <> '' AND last_at > statement_timestamp() - %s::interval
    ORDER BY last_at DESC LIMIT %s) AS newest
"""
"""How many of a feed came within `WINDOW`; of no interest beyond `AFTER`, and each row stands for one or more."""
_RAISE: LiteralString = """
INSERT INTO operations_alert (key, kind, severity, detail, patient_id, feed, count, audience, link, rule_pack_status,
                              detail_sl)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::int[], %s::text[],
                     %s::text[], %s::text[], %s::text[])
ON CONFLICT (key) DO UPDATE SET count = operations_alert.count + excluded.count, last_at = clock_timestamp(),
    detail = excluded.detail, detail_sl = excluded.detail_sl, closed_at = NULL, audience = excluded.audience,
    link = excluded.link,
    told_at = CASE WHEN operations_alert.closed_at IS NULL THEN operations_alert.told_at END
"""


class Technical(msgspec.Struct, frozen=True, kw_only=True):
    """One fault. `detail` says what, where and what to do, without a patient's data."""

    key: str
    kind: str
    detail: str
    severity: str = "HIGH"
    patient_id: int | None = None
    feed: str = ""
    """Kind, laboratory and reason, where one fault of the feed makes one of these a message; empty: never a storm."""
    count: int = 1
    audience: Audience = "operations"
    link: str = ""
    """Path of the page on which somebody can act; empty: the board."""
    rule_pack_status: str = "none"
    """Of what is told to clinicians: `draft` goes to test recipients only."""
    detail_sl: str = ""
    """The same in Slovene; empty: as `detail`."""


_COLUMNS = (
    "key", "kind", "severity", "detail", "patient_id", "feed", "count", "audience", "link", "rule_pack_status",
    "detail_sl",
)  # fmt: skip


async def report(conn: AsyncConnection[Any], faults: Iterable[Technical]) -> None:
    """Open or count them, inside the caller's transaction."""
    once = list({fault.key: _addressed(fault) for fault in faults}.values())
    if once:
        found = sorted(await _joined(conn, once), key=lambda fault: fault.key)
        await conn.execute(_RAISE, [[getattr(fault, name) for fault in found] for name in _COLUMNS])
        await conn.execute("SELECT pg_notify('halo_delivery', '')")


def _addressed(fault: Technical) -> Technical:
    """A question about results is the data steward's, whoever asks it."""
    if fault.kind != QUESTION or fault.audience != "operations":
        return fault
    return msgspec.structs.replace(fault, audience="steward", link=fault.link or "/quarantine")


async def _joined(conn: AsyncConnection[Any], faults: Iterable[Technical]) -> list[Technical]:
    """The same faults; those of a feed beyond the first `AFTER` as one of each severity, with their number."""
    feeds: dict[str, list[Technical]] = defaultdict(list)
    for fault in faults:
        feeds[fault.feed].append(fault)
    found = feeds.pop("", [])
    for feed in sorted(feeds):  # in one order, so that two transactions do not wait for each other
        now, room = await _room(conn, feed)
        these = sorted(feeds[feed], key=lambda fault: (fault.severity != "CRITICAL", fault.key))
        found += [*these[:room], *_one_each(these[room:], now)]
    return found


async def _room(conn: AsyncConnection[Any], feed: str) -> tuple[datetime, int]:
    """The database's time, and how many more of this feed page one by one."""
    await conn.execute(_LOCK, (feed,))
    cursor = await conn.execute(LATELY, (feed, WINDOW, AFTER))
    ((now, lately),) = await cursor.fetchall()
    return now, max(AFTER - lately, 0)


def _one_each(faults: Sequence[Technical], now: datetime) -> list[Technical]:
    begin = now - (now - _EPOCH) % WINDOW
    many = Counter(fault.severity for fault in faults)
    return [_storm(fault, begin, many[severity]) for severity, fault in {f.severity: f for f in faults}.items()]


def _storm(newest: Technical, begin: datetime, count: int) -> Technical:
    minutes = WINDOW // timedelta(minutes=1)
    detail = (
        f"more than {AFTER} in {minutes} min of {newest.feed}: further ones are counted here and page no more. "
        f"Call the laboratory about the fault as a whole; all of them stand where the newest does. {newest.detail}"
    )
    key = f"storm:{newest.feed}:{begin.astimezone(UTC):%Y-%m-%dT%H:%M}:{newest.severity}"
    return msgspec.structs.replace(newest, key=key, detail=detail, detail_sl="", patient_id=None, count=count)
