"""Which patients a batch is about: found, made, locked in id order, with the root of each."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import class_row

from schemas.patient_event import Identifier
from services.ledger.context import Demographics
from services.ledger.errors import AliasesChanged

_FIND: LiteralString = "SELECT id, sent_id FROM patient WHERE sent_id = ANY(%s)"
_MAKE: LiteralString = """
INSERT INTO patient (public_id, sent_id) SELECT * FROM unnest(%b::text[], %b::text[]) AS row(public_id, sent_id)
ORDER BY sent_id ON CONFLICT (sent_id) DO NOTHING
"""
_ROOTS: LiteralString = "SELECT retired_id, root_id FROM patient_alias WHERE retired_id = ANY(%s)"
_LOCK: LiteralString = """
SELECT id, sent_id, public_id, series_version, as_of, incomplete, rule_pack, unwatched, demographics, site_version,
    identifiers
FROM patient WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
"""
_GROUPS: LiteralString = "SELECT retired_id, root_id FROM patient_alias WHERE root_id = ANY(%s)"


class PatientRow(msgspec.Struct, frozen=True, kw_only=True):
    """A locked row of `patient`."""

    id: int
    sent_id: str
    public_id: str
    series_version: int
    as_of: datetime | None
    incomplete: dict[str, str]
    rule_pack: str
    unwatched: str
    demographics: Demographics
    site_version: str = ""
    """Of the site file its results were last mapped by; empty: of the first one that was in force here."""
    identifiers: tuple[Identifier, ...] = ()
    """Every number that ever came with it."""


class Locked(msgspec.Struct, kw_only=True):
    """All patients of a transaction."""

    by_sent: dict[str, int]
    rows: dict[int, PatientRow]
    root_of: dict[int, int]
    """Records that are their own root are not listed."""
    members: dict[int, tuple[int, ...]]
    """Per root every record of the person, the root first, then by id."""

    def root(self, sent_id: str) -> int:
        """The root of the record with this identifier."""
        identity = self.by_sent[sent_id]
        return self.root_of.get(identity, identity)


async def lock(conn: AsyncConnection[Any], sent_ids: Iterable[str]) -> Locked:
    """Find or make the records, lock them and their roots. AliasesChanged: start the transaction again."""
    by_sent = await find_or_make(conn, sorted(set(sent_ids)))
    ids = sorted(by_sent.values())
    root_of = dict(await _pairs(conn, _ROOTS, ids))
    rows = await lock_rows(conn, {*ids, *root_of.values()})
    if dict(await _pairs(conn, _ROOTS, ids)) != root_of or not rows.keys() >= {*ids, *root_of.values()}:
        raise AliasesChanged  # a merge, or the record was deleted before it could be locked
    members = await groups(conn, {root_of.get(i, i) for i in ids})
    return Locked(by_sent=by_sent, rows=rows, root_of=root_of, members=members)


async def find_or_make(conn: AsyncConnection[Any], sent_ids: list[str]) -> dict[str, int]:
    """The id of every record, made in the order of identifiers where missing."""
    found = {sent: i for i, sent in await (await conn.execute(_FIND, (sent_ids,))).fetchall()}
    missing = [sent for sent in sent_ids if sent not in found]
    if not missing:
        return found
    await conn.execute(_MAKE, ([secrets.token_urlsafe(12) for _ in missing], missing))
    made = await (await conn.execute(_FIND, (missing,))).fetchall()
    return found | {sent: i for i, sent in made}


async def lock_rows(conn: AsyncConnection[Any], ids: Iterable[int]) -> dict[int, PatientRow]:
    """Lock in id order, so that two transactions never wait for each other in a circle."""
    async with conn.cursor(row_factory=class_row(_converted)) as cursor:  # type: ignore[arg-type] # a function that makes the record
        await cursor.execute(_LOCK, (sorted(set(ids)),))
        return {row.id: row for row in await cursor.fetchall()}


def _converted(**columns: Any) -> PatientRow:
    return msgspec.convert(columns, PatientRow)


async def groups(conn: AsyncConnection[Any], roots: Iterable[int]) -> dict[int, tuple[int, ...]]:
    """Per root all its records, itself first."""
    wanted = sorted(set(roots))
    retired: dict[int, list[int]] = {root: [] for root in wanted}
    for record, root in await _pairs(conn, _GROUPS, wanted):
        retired[root].append(record)
    return {root: (root, *sorted(others)) for root, others in retired.items()}


async def _pairs(conn: AsyncConnection[Any], query: LiteralString, ids: list[int]) -> list[tuple[int, int]]:
    return [(a, b) for a, b in await (await conn.execute(query, (ids,))).fetchall()]
