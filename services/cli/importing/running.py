"""The import itself: ask the ledger what it has, send what is missing, wait for it, count what became of it.

Nothing is remembered between runs but in the ledger: an event's id comes from its bytes, so that a run after a kill
sends only what is not stored, and what was on its way at that moment is a repetition that changes nothing.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any

from aiokafka.errors import KafkaError
from psycopg import AsyncConnection

from schemas.patient_event import LabReport, Refused
from services.cli.importing.flow import Flow, Sent
from services.cli.importing.kafka_side import MAX_VALUE_BYTES, Line, Sendable, encoded
from services.cli.importing.pieces import Piece, events_of
from services.cli.importing.tally import Counts, Tally, look_up
from services.ledger import offsets
from services.ledger.record import StreamName
from services.reading.outcome import Refusal
from services.reading.refusing import refuse
from services.shared.kafka import KafkaUnreachable

TOGETHER = 100
"""Events that the ledger is asked about at once."""
LOOK_SECONDS = 0.02
"""Between looks at the ledger's offsets."""
STILL_SECONDS = 20.0
"""So long without any movement of the ledger's offsets is worth saying."""

Say = Callable[[str], None]


class Import:
    """One run. `tally` is right after `finish`."""

    def __init__(self, conn: AsyncConnection[Any], line: Line, stream: StreamName, say: Say) -> None:
        self._conn, self._line, self._stream, self._say = conn, line, stream, say
        self._flow = Flow(line.ends)
        self._window: list[Sendable] = []
        self._seen: set[int] = set()
        self._futures: dict[Future[Any], tuple[int, Sent]] = {}
        self._failed: BaseException | None = None
        self._looked = self._said = monotonic()
        self.refusals: list[str] = []
        """Place and reason of each, in order."""
        self.tally = Tally()
        self.sent = 0
        """Records that were handed over to the broker."""
        self.handed = 0
        """Results that were sent or known so far."""

    async def take(self, one: Piece) -> None:
        """Send what is in it, once there is room."""
        if one.ignored:
            self.tally.unused += 1
        if one.refusal is not None:
            self._refused(one.place, one.refusal)
        self._window += events_of(one)
        if len(self._window) >= TOGETHER:
            await self._send_window()

    async def finish(self) -> None:
        """Return when everything that was sent is stored, and counted."""
        await self._send_window()
        while self._flow.waiting:
            await asyncio.sleep(LOOK_SECONDS)
            await self._look()

    def _refused(self, place: str, refusal: Refusal) -> None:
        self.tally.refused += 1
        where = f", {refusal.location}" if refusal.location and refusal.location not in place else ""
        self.refusals.append(f"{place}{where}: {refusal.reason}: {refusal.text}")

    async def _send_window(self) -> None:
        window, self._window = self._window, []
        known = await look_up(self._conn, [event.event_id for event in window])
        for event in window:
            mark = int(event.event_id[:18].replace("-", ""), 16)
            if mark in self._seen:
                self._again(event)
                continue
            self._seen.add(mark)
            self._count(event)
            if event.event_id in known:
                self.tally.known += isinstance(event, LabReport)
                self.tally.add([known[event.event_id]])
            else:
                await self._send(event)

    def _count(self, event: Sendable) -> None:
        self.tally.messages += isinstance(event, LabReport)
        self.handed += _results(event)

    def _again(self, event: Sendable) -> None:
        results = _results(event)
        self.tally.repeated += isinstance(event, LabReport)
        self.tally.add([Counts(results=results, duplicate=results)])

    async def _send(self, event: Sendable) -> None:
        value = encoded(event)
        if len(value) > MAX_VALUE_BYTES:
            event = self._too_large(event, len(value))
            value = encoded(event)
        partition, results = self._line.partition_of(event), _results(event)
        await self._wait_for_room(partition, results)
        self._flow.sends(partition, results)
        future = await self._line.send(event, value, partition)
        self.sent += 1
        self._futures[future] = (partition, Sent(event_id=event.event_id, results=results, at=monotonic()))
        future.add_done_callback(self._confirmed)

    def _too_large(self, event: Sendable, size: int) -> Refused:
        refusal = Refusal(reason="too_large", text=f"{size} bytes as a record, at most {MAX_VALUE_BYTES} are taken")
        self._refused(f"a message of {event.source.sender}, {event.source.message_id}", refusal)
        self.tally.messages -= isinstance(event, LabReport)
        (made,) = refuse(refusal, event.raw, event.source).events
        if not isinstance(made, Refused):
            raise TypeError(f"a refusal that is a {type(made).__name__}")
        return made

    async def _wait_for_room(self, partition: int, results: int) -> None:
        if monotonic() - self._looked > LOOK_SECONDS:
            await self._look()
        while not self._flow.has_room(partition, results):
            await asyncio.sleep(LOOK_SECONDS)
            await self._look()

    async def _look(self) -> None:
        """What the ledger has passed, counted."""
        self._looked = monotonic()
        if self._failed is not None:
            raise KafkaUnreachable(f"not everything was confirmed: {self._failed}; run it again") from self._failed
        passed = [one.event_id for one in self._flow.stored(await offsets.stored(self._conn, self._stream))]
        if passed:
            found = await look_up(self._conn, passed)
            self.tally.add(found.values())
            self.tally.lost += len(passed) - len(found)
        self._complain()

    def _complain(self) -> None:
        still = self._looked - self._flow.moved_at
        if self._flow.waiting and still > STILL_SECONDS and self._looked - self._said > STILL_SECONDS:
            self._said = self._looked
            self._say(
                f"{self._flow.waiting} records wait, nothing was stored for {still:.0f} s. Does the processor run, and "
                "is no partition stopped (`halo dead-letters`)?"
            )

    def _confirmed(self, future: Future[Any]) -> None:
        partition, sent = self._futures.pop(future)
        error = KafkaError("cancelled") if future.cancelled() else future.exception()
        if error is not None:
            self._failed = error
        else:
            self._flow.confirmed(partition, future.result().offset, sent)


def _results(event: Sendable) -> int:
    return len(event.results) if isinstance(event, LabReport) else 0


async def run(pieces: Iterable[Piece], one: Import, told: Callable[[int, Import], None]) -> None:
    """Take everything; `told` hears after each piece how many bytes of the files are done."""
    done = 0
    for piece in pieces:
        await one.take(piece)
        done += piece.size
        told(done, one)
        await asyncio.sleep(0)
    await one.finish()
