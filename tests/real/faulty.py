"""Broken variants of the sound parts, one fault each, and the checks that must find what they break. Only for tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import AsyncConnection

from alerts.thresholds import default_pack
from schemas.patient_event import LabReport
from services.ledger import patients, replaying, writes
from services.ledger.batch import Ledger
from services.ledger.record import Outcome, Record
from services.mapping.site import DEFAULT_SITE
from services.shared import database as databases
from tests.real.ledgers import ask, one

_ANNOUNCED: LiteralString = """WITH said AS (
    SELECT convert_from(value, 'UTF8')::jsonb ->> 'alert_id' AS alert_id,
           (convert_from(value, 'UTF8')::jsonb ->> 'version')::int AS version FROM outbox
) """
_TOLD: dict[str, LiteralString] = {
    "not published": _ANNOUNCED
    + """SELECT count(*) FROM alert a WHERE NOT EXISTS (
        SELECT FROM said WHERE said.alert_id = a.alert_id::text AND said.version = a.version)""",
    "published, not stored": _ANNOUNCED
    + """SELECT count(*) FROM said WHERE NOT EXISTS (
        SELECT FROM alert a WHERE a.alert_id::text = said.alert_id AND a.version >= said.version)""",
    "published twice": _ANNOUNCED
    + """SELECT count(*) FROM (
        SELECT FROM said GROUP BY alert_id, version HAVING count(*) > 1) AS doubled""",
}
"""What may be wrong between the alerts and what is said of them, each with the count of it."""


class Died(BaseException):
    """The process ended here."""


class Tape:
    """A partition and the two positions kept of it: Kafka's and, in the database, the ledger's."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = list(records)
        self.kafka = 0

    async def run(self, ledger: Ledger, start: int, *, early: bool, dies_at: int = -1) -> None:
        """One process: from `start`, a record a batch, until the end or its death while record `dies_at` is stored.

        `early` acknowledges before the commit, which is the fault.
        """
        for number, record in enumerate(self.records[start:], start=start):
            if early:
                self.kafka = number + 1
            if number == dies_at:
                raise Died
            await ledger.store([record])
            self.kafka = number + 1


class SkipsByOffset(Ledger):
    """Believes that what lies below the stored offset is done; a Kafka that begins anew at 0 proves it wrong."""

    believed = 0

    async def store(self, batch: Sequence[Record]) -> Outcome:
        """Store what lies at or above the believed offset."""
        return await super().store([record for record in batch if record.offset >= self.believed])


def without_patient_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two writers may work on one patient at a time."""
    monkeypatch.setattr(patients, "_LOCK", patients._LOCK.replace("FOR NO KEY UPDATE", ""))


def dies_before_commit(monkeypatch: pytest.MonkeyPatch, *, outside: str | None = None) -> None:
    """The process dies when all statements of a transaction have run and COMMIT has not.

    `outside` is the fault: the outbox is written to that database on a connection of its own and outlives the rollback.
    """
    sound: Callable[..., Any] = writes.Writes.flush

    async def flush(self: writes.Writes, conn: AsyncConnection[Any], journal: Any) -> None:
        await sound(self, conn, journal)
        if outside is not None:
            async with await databases.connect(outside, "outside", autocommit=True) as other:
                await writes.OUTBOX.run(other, self.outbox)
        raise Died

    monkeypatch.setattr(writes.Writes, "flush", flush)


@asynccontextmanager
async def outbox_outside(monkeypatch: pytest.MonkeyPatch, database: str, *, dies: bool) -> AsyncIterator[None]:
    """The outbox is written on a connection of its own after the ledger's statements, unless the process dies before."""
    sound: Callable[..., Any] = writes.Writes.flush

    async def flush(self: writes.Writes, conn: AsyncConnection[Any], journal: Any) -> None:
        await sound(self, conn, journal)
        await conn.execute("DELETE FROM outbox WHERE published_at IS NULL")
        rows, self.outbox = self.outbox, []
        if not dies:
            async with await databases.connect(database, "outside", autocommit=True) as other:
                await writes.OUTBOX.run(other, rows)

    monkeypatch.setattr(writes.Writes, "flush", flush)
    yield
    monkeypatch.undo()


async def faults(database: str, reports: Sequence[LabReport]) -> list[str]:
    """What is wrong with the stored truth, by the invariants of the ledger; nothing when all hold."""
    found = []
    stored = {row[0] for row in ask(database, "SELECT event_id::text FROM source_message")}
    found += [f"lost: {report.event_id}" for report in reports if report.event_id not in stored]
    async with await databases.connect(database, "check") as conn:
        async for difference in replaying.differences(conn, DEFAULT_SITE.zone, default_pack()):
            found.append(f"torn: {difference.rule}")
    return [*found, *(f"{what}: {count}" for what, query in _TOLD.items() if (count := one(database, query)))]


async def both_at_once(first: Ledger, second: Ledger, one_record: Record, other: Record) -> None:
    """Two writers take two events of one patient; each has read before either has written."""
    met = asyncio.Barrier(2)
    sound = writes.Writes.flush

    async def flush(self: writes.Writes, conn: AsyncConnection[Any], journal: Any) -> None:
        with suppress(TimeoutError, asyncio.BrokenBarrierError):  # the other one waits for our lock, as it should
            await asyncio.wait_for(met.wait(), 0.7)
        await sound(self, conn, journal)

    writes.Writes.flush = flush  # type: ignore[method-assign]
    try:
        await asyncio.gather(first.store([one_record]), second.store([other]))
    finally:
        writes.Writes.flush = sound  # type: ignore[method-assign]


def offset_of(database: str) -> int:
    """Where the ledger goes on."""
    with psycopg.connect(database) as conn:
        row = conn.execute("SELECT coalesce(max(next_offset), 0) FROM consumer_offset").fetchone()
    assert row is not None
    return int(row[0])
