"""What a data steward decides about held results: release, close, ignore, take, note; each with person and time.

Every decision is a row of `quarantine_log`, which is only added to. A release is an event of its own
(`quarantine_release`) that the clock carries out (`services.ledger.readmitting`), person by person.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID, uuid4

import msgspec
from psycopg import AsyncConnection

from schemas.identity import stable_id
from services.ledger.calling import call_for
from services.ledger.quarantine import Wanted
from services.ledger.settling import CODE_REASONS, ignored_now, pages_over
from services.ledger.writes import TIMER

RELEASE = "quarantine_release"
"""Kind of the timer that carries a release out."""
AT_ONCE = 100
"""Results one timer takes, so that no transaction grows with the group."""
_OPEN: LiteralString = """
SELECT id::text, event_id::text, patient_id FROM quarantine
WHERE id = ANY(%s::text[]::uuid[]) AND closed_at IS NULL ORDER BY received_at, id
"""
_MEMBERS: LiteralString = """
SELECT id::text FROM quarantine WHERE closed_at IS NULL
AND reason = %(reason)s AND laboratory = %(laboratory)s AND code = %(code)s AND unit = %(unit)s
"""
_KEEP: LiteralString = "INSERT INTO quarantine_release (id, who, note, items) VALUES (%s, %s, %s, %s::text[]::uuid[])"
_LOG: LiteralString = """
INSERT INTO quarantine_log (item, kind, who, note, site_version, release)
SELECT i::uuid, %(kind)s, %(who)s, %(note)s, %(site)s, %(release)s FROM unnest(%(items)s::text[]) AS i
"""
_CLOSE: LiteralString = """
UPDATE quarantine SET closed_at = clock_timestamp(), closed_by = %(who)s, closed_as = %(how)s, close_reason = %(note)s
WHERE id = ANY(%(items)s::text[]::uuid[]) AND closed_at IS NULL RETURNING id::text
"""
_REOPEN: LiteralString = """
UPDATE quarantine SET closed_at = NULL, closed_by = NULL, closed_as = '', close_reason = ''
WHERE id = ANY(%s::text[]::uuid[]) AND closed_as = 'closed' RETURNING id::text
"""
_TAKE: LiteralString = """
UPDATE quarantine SET assigned_to = %(to)s, assigned_at = CASE WHEN %(to)s <> '' THEN clock_timestamp() END
WHERE id = ANY(%(items)s::text[]::uuid[]) AND closed_at IS NULL AND assigned_to <> %(to)s RETURNING id::text
"""
_IGNORE: LiteralString = """
INSERT INTO quarantine_ignore (laboratory, code, who, note) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_REASON: LiteralString = """
SELECT reason FROM quarantine WHERE closed_at IS NULL AND laboratory = %s AND code = %s
ORDER BY reason <> ALL(%s::text[]) LIMIT 1
"""
_NOT_IGNORED: LiteralString = "DELETE FROM quarantine_ignore WHERE laboratory = %s AND code = %s"
_BACK: LiteralString = """
WITH back AS (
    UPDATE quarantine SET closed_at = NULL, closed_by = NULL, closed_as = '', close_reason = ''
    WHERE laboratory = %(laboratory)s AND code = %(code)s AND closed_as = 'ignored' RETURNING id, event_id
), counted AS (
    UPDATE source_message AS s SET ignored = s.ignored - n.count, quarantined = s.quarantined + n.count
    FROM (SELECT event_id, count(*)::int AS count FROM back GROUP BY event_id) AS n WHERE s.event_id = n.event_id
)
INSERT INTO quarantine_log (item, kind, who, note) SELECT id, 'reopened', %(who)s, %(note)s FROM back RETURNING item
"""


class NotNow(ValueError):
    """The decision does not fit the item; the text says why."""


class Released(msgspec.Struct, frozen=True, kw_only=True):
    """A release that was asked for."""

    release: UUID
    items: int
    """How many are taken again, shortly."""


async def members(conn: AsyncConnection[Any], group: Wanted) -> list[str]:
    """Ids of the open items of a group."""
    values = {
        "reason": group.reason or "", "laboratory": group.laboratory or "", "code": group.code or "",
        "unit": group.unit or "",
    }  # fmt: skip
    return [i for (i,) in await (await conn.execute(_MEMBERS, values)).fetchall()]


async def release(conn: AsyncConnection[Any], items: Collection[str], who: str, note: str = "") -> Released:
    """Let the open ones of these be taken again under the site file in force. NotNow when none is open."""
    rows = await (await conn.execute(_OPEN, (list(items),))).fetchall()
    if not rows:
        raise NotNow("nothing of it is open any more")
    identity, ids = uuid4(), [i for i, _, _ in rows]
    await conn.execute(_KEEP, (identity, who, note, ids))
    await written(conn, ids, "released", who, note, release=identity)
    await TIMER.run(conn, _timers(identity, who, rows, datetime.now(UTC)))
    return Released(release=identity, items=len(ids))


def _timers(identity: UUID, who: str, rows: Iterable[tuple[str, str, int | None]], now: datetime) -> list[Any]:
    """One a person and so many results; of nobody's messages one each."""
    owners: dict[object, list[tuple[str, str, int | None]]] = defaultdict(list)
    for row in rows:
        owners[row[2] if row[2] is not None else row[1]].append(row)
    made = []
    for owner, theirs in owners.items():
        for number in range(0, len(theirs), AT_ONCE):
            part = theirs[number : number + AT_ONCE]
            events: dict[str, list[str]] = defaultdict(list)
            for item, event, _ in part:
                events[event].append(item)
            body = msgspec.json.encode({"release": str(identity), "who": who, "events": events}).decode()
            name = stable_id("timer", RELEASE, str(identity), str(owner), str(number))
            made.append((name, RELEASE, part[0][2], now, body))
    return made


async def close(conn: AsyncConnection[Any], items: Collection[str], who: str, note: str) -> int:
    """Answered by a person, with a reason; how many. NotNow without a reason or when none is open."""
    if not note:
        raise NotNow("closing needs a reason")
    found = await (
        await conn.execute(_CLOSE, {"who": who, "how": "closed", "note": note, "items": list(items)})
    ).fetchall()
    if not found:
        raise NotNow("nothing of it is open any more")
    ids = [i for (i,) in found]
    await written(conn, ids, "closed", who, note)
    await pages_over(conn, ids)
    return len(ids)


async def reopen(conn: AsyncConnection[Any], item: str, who: str, note: str = "") -> None:
    """Take back that it was closed. NotNow when no person closed it."""
    found = await (await conn.execute(_REOPEN, ([item],))).fetchall()
    if not found:
        raise NotNow("it was not closed by a person")
    await written(conn, [item], "reopened", who, note)
    await call_for(conn, [item], timedelta(0))


async def take(conn: AsyncConnection[Any], items: Collection[str], who: str, to: str) -> int:
    """`to` takes care of it from now on, nobody when empty: while somebody does, no clinician is called for it.

    For what is given back after its 15 minutes they are called at once.
    """
    found = await (await conn.execute(_TAKE, {"to": to, "items": list(items)})).fetchall()
    ids = [i for (i,) in found]
    await written(conn, ids, "assigned", who, to)
    if not to:
        await call_for(conn, ids, timedelta(0))
    return len(found)


async def remark(conn: AsyncConnection[Any], item: str, who: str, note: str) -> None:
    """A note for whoever looks next. NotNow when it is empty."""
    if not note:
        raise NotNow("a note has a text")
    await written(conn, [item], "noted", who, note)


async def ignore(conn: AsyncConnection[Any], laboratory: str, code: str, reason: str, who: str, note: str) -> int:
    """Nobody wants this code of this laboratory read: what is held of it closes, further ones count as ignored.

    It stands until the site file says so (`halo quarantine ignored` prints the lines for it). NotNow for what is held
    for another reason than its code: a known analyte is never ignored.
    """
    if not code or reason not in CODE_REASONS:
        raise NotNow("only a code that Halo does not know can be ignored; this is held for another reason")
    await conn.execute(_IGNORE, (laboratory, code, who, note))
    return await ignored_now(conn, None)


async def reason_of(conn: AsyncConnection[Any], laboratory: str, code: str) -> str:
    """Why a laboratory's code is held, of its open results; empty when none is. One for the code itself comes first."""
    values = (laboratory, code, sorted(CODE_REASONS))
    row = await (await conn.execute(_REASON, values)).fetchone()
    return str(row[0]) if row else ""


async def heed(conn: AsyncConnection[Any], laboratory: str, code: str, who: str, note: str = "") -> int:
    """The code is not ignored any more; what was closed by that opens again. NotNow when it was not ignored."""
    if not (await conn.execute(_NOT_IGNORED, (laboratory, code))).rowcount:
        raise NotNow(f"nobody decided to ignore {code} of {laboratory}")
    values = {"laboratory": laboratory, "code": code, "who": who, "note": note}
    return len(await (await conn.execute(_BACK, values)).fetchall())


async def written(
    conn: AsyncConnection[Any], items: Collection[str], kind: str, who: str, note: str = "", *, site: str = "",
    release: UUID | None = None,
) -> None:  # fmt: skip
    """A line of each item's log."""
    values = {"kind": kind, "who": who, "note": note, "site": site, "release": release, "items": list(items)}
    await conn.execute(_LOG, values)
