"""The one transaction: events in; results, alerts, deliveries, outbox and the next offset out, all or nothing."""

from __future__ import annotations

import asyncio
import contextlib
import copy
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from time import monotonic
from typing import Any, LiteralString
from zoneinfo import ZoneInfo

import msgspec
import psycopg
from psycopg import AsyncConnection, errors

from schemas.patient_event import ContextChange, LabReport, PatientMerge, Refused
from services.ledger import (
    burying,
    feeds,
    governing,
    identity,
    merging,
    numbers,
    offsets,
    patients,
    repeating,
    site_in_force,
    stored,
)
from services.ledger.applying import Work, keep_nobody
from services.ledger.cache import Cache
from services.ledger.catching_up import CatchUp
from services.ledger.done import Done, add
from services.ledger.errors import AliasesChanged, OffsetsWentBack, OutOfStep, PackUnusable, Unavailable
from services.ledger.evaluating import Rules
from services.ledger.going_live import Pager, Switch
from services.ledger.incoming import Incoming, read
from services.ledger.journal import Journal
from services.ledger.operations import Technical, report
from services.ledger.pace import Pace
from services.ledger.patients import Locked
from services.ledger.readmitting import Readmitter
from services.ledger.record import Outcome, Record, StreamName
from services.ledger.releasing import Releaser
from services.ledger.remapping import Remapper
from services.ledger.retaking import Retaker
from services.ledger.runs import heartbeats, in_runs, next_offsets
from services.ledger.stored import Stored
from services.ledger.telling import Teller
from services.ledger.unverified import Unverified
from services.ledger.writes import REFUSED, Writes
from services.mapping.site import Site

_KNOWN: LiteralString = "SELECT event_id::text FROM source_message WHERE event_id = ANY(%s::text[]::uuid[])"
STOP_AFTER = 20
"""Dead letters in a row on one partition: then our code is wrong, not the data."""
ATTEMPTS = 5
"""Of a transaction that met a deadlock or a merge, before the caller waits and tries again."""
AGAIN = (errors.DeadlockDetected, errors.SerializationFailure)
_POISON = (psycopg.DataError, psycopg.IntegrityError)
_AWAY = (psycopg.OperationalError, psycopg.InterfaceError, errors.IdleInTransactionSessionTimeout, OSError)

Connect = Callable[[], Awaitable[AsyncConnection[Any]]]


class Ledger:
    """One writer: one connection and a cache. Tasks that want a transaction wait for one another.

    Batches come from one task; a rebalance asks for offsets from others, and Faust asks twice at once when the flow is
    interrupted while it recovers.
    """

    def __init__(  # noqa: PLR0913 - what it is made of, by name
        self, connect: Connect, stream: StreamName, *, site: Site, rules: Rules, teller: Teller, journal: Journal,
        zone: ZoneInfo, cached_patients: int = 5000,
    ) -> None:  # fmt: skip
        self.stream = stream
        self._connect = connect
        self._conn: AsyncConnection[Any] | None = None
        self._turn = asyncio.Lock()
        self._pace = Pace()
        self._site, self._rules, self._teller, self._journal, self._zone = site, rules, teller, journal, zone
        self._cache = Cache(cached_patients)
        self._kept_pack, self._met = "", ""
        self._senders: set[str] = set()
        self._committed: dict[int, int] = {}
        self._in_a_row: Counter[int] = Counter()
        self.stopped: set[int] = set()

    async def store(self, batch: Sequence[Record]) -> Outcome:
        """Store a batch, in order. Returns after COMMIT; then and only then may it be acknowledged.

        Unavailable: nothing may be acknowledged, give the same batch again. Anything else: end the process.
        """
        outcome = Outcome(stopped=self.stopped)
        try:
            for run in in_runs(self._kept(read(record, self._site) for record in batch)):
                await self._in_pieces(run, outcome)
        except PackUnusable as error:
            await self._report_unusable(error)
            raise
        return outcome

    def assigned(self, positions: dict[int, int]) -> None:
        """From where each partition is read from now on; the database must not fall behind that."""
        self._committed = dict(positions)
        self._in_a_row.clear()
        self.stopped.clear()

    def retaker(self) -> Retaker:
        """The same rules, site, channels and log for the timer of held results, on whatever connection that has."""
        return Retaker(self._site, self._teller, self._journal, self._rules)

    def remapper(self) -> Remapper:
        """The same for stored reports that are taken again: a release from quarantine, another site file."""
        return Remapper(self._site, copy.copy(self._teller), self._journal, self._rules)

    def readmitter(self) -> Readmitter:
        """The same for the timer of a release from quarantine."""
        return Readmitter(self.remapper())

    def unverified(self) -> Unverified:
        """The same for the timer of held values that look critical and nobody took care of."""
        return Unverified(self._site, copy.copy(self._teller), self._rules)

    def releaser(self) -> Releaser:
        """The same for the timer of alerts that wait because their specimen is in doubt."""
        return Releaser(self._zone, self._teller, self._journal, self._rules)

    def switch(self) -> Switch:
        """The same for who makes a feed live or silent."""
        return Switch(self._zone, self._rules)

    def pager(self) -> Pager:
        """The same for the timer of what was urgent when its feed went live."""
        return Pager(self._zone, self._teller, self._journal, self._rules)

    def catch_up(self) -> CatchUp:
        """The same for persons who were last judged by other rules than are in force."""
        return CatchUp(self._site, copy.copy(self._teller), self._journal, self._rules)

    async def close(self) -> None:
        """Give the connection back. Harmless without one."""
        conn, self._conn = self._conn, None
        if conn is not None:
            with contextlib.suppress(psycopg.Error, OSError):  # it may be gone already
                await conn.close()

    @contextlib.asynccontextmanager
    async def transaction(self) -> Any:
        """A transaction on the writer's connection. Unavailable when the database is away; the cache is then empty."""
        async with self._turn, self._transaction() as conn:
            yield conn

    @contextlib.asynccontextmanager
    async def _transaction(self) -> Any:
        try:
            conn = self._conn
            if conn is None or conn.closed:
                conn = self._conn = await self._connect()
            async with conn.transaction():
                yield conn
        except AGAIN + _POISON:
            raise
        except _AWAY as error:
            self._cache.clear()
            await self.close()
            raise Unavailable(f"{type(error).__name__}: {error}") from error
        except asyncio.CancelledError:
            self._cache.clear()
            await self.close()
            raise

    def _kept(self, incoming: Iterable[Incoming]) -> list[Incoming]:
        """Nothing of a stopped partition, and nothing after the dead letter that stops one."""
        kept, row, stopped = [], Counter(self._in_a_row), set(self.stopped)
        for item in incoming:
            partition = item.record.partition
            if partition in stopped:
                continue
            kept.append(item)
            if self._is_settled(item):
                continue
            row[partition] = row[partition] + 1 if item.fault else 0
            if row[partition] >= STOP_AFTER:
                stopped.add(partition)
        return kept

    def _is_settled(self, item: Incoming) -> bool:
        """Committed before, and given again because a later piece of its batch failed: counted once."""
        return item.record.offset < self._committed.get(item.record.partition, 0)

    async def _in_pieces(self, run: list[Incoming], outcome: Outcome) -> None:
        """Each piece a transaction of its own; what is committed stays so when a later one fails."""
        while run:
            piece, run = run[: self._pace.size], run[self._pace.size :]
            began = monotonic()
            try:
                await self._run(piece, outcome)
            except Unavailable:
                self._pace.failed(len(piece))
                raise
            self._pace.took(len(piece), monotonic() - began)

    async def _run(self, run: list[Incoming], outcome: Outcome) -> None:
        one_by_one = False
        for attempt in range(ATTEMPTS):
            try:
                work, run = await self._attempt(run, one_by_one=one_by_one)
            except _POISON:
                if one_by_one:
                    raise
                one_by_one = True
            except (AliasesChanged, OutOfStep, *AGAIN) as error:
                self._cache.clear()
                if attempt == ATTEMPTS - 1 and isinstance(error, OutOfStep):
                    raise
                await asyncio.sleep(0.02 * 2**attempt)
            else:
                self._settle(work, run, outcome)
                return
        raise Unavailable(f"gave up after {ATTEMPTS} attempts in a row; trying again later")

    async def _attempt(self, run: list[Incoming], *, one_by_one: bool) -> tuple[Done, list[Incoming]]:
        done = Done()
        async with self.transaction() as conn:
            await self._lock_offsets(conn, run)
            known = self._site.version
            await self._govern(conn)
            if self._site.version != known:
                run = [read(item.record, self._site) for item in run]
            if one_by_one:
                run = [await self._alone(conn, item, done) for item in run]
            else:
                await self._apply(conn, run, done)
            if not self._site.senders:
                done.senders = await feeds.note(conn, run, self._senders)
            await self._report_stops(conn, run)
            await offsets.advance(conn, self.stream, next_offsets(run), heartbeats(run))
        return done, run

    async def _govern(self, conn: AsyncConnection[Any]) -> None:
        """Take the site file and rules in force now; with others than before nothing cached is good. PackUnusable."""
        site = await site_in_force.in_force(conn, self._site)
        if site.version != self._site.version:
            self._cache.clear()
            self._site, self._zone = site, site.zone
            self._teller.follow(site)
        if self._met != self._site.version:
            await feeds.meet(conn, self._site)
        rules, self._teller.standing = await governing.in_force(conn, self._rules)
        if rules is not self._rules:
            self._cache.clear()
            self._rules = rules
        if self._kept_pack != rules.mark:
            await governing.keep(conn, rules)

    async def _lock_offsets(self, conn: AsyncConnection[Any], run: list[Incoming]) -> None:
        found = await offsets.lock(conn, self.stream, {item.record.partition for item in run})
        for partition, stored_offset in found.items():
            ours = self._committed.get(partition, 0)
            if stored_offset < ours:
                raise OffsetsWentBack(f"partition {partition}: stored {stored_offset}, committed before {ours}")

    async def _alone(self, conn: AsyncConnection[Any], item: Incoming, done: Done) -> Incoming:
        """One event in a savepoint of its own; what Postgres refuses becomes a dead letter."""
        try:
            mine = Done(persons=dict(done.persons))
            async with conn.transaction():
                await self._apply(conn, [item], mine)
        except _POISON as error:
            item, mine = item.refused(error), Done(persons=dict(done.persons))
            await self._apply(conn, [item], mine)
        done.add(mine)
        return item

    async def _apply(self, conn: AsyncConnection[Any], run: list[Incoming], done: Done) -> None:
        writes = Writes()
        dead = [item for item in run if item.fault]
        dropped = await burying.bury(conn, self.stream, dead, writes) if dead else []
        done.outcome.dead_letters += len(dead)
        await self._refuse(conn, run, writes, done)
        await self._keep_nobodies(conn, run, writes, done)
        events = [item for item in run if item.sent_ids]
        if events:
            await self._take(conn, events, writes, done)
        await writes.flush(conn, self._journal)
        done.count(writes)
        for record in (*dropped, *writes.closings.persons):
            done.persons.pop(record, None)

    async def _refuse(self, conn: AsyncConnection[Any], run: list[Incoming], writes: Writes, done: Done) -> None:
        rows = [
            (
                item.event.event_id, item.event.source.sender, item.event.reason, item.event.field, item.received_at,
                item.event.raw,
            )
            for item in run if item.fault is None and isinstance(item.event, Refused)
        ]  # fmt: skip
        new = {event_id for (event_id,) in await REFUSED.run(conn, rows)}
        done.outcome.refused += len(new)
        for item in run:
            if item.event_id in new and isinstance(item.event, Refused):
                new.discard(item.event_id)
                writes.tallies.refusal(item)

    async def _keep_nobodies(self, conn: AsyncConnection[Any], run: list[Incoming], writes: Writes, done: Done) -> None:
        """Reports that name no patient: stored and quarantined whole."""
        nobodies = [item for item in run if item.nobody and item.fault is None]
        found = {item.event_id: item for item in nobodies}
        if not found:
            return
        done.outcome.repeated += len(nobodies) - len(found)
        known = {i for (i,) in await (await conn.execute(_KNOWN, (list(found),))).fetchall()}
        done.outcome.repeated += len(known)
        for event_id, item in found.items():
            if event_id not in known:
                keep_nobody(item, writes, done.outcome, steward=self._teller.steward)

    async def _take(self, conn: AsyncConnection[Any], events: list[Incoming], writes: Writes, done: Done) -> None:
        first = events[0].event
        merge = first if isinstance(first, PatientMerge) else None
        locked = await self._lock_patients(conn, events, merge)
        known = {i for (i,) in await (await conn.execute(_KNOWN, ([e.event_id for e in events],))).fetchall()}
        work = Work(
            locked=locked, persons=await self._persons(conn, locked, done), rules=self._rules, teller=self._teller,
            zone=self._zone, writes=writes, outcome=done.outcome, others=await _others(conn, events, locked),
        )  # fmt: skip
        await self._bring(conn, work)
        for item in events:
            if item.event_id in known:
                done.outcome.repeated += 1
                repeating.take(item, work)
            elif merge is not None:
                await merging.take(conn, item, merge, work)
                await site_in_force.mark_mixed(conn, locked.rows, self._site)
            else:
                work.take(item)
            known.add(item.event_id)
        work.finish()
        done.persons |= work.persons

    async def _bring(self, conn: AsyncConnection[Any], work: Work) -> None:
        """Nobody's results are of two site files at once: who is behind is re-derived before the event is taken."""
        version = self._site.version
        rows = work.locked.rows
        await site_in_force.mark_new(conn, sorted(i for i, row in rows.items() if not row.site_version), self._site)
        behind = [root for root in work.persons if rows[root].site_version not in ("", version)]
        if behind:
            await site_in_force.current(conn, self._site)
            remapper = self.remapper()
            for root in sorted(behind):
                await remapper.bring(conn, work, root, self._site)

    async def _lock_patients(
        self, conn: AsyncConnection[Any], events: list[Incoming], merge: PatientMerge | None
    ) -> Locked:
        if merge is not None:
            return await merging.lock_component(conn, merge)
        return await patients.lock(conn, (sent for item in events for sent in item.sent_ids))

    async def _persons(self, conn: AsyncConnection[Any], locked: Locked, done: Done) -> dict[int, Stored]:
        found, missing = {}, {}
        for root, members in locked.members.items():
            version = locked.rows[root].series_version
            cached = done.persons.get(root) or self._cache.get(root, version, members)
            if cached is None or cached.version != version or cached.members != members:
                missing[root] = members
            else:
                found[root] = _copy(cached)
        if missing:
            found |= await stored.read(conn, locked.rows, missing, self._zone)
        return found

    async def _report_unusable(self, error: PackUnusable) -> None:
        """Nobody is watched until it is mended: operations are told before the process ends."""
        detail = f"{error}. Until then no result is evaluated; all of them wait in Kafka"
        fault = Technical(key="pack_unusable", kind="pack_unusable", detail=detail, severity="CRITICAL")
        async with self.transaction() as conn:
            await report(conn, [fault])

    async def _report_stops(self, conn: AsyncConnection[Any], run: list[Incoming]) -> None:
        stops = {p for p, count in self._counted(run).items() if count >= STOP_AFTER} - self.stopped
        for partition in sorted(stops):
            detail = (
                f"partition {partition} of {self.stream.topic} is stopped after {STOP_AFTER} dead letters in a row: "
                "the fault is probably in Halo. Nothing is lost; `halo dead-letters`, then start the processor again."
            )
            key = f"partition_stopped:{self.stream.topic_id}:{partition}"
            await report(conn, [Technical(key=key, kind="partition_stopped", detail=detail, severity="CRITICAL")])

    def _counted(self, run: list[Incoming]) -> Counter[int]:
        row = Counter(self._in_a_row)
        for item in run:
            if not self._is_settled(item):
                row[item.record.partition] = row[item.record.partition] + 1 if item.fault else 0
        return row

    def _settle(self, done: Done, run: list[Incoming], outcome: Outcome) -> None:
        """Only after COMMIT returned."""
        self._kept_pack, self._met = self._rules.mark, self._site.version
        self._senders |= done.senders
        self._cache.put(done.persons.values())
        self._in_a_row = self._counted(run)
        self.stopped |= {p for p, count in self._in_a_row.items() if count >= STOP_AFTER}
        for partition, position in next_offsets(run).items():
            self._committed[partition] = max(position, self._committed.get(partition, 0))
        done.outcome.heartbeats = heartbeats(run)
        done.outcome.rule_seconds, self._rules.seconds = self._rules.seconds, {}
        add(outcome, done.outcome)


async def _others(conn: AsyncConnection[Any], events: list[Incoming], locked: Locked) -> dict[str, int]:
    """Known patients whose number stands in PID-3 of these events beside another one for the first time."""
    asked: set[str] = set()
    for item in events:
        if isinstance(item.event, LabReport | ContextChange) and len(item.event.patient.identifiers) > 1:
            row = locked.rows[locked.by_sent[item.event.patient.id]]
            asked |= {*identity.numbers(item.event.patient)} - {identity.name_of(one) for one in row.identifiers}
    return await numbers.known(conn, asked)


def _copy(person: Stored) -> Stored:
    return msgspec.structs.replace(
        person, alerts=dict(person.alerts), incomplete=dict(person.incomplete), memos=dict(person.memos)
    )  # fmt: skip
