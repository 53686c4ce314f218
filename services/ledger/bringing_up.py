"""After another site file came into force: everybody's stored reports are read by it, a person a transaction.

The clock does it; `halo site apply` shows how far it is. A person of whom results come in meanwhile is brought up
first, by the ledger itself: live traffic waits for one person at most.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import monotonic
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection, errors

from services.ledger import site_in_force
from services.ledger.errors import AliasesChanged, PackUnusable
from services.ledger.operations import Technical, report
from services.ledger.remapping import Remapper, remapped_results
from services.ledger.rereading import Rederived
from services.ledger.stored_messages import decoded

CHUNK = 20
"""Persons at most before the caller is asked again."""
SPAN = 1.0
"""Seconds after which no further one is begun."""
LOOK_AGAIN = 300.0
"""Seconds until those who could not be brought up are tried again."""
ATTEMPTS = 5
AGAIN = (AliasesChanged, errors.DeadlockDetected, errors.SerializationFailure, errors.LockNotAvailable)
_BEHIND: LiteralString = """
SELECT id, sent_id, site_version FROM patient WHERE site_version NOT IN ('', %s) AND NOT (id = ANY(%s))
    AND id NOT IN (SELECT retired_id FROM patient_alias) ORDER BY id LIMIT %s
"""
_COUNT: LiteralString = """
SELECT count(*) FROM patient WHERE site_version NOT IN ('', %s)
    AND id NOT IN (SELECT retired_id FROM patient_alias)
"""
_MARK: LiteralString = """
UPDATE patient SET site_version = %(new)s WHERE id IN (
    SELECT id FROM patient WHERE site_version = %(old)s ORDER BY id LIMIT 2000 FOR NO KEY UPDATE SKIP LOCKED)
"""
_NAMELESS: LiteralString = """
SELECT event_id::text, event FROM source_message
WHERE patient_id IS NULL AND type = 'lab_report' AND event_id > %s ORDER BY event_id LIMIT 200
"""
_NOBODY = "00000000-0000-0000-0000-000000000000"


class Brought(msgspec.Struct, kw_only=True):
    """What a round did."""

    persons: int = 0
    results: int = 0
    """That mean something else now, are read for the first time, or are not read any more."""
    failed: int = 0

    def add(self, found: Rederived | None) -> None:
        """One person more."""
        self.persons += 1
        if found is not None:
            self.results += len(remapped_results(found)) + len(found.removed)


class BringUp:
    """Brings everybody up to the site file in force."""

    def __init__(self, remapper: Remapper) -> None:
        self._remapper = remapper
        self._done = ""
        self._left: set[int] = set()
        self._mark, self._since = "", 0.0
        self._named = ""
        """Version for which messages that named nobody were gone through."""

    async def __call__(self, conn: AsyncConnection[Any]) -> int:
        """About a second's work: how many persons were taken up; 0 when nobody is behind."""
        found = await self.round(conn)
        count = found.persons + found.failed
        if not count and self._named != self._mark:
            await self.nameless(conn)
            self._named = self._mark
        return count

    async def round(self, conn: AsyncConnection[Any]) -> Brought:
        """The same, with what came of it. A LedgerError, or one of psycopg: nothing wrong with the person, again."""
        brought, end = Brought(), monotonic() + SPAN
        for record, sent, version in await self._behind(conn):
            if await self._remapper.indifferent(conn, version, self._remapper.site):
                brought.persons += await self._mark_many(conn, version)
                break
            await self._try(conn, record, sent, brought)
            await asyncio.sleep(0)
            if monotonic() >= end:
                break
        return brought

    async def nameless(self, conn: AsyncConnection[Any]) -> int:
        """Messages that named no patient the file before took: those that this one takes. How many results of them."""
        last, taken = _NOBODY, 0
        while rows := await (await conn.execute(_NAMELESS, (last,))).fetchall():
            for event_id, event in rows:
                report = decoded(event)
                site = self._remapper.site
                if report is not None and not site.refuses_identity(report.patient.id, report.source.sender):
                    taken += await self._message(conn, event_id)
            last = rows[-1][0]
        return taken

    async def _message(self, conn: AsyncConnection[Any], event_id: str) -> int:
        for attempt in range(ATTEMPTS):
            with suppress(*AGAIN):
                async with conn.transaction():
                    taken = await self._remapper.message(conn, event_id, by=f"site file {self._remapper.site.version}")
                return taken.stored
            await asyncio.sleep(0.02 * 2**attempt)
        return 0  # the message stays in quarantine, seen, and is taken with the next file or a release

    async def _mark_many(self, conn: AsyncConnection[Any], version: str) -> int:
        """Many at once: nothing of theirs reads differently."""
        async with conn.transaction():
            asked = {"old": version, "new": self._remapper.site.version}
            return (await conn.execute(_MARK, asked)).rowcount

    async def _behind(self, conn: AsyncConnection[Any]) -> list[tuple[int, str, str]]:
        async with conn.transaction():
            version = (await self._remapper.govern(conn)).version
            if self._mark != version or monotonic() - self._since >= LOOK_AGAIN:
                self._mark, self._since, self._done, self._left = version, monotonic(), "", set()
            if self._done == version:
                return []
            found = await (await conn.execute(_BEHIND, (version, sorted(self._left), CHUNK))).fetchall()
            self._done = "" if found else version
            return found

    async def _try(self, conn: AsyncConnection[Any], record: int, sent: str, brought: Brought) -> None:
        try:
            async with conn.transaction():
                found = await self._remapper.person(conn, sent)
        except (*AGAIN, PackUnusable):
            raise
        except Exception as error:  # one person must not stop everybody
            if conn.closed:
                raise
            await report(conn, [_fault(record, error)])
            self._left.add(record)
            brought.failed += 1
        else:
            brought.add(found)


async def left(conn: AsyncConnection[Any]) -> int:
    """How many persons are behind the file in force."""
    row = await (await conn.execute(_COUNT, (await site_in_force.version_in_force(conn),))).fetchone()
    return int(row[0]) if row else 0


def _fault(record: int, error: Exception) -> Technical:
    """Names the class of the error only: its text may quote a value."""
    detail = (
        f"the reports of patient record {record} could not be read by the site file in force: {type(error).__name__}. "
        f"Its results stand as they were; it is left out and tried again every {LOOK_AGAIN / 60:.0f} minutes"
    )
    return Technical(key=f"remap_failed:{record}", kind="remap_failed", patient_id=record, detail=detail)
