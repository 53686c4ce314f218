"""Feeds as every process sees them: a feed is a `[[sender]]` of the site file, silent or live (agreed behaviour 1).

Of a silent feed everything is stored, evaluated and shown, and nothing is sent. Of a live one nothing is sent that
rests on a sample collected before `live_from`. Without a site file there are no feeds: every message counts as live.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, LiteralString

import msgspec
from psycopg import AsyncConnection

from services.mapping.site import UNLISTED

State = Literal["silent", "live"]
Stop = Literal["", "feed_silent", "before_live"]
"""Why nothing is sent of an alert whose patient is watched."""
STOPS: tuple[Stop, ...] = ("feed_silent", "before_live")
UNTIMED = "overdue_test"
"""Family of alerts without a sample of their own: they count from `live_from` (`alerts.overdue`)."""
LOCK = "halo feeds"
"""Of who decides what is sent (shared) and who changes a feed (alone): nothing falls between the two."""
SHARED: LiteralString = "SELECT pg_advisory_xact_lock_shared(hashtextextended('halo feeds', 0))"
ALONE: LiteralString = "SELECT pg_advisory_xact_lock(hashtextextended('halo feeds', 0))"


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `feed`."""

    name: str
    state: State
    live_from: datetime | None = None
    """None and live: everything counts, as for senders that Halo knew before there were feeds."""
    listed: bool = True
    """In the site file in force; of one that is not nothing comes any more, but its results stay."""


def stop(feeds: Iterable[Feed], feed: str, sampled_at: datetime, family: str) -> Stop:
    """Why an alert whose deciding sample came by `feed` is not sent.

    An unknown feed counts as live: a page too many is better than a silence nobody asked for. A sender that the site
    file in force does not list is none of them: nobody has looked yet at what it sends.
    """
    if feed == UNLISTED:
        return "feed_silent"
    found = next((one for one in feeds if one.name == feed), None)
    if found is None:
        return ""
    if found.state == "silent":
        return "feed_silent"
    early = found.live_from is not None and sampled_at < found.live_from
    return "before_live" if early and family != UNTIMED else ""


def begun(feeds: Iterable[Feed]) -> Mapping[str, datetime]:
    """From when on late tests of each live feed count."""
    return {one.name: one.live_from for one in feeds if one.state == "live" and one.live_from is not None}


async def read(conn: AsyncConnection[Any]) -> tuple[Feed, ...]:
    """All of them, by name."""
    rows = await (await conn.execute("SELECT name, state, live_from, listed FROM feed ORDER BY name")).fetchall()
    return tuple(Feed(name=row[0], state=row[1], live_from=row[2], listed=row[3]) for row in rows)
