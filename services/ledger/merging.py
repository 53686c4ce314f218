"""Merges and their undoing: records that re-key nothing; the aliases are derived from the set of them (design 6)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection

from schemas.patient_event import PatientMerge
from services.ledger import patients, stored
from services.ledger.applying import Work, source_row
from services.ledger.errors import AliasesChanged
from services.ledger.evaluating import EVERYTHING
from services.ledger.incoming import Incoming
from services.ledger.operations import Technical
from services.ledger.patients import Locked
from services.ledger.telling import Cause

_COMPONENT: LiteralString = """
WITH RECURSIVE edge(a, b) AS (
    SELECT retired_id, survivor_id FROM patient_merge UNION SELECT survivor_id, retired_id FROM patient_merge
), reached(id) AS (
    SELECT unnest(%s::bigint[]) UNION SELECT edge.b FROM edge JOIN reached ON edge.a = reached.id
)
SELECT id FROM reached
"""
_RECORDS: LiteralString = """
SELECT retired_id, survivor_id, undo, sent_at, event_id::text AS event_id FROM patient_merge
WHERE retired_id = ANY(%s)
"""
_ADD: LiteralString = """
INSERT INTO patient_merge (event_id, retired_id, survivor_id, undo, sent_at) VALUES (%s, %s, %s, %s, %s)
"""
_FORGET: LiteralString = "DELETE FROM patient_alias WHERE retired_id = ANY(%s)"
_ALIAS: LiteralString = (
    "INSERT INTO patient_alias (retired_id, root_id) SELECT * FROM unnest(%s::bigint[], %s::bigint[])"
)

_DECIDED: LiteralString = """
UPDATE patient_link SET state = %s, decided_by = %s, decided_at = clock_timestamp() WHERE one = %s AND other = %s
"""


class MergeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One merge, or the undoing of one."""

    retired_id: int
    survivor_id: int
    undo: bool
    sent_at: datetime
    event_id: str

    @property
    def rank(self) -> tuple[datetime, str]:
        """Of one retired id the greatest counts."""
        return (self.sent_at, self.event_id)


def derive(records: Iterable[MergeRecord]) -> tuple[dict[int, int], list[tuple[int, ...]]]:
    """Retired id -> root, and the cycles found. Of a cycle the oldest link is dropped: the newest will counts."""
    newest: dict[int, MergeRecord] = {}
    for record in _directed(list(records)):
        if record.retired_id not in newest or newest[record.retired_id].rank < record.rank:
            newest[record.retired_id] = record
    links = {r.retired_id: r for r in newest.values() if not r.undo and r.retired_id != r.survivor_id}
    cycles = []
    while cycle := _cycle(links):
        cycles.append(tuple(sorted(cycle)))
        del links[min(cycle, key=lambda retired: links[retired].rank)]
    return {retired: _root(retired, links) for retired in links}, cycles


def _directed(records: list[MergeRecord]) -> list[MergeRecord]:
    """Whoever parts two patients need not know which of them was retired (ADT A37)."""
    retired = {record.retired_id for record in records if not record.undo}
    return [
        msgspec.structs.replace(record, retired_id=record.survivor_id, survivor_id=record.retired_id)
        if record.undo and record.retired_id not in retired and record.survivor_id in retired
        else record
        for record in records
    ]


def _root(record: int, links: dict[int, MergeRecord]) -> int:
    while record in links:
        record = links[record].survivor_id
    return record


def _cycle(links: dict[int, MergeRecord]) -> list[int]:
    for start in sorted(links):
        path: list[int] = []
        here = start
        while here in links and here not in path:
            path.append(here)
            here = links[here].survivor_id
        if here in path:
            return path[path.index(here) :]
    return []


async def lock_component(conn: AsyncConnection[Any], event: PatientMerge) -> Locked:
    """Everyone who ever was merged with either, locked in id order. AliasesChanged: start again."""
    by_sent = await patients.find_or_make(conn, sorted({event.patient.id, event.retired.id}))
    ids = await _component(conn, by_sent.values())
    rows = await patients.lock_rows(conn, ids)
    if await _component(conn, by_sent.values()) != ids:
        raise AliasesChanged
    return Locked(by_sent=by_sent, rows=rows, root_of={}, members={})


async def _component(conn: AsyncConnection[Any], ids: Iterable[int]) -> list[int]:
    return sorted(i for (i,) in await (await conn.execute(_COMPONENT, (sorted(ids),))).fetchall())


async def take(conn: AsyncConnection[Any], incoming: Incoming, event: PatientMerge, work: Work) -> None:
    """Store the record, derive the aliases anew, and re-derive the alerts of every root before and after."""
    locked = work.locked
    survivor, retired = locked.by_sent[event.patient.id], locked.by_sent[event.retired.id]
    sent_at = merged_at(event, incoming.received_at)
    work.writes.sources.append(source_row(incoming, event, survivor, (0, 0, 0, 0, 0)))
    work.writes.tallies.message(incoming, (0, 0, 0, 0, 0))
    work.outcome.events += 1
    work.outcome.received.append(incoming.received_at)
    if incoming.proposal:
        await _propose(conn, incoming, event, work)
        return
    await conn.execute(_ADD, (event.event_id, retired, survivor, event.undo, sent_at))
    await _rederive(conn, locked, work)
    state = "undone" if event.undo else "confirmed"
    await conn.execute(_DECIDED, (state, event.source.sender, min(survivor, retired), max(survivor, retired)))
    work.persons = await stored.read(conn, locked.rows, locked.members, work.zone)
    cause = Cause(event_id=event.event_id, received_at=incoming.received_at, kind="context")
    for person in work.persons.values():
        person.as_of = max(person.as_of, *(locked.rows[m].as_of or person.as_of for m in person.members))
        work.writes.live[("series", person.root, None)] = None
    moved = frozenset(locked.root_of)
    persons = list(work.persons.values())
    for person in persons:
        person.rule_pack = work.rules.mark
    work.evaluate(persons, EVERYTHING, cause, moved)
    for person in persons:
        work.settle(person, cause)
    for record in moved:  # whoever cached a retired root must not find it unchanged
        row = locked.rows[record]
        work.writes.lapses[record] = None  # the survivor's is the only one
        work.writes.patients[record] = (
            record,
            row.series_version + 1,
            row.as_of,
            msgspec.json.encode(row.incomplete).decode(),
            row.rule_pack,
        )


async def _propose(conn: AsyncConnection[Any], incoming: Incoming, event: PatientMerge, work: Work) -> None:
    """Nothing is merged or parted: a person is asked. Of two that are one already there is nothing to ask."""
    await _rederive(conn, work.locked, work)
    if work.locked.root(event.patient.id) == work.locked.root(event.retired.id) and not event.undo:
        return
    one, other = (work.locked.by_sent[who] for who in (event.patient.id, event.retired.id))
    if not event.undo:
        work.writes.numbers.link(one, other, incoming.proposal, event.event_id)
        return
    names = " and ".join(work.locked.rows[record].public_id for record in (one, other))
    detail = (
        f"{event.source.sender} may not part patients and says that {names} are not one; nothing was done. Undo the "
        f"merge by `halo patient unmerge` if it is right. Event {event.event_id}."
    )
    work.writes.technical.append(Technical(key=f"unmerge:{event.event_id}", kind="data_steward", detail=detail))


async def _rederive(conn: AsyncConnection[Any], locked: Locked, work: Work) -> None:
    ids = sorted(locked.rows)
    cursor = await conn.execute(_RECORDS, (ids,))
    names = [column.name for column in cursor.description or ()]
    records = [MergeRecord(**dict(zip(names, row, strict=True))) for row in await cursor.fetchall()]
    locked.root_of, cycles = derive(records)
    await conn.execute(_FORGET, (ids,))
    await conn.execute(_ALIAS, (list(locked.root_of), list(locked.root_of.values())))
    roots = {record: locked.root_of.get(record, record) for record in ids}
    locked.members = {
        root: (root, *sorted(r for r in ids if roots[r] == root and r != root)) for root in sorted(set(roots.values()))
    }
    for cycle in cycles:
        names_of = ", ".join(locked.rows[record].public_id for record in cycle)
        detail = (
            f"patient records {names_of} were merged in a circle; the oldest merge is left out until someone decides"
        )
        work.writes.technical.append(Technical(key=f"merge_cycle:{cycle}", kind="merge_cycle", detail=detail))


def merged_at(event: PatientMerge, received_at: datetime) -> datetime:
    """When it was done, else sent, else received; never later than received, so that a person's undoing counts.

    `services.ledger.incoming` has put the sender's zone to a time without an offset.
    """
    try:
        found = datetime.fromisoformat(event.at or event.source.sent_at)
    except ValueError:
        return received_at
    return min((found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC), received_at)
