"""The quarantine as people look at it: groups with a count, the items of one, one item with all that is kept of it.

A group is reason, laboratory, code and unit: an unknown code is one line however many results came with it (agreed
behaviour 2). Pages go on after a `cursor`, which is only good for the question it was given for.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, LiteralString
from uuid import UUID

import msgspec
from psycopg import AsyncConnection

from services.mapping.urgency import Looks

State = Literal["open", "closed", "all"]
STATES: tuple[State, ...] = ("open", "closed", "all")
REASONS = (
    "unit_missing", "unit_not_allowed", "outside_hard_limit", "looks_like_mg_dl", "looks_like_g_dl",
    "looks_like_umol_l", "ambiguous_number", "total_light_chain_code", "different_quantity", "needs_wbc",
    "local_code_needed", "unknown_status", "collected_missing", "collected_in_future", "collected_before_birth",
    "slot_repeated", "patient_missing", "placeholder_identity", "unlisted_authority", "identity_conflict",
    "laboratory_not_of_sender", "withdrawn_unread",
)  # fmt: skip
"""Why a result is held; each has words and what to do in the board's catalogue."""
MOST = 200
"""Rows a page, at most."""
_WHERE: LiteralString = """
(%(state)s = 'all' OR (%(state)s = 'open' AND q.closed_at IS NULL)
    OR (%(state)s = 'closed' AND q.closed_at IS NOT NULL))
AND (%(reason)s::text IS NULL OR q.reason = %(reason)s)
AND (%(laboratory)s::text IS NULL OR q.laboratory = %(laboratory)s)
AND (%(code)s::text IS NULL OR q.code = %(code)s) AND (%(unit)s::text IS NULL OR q.unit = %(unit)s)
AND (%(event)s::uuid IS NULL OR q.event_id = %(event)s)
AND (%(looks)s = '' OR q.would_be = %(looks)s) AND (%(assigned)s = '' OR q.assigned_to = %(assigned)s)
"""
_COUNTED: LiteralString = """
WITH h AS (
    SELECT q.reason, q.laboratory, q.code, q.unit, count(*) AS count, min(q.received_at) AS first_at,
        max(q.received_at) AS last_at, count(*) FILTER (WHERE q.would_be = 'CRITICAL') AS critical,
        count(*) FILTER (WHERE q.would_be = 'HIGH') AS high, count(*) FILTER (WHERE q.assigned_to <> '') AS assigned
    FROM quarantine AS q WHERE """
_SHOWN: LiteralString = """
    GROUP BY q.reason, q.laboratory, q.code, q.unit
), g AS (
    SELECT * FROM h
    ORDER BY critical = 0, high = 0, count DESC, last_at DESC, reason, laboratory, code, unit
    OFFSET %(offset)s LIMIT %(limit)s
)
SELECT g.*, e.display, e.analyte, e.examples FROM g CROSS JOIN LATERAL (
    SELECT coalesce(max(n.display), '') AS display, coalesce(max(n.analyte), '') AS analyte,
        coalesce(array_agg(DISTINCT n.value), '{}') AS examples FROM (
        SELECT q.display, q.analyte, left(q.value, 40) AS value FROM quarantine AS q
        WHERE (q.closed_at IS NULL OR %(state)s <> 'open')
          AND (q.reason, q.laboratory, q.code, q.unit) = (g.reason, g.laboratory, g.code, g.unit)
        ORDER BY q.received_at DESC, q.id DESC LIMIT 3) AS n) AS e
ORDER BY g.critical = 0, g.high = 0, g.count DESC, g.last_at DESC, g.reason, g.laboratory, g.code, g.unit
"""
_GROUPS: LiteralString = _COUNTED + _WHERE + _SHOWN
_ITEM: LiteralString = """
SELECT q.id, q.event_id, p.public_id AS patient, q.reason, q.detail, q.laboratory, q.code, q.system, q.display,
    q.analyte, q.value, q.unit, q.segment, q.place, q.collected_at, q.would_be, q.looks_in, q.received_at,
    q.assigned_to, q.assigned_at, q.closed_at, coalesce(q.closed_by, '') AS closed_by, q.closed_as, q.close_reason
FROM quarantine AS q LEFT JOIN patient AS p ON p.id = q.patient_id WHERE """
_ITEMS: LiteralString = (
    _ITEM
    + _WHERE
    + """
AND (%(at)s::timestamptz IS NULL OR (q.received_at, q.id) < (%(at)s, %(id)s))
ORDER BY q.received_at DESC, q.id DESC LIMIT %(limit)s
"""
)
_ONE: LiteralString = _ITEM + "q.id = %s"
_OF_PERSON: LiteralString = """
q.closed_at IS NULL AND q.would_be <> ''
AND (q.patient_id = %s OR q.patient_id IN (SELECT retired_id FROM patient_alias WHERE root_id = %s))
ORDER BY q.would_be <> 'CRITICAL', q.received_at DESC, q.id LIMIT 20
"""
_URGENT: LiteralString = _ITEM + _OF_PERSON
_LOG: LiteralString = (
    "SELECT kind, who, note, site_version, release, at FROM quarantine_log WHERE item = %s ORDER BY id"
)
_MORE: LiteralString = """
SELECT count(*) FROM quarantine
WHERE closed_at IS NULL AND (reason, laboratory, code, unit) = (%s, %s, %s, %s) AND id <> %s
"""
_IGNORED: LiteralString = "SELECT laboratory, code, who, note, at FROM quarantine_ignore ORDER BY laboratory, code"
_FEEDS: LiteralString = """
WITH came AS (
    SELECT sender, sum(results)::int AS results, sum(stored)::int AS stored, sum(duplicate)::int AS duplicate,
        sum(quarantined)::int AS quarantined, sum(ignored)::int AS ignored, count(*)::int AS messages
    FROM source_message WHERE stored_at > clock_timestamp() - interval '24 hours' AND type = 'lab_report'
    GROUP BY sender
), gone AS (
    SELECT sender, count(*)::int AS refused FROM refused
    WHERE received_at > clock_timestamp() - interval '24 hours' GROUP BY sender
)
SELECT coalesce(came.sender, gone.sender) AS sender, coalesce(messages, 0) AS messages, coalesce(results, 0) AS results,
    coalesce(stored, 0) AS stored, coalesce(duplicate, 0) AS duplicate, coalesce(quarantined, 0) AS quarantined,
    coalesce(ignored, 0) AS ignored, coalesce(refused, 0) AS refused
FROM came FULL JOIN gone ON gone.sender = came.sender ORDER BY 1
"""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which items; what is None or empty does not matter."""

    state: State = "open"
    reason: str | None = None
    laboratory: str | None = None
    code: str | None = None
    unit: str | None = None
    event: UUID | None = None
    """Of one source message."""
    looks: Looks = ""
    assigned: str = ""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Items that are alike."""

    reason: str
    laboratory: str
    code: str
    unit: str
    display: str
    """The sender's name of the code."""
    analyte: str
    """Empty while the code is not known."""
    count: int
    first_at: datetime
    last_at: datetime
    critical: int
    """How many would be CRITICAL in an allowed unit."""
    high: int
    assigned: int
    """How many somebody takes care of."""
    examples: list[str]
    """Of the newest."""

    @property
    def looks(self) -> Looks:
        """The worst that one of them may be."""
        return "CRITICAL" if self.critical else "HIGH" if self.high else ""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A result that is not evaluated, and why."""

    id: UUID
    event_id: UUID
    patient: str | None
    """Opaque id; None when the message names nobody."""
    reason: str
    detail: str
    laboratory: str
    code: str
    system: str
    display: str
    analyte: str
    value: str
    """As sent."""
    unit: str
    """As sent."""
    segment: int
    place: int
    collected_at: str
    """As sent."""
    would_be: Looks
    looks_in: str
    """Units in which it would be so severe."""
    received_at: datetime
    assigned_to: str
    assigned_at: datetime | None
    closed_at: datetime | None
    closed_by: str
    closed_as: str
    """`released`, `ignored`, `closed` by a person; empty when it is open or an acceptable result answered it."""
    close_reason: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to an item."""

    kind: str
    who: str
    note: str
    site_version: str
    release: UUID | None
    at: datetime


class Ignored(msgspec.Struct, frozen=True, kw_only=True):
    """A code that nobody wants read, until the site file says so."""

    laboratory: str
    code: str
    who: str
    note: str
    at: datetime


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """What a sender brought in the last 24 h; results but for `messages` and `refused`, which are messages."""

    sender: str
    messages: int
    results: int
    stored: int
    duplicate: int
    quarantined: int
    ignored: int
    refused: int

    @property
    def came(self) -> int:
        """Stored, duplicate, quarantined, ignored and refused together."""
        return self.results + self.refused

    @property
    def adds_up(self) -> bool:
        """Whether every result came to something."""
        return self.results == self.stored + self.duplicate + self.quarantined + self.ignored


class WrongCursor(ValueError):
    """A cursor that no answer gave."""


async def groups(
    conn: AsyncConnection[Any], wanted: Wanted, cursor: str = "", limit: int = MOST
) -> tuple[list[Group], str]:
    """Groups, those that look urgent first, then the largest; and the cursor of what follows, empty at the end."""
    offset = _number(cursor)
    rows = await _rows(conn, _GROUPS, {**_values(wanted), "offset": offset, "limit": limit + 1}, Group)
    return rows[:limit], _cursor(str(offset + limit)) if len(rows) > limit else ""


async def items(
    conn: AsyncConnection[Any], wanted: Wanted, cursor: str = "", limit: int = MOST
) -> tuple[list[Item], str]:
    """Items, the newest first; and the cursor of what follows, empty at the end."""
    at, last = _after(cursor)
    rows = await _rows(conn, _ITEMS, {**_values(wanted), "at": at, "id": last, "limit": limit + 1}, Item)
    more = f"{rows[limit - 1].received_at.isoformat()} {rows[limit - 1].id}" if len(rows) > limit else ""
    return rows[:limit], _cursor(more) if more else ""


async def one(conn: AsyncConnection[Any], identity: UUID) -> Item | None:
    """The item, open or closed."""
    found = await _rows(conn, _ONE, (identity,), Item)
    return found[0] if found else None


async def urgent_of(conn: AsyncConnection[Any], root: int) -> list[Item]:
    """Open items of a person that would be HIGH or CRITICAL, the newest first; 20 at most."""
    return await _rows(conn, _URGENT, (root, root), Item)


async def more_like(conn: AsyncConnection[Any], item: Item) -> int:
    """How many others of its group are open."""
    row = await (await conn.execute(_MORE, (item.reason, item.laboratory, item.code, item.unit, item.id))).fetchone()
    return int(row[0]) if row else 0


async def log(conn: AsyncConnection[Any], identity: UUID) -> list[Entry]:
    """What happened to it, oldest first."""
    return await _rows(conn, _LOG, (identity,), Entry)


async def ignored(conn: AsyncConnection[Any]) -> list[Ignored]:
    """Codes that people decided to ignore: the lines that the site file lacks."""
    return await _rows(conn, _IGNORED, (), Ignored)


async def feeds(conn: AsyncConnection[Any]) -> list[Feed]:
    """What came in the last 24 h, by sender."""
    return await _rows(conn, _FEEDS, (), Feed)


def _values(wanted: Wanted) -> dict[str, Any]:
    return msgspec.structs.asdict(wanted)


async def _rows(
    conn: AsyncConnection[Any], query: LiteralString, values: Mapping[str, Any] | tuple[Any, ...], kind: type[Any]
) -> list[Any]:
    cursor = await conn.execute(query, values)
    names = [column.name for column in cursor.description or ()]
    return [msgspec.convert(dict(zip(names, row, strict=True)), kind) for row in await cursor.fetchall()]


def _cursor(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(cursor: str) -> str:
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise WrongCursor(f"{cursor!r} is no cursor") from error


def _number(cursor: str) -> int:
    text = _read(cursor) or "0"
    if not (text.isdecimal() and len(text) < 10):  # noqa: PLR2004 - what a bigint surely holds
        raise WrongCursor(f"{cursor!r} is no cursor of groups")
    return int(text)


def _after(cursor: str) -> tuple[datetime | None, UUID | None]:
    if not cursor:
        return None, None
    at, _, identity = _read(cursor).partition(" ")
    try:
        return datetime.fromisoformat(at), UUID(identity)
    except ValueError as error:
        raise WrongCursor(f"{cursor!r} is no cursor of items") from error
