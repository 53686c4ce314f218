"""From the stream to the ledger: takes what is there, never waits for more, acknowledges in order after the commit."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from time import monotonic, time
from typing import Any, NoReturn

from services.ledger.batch import Ledger
from services.ledger.errors import Unavailable
from services.ledger.record import Outcome, Record
from services.processor import metrics
from services.processor.state import State
from services.shared.log import logger
from services.shared.topics import PATIENT_EVENTS

EXIT_UNEXPECTED = 70
FIRST_RETRY = 0.05


class Pump:
    """One writer for all partitions of this worker."""

    def __init__(
        self, ledger: Ledger, state: State, *, batch: int, longest_retry: float, pause: Callable[[set[int]], None]
    ) -> None:
        self._ledger, self._state, self._batch, self._longest = ledger, state, batch, longest_retry
        self._pause = pause
        self._queue: asyncio.Queue[Any] = asyncio.Queue(maxsize=batch)

    async def run(self, stream: Any) -> None:
        """Until cancelled. An unexpected error ends the process before anything is acknowledged."""
        manual = stream.noack()
        writer = asyncio.create_task(self._write(manual), name="ledger writer")
        try:
            async for event in manual.events():
                await self._queue.put(event)
        except Exception as error:  # noqa: BLE001 - an exception that left the agent would be acknowledged by Faust: lost
            die("stream.failed", error)
        finally:
            writer.cancel()

    async def _write(self, stream: Any) -> None:
        try:
            while True:
                events = await self._take()
                metrics.OLDEST.labels(PATIENT_EVENTS).set(min(event.message.timestamp or time() for event in events))
                outcome = await self._store([record(event) for event in events])
                await self._acknowledge(stream, events, outcome)
                metrics.OLDEST.labels(PATIENT_EVENTS).set(time())
        except Exception as error:  # noqa: BLE001 - as above
            die("batch.failed", error)

    async def _take(self) -> list[Any]:
        events = [await self._queue.get()]
        while len(events) < self._batch and not self._queue.empty():
            events.append(self._queue.get_nowait())
        return events

    async def _store(self, batch: list[Record]) -> Outcome:
        """Try until it is stored; while the database is away nothing is acknowledged and `/readyz` says so."""
        wait = FIRST_RETRY
        while True:
            began = monotonic()
            try:
                outcome = await self._ledger.store(batch)
            except Unavailable as fault:
                metrics.RETRIES.inc()
                self._state.unavailable(str(fault))
                logger.warning("database.unavailable", reason=str(fault), retry_seconds=wait, waiting=len(batch))
                await asyncio.sleep(wait)
                wait = min(wait * 2, self._longest)
            else:
                self._state.available()
                metrics.COMMIT.observe(monotonic() - began)
                metrics.BATCH.observe(len(batch))
                metrics.count(outcome)
                return outcome

    async def _acknowledge(self, stream: Any, events: Iterable[Any], outcome: Outcome) -> None:
        self._state.progressed()
        if outcome.stopped:
            self._pause(outcome.stopped)
            self._state.stopped = set(outcome.stopped)
        for event in events:
            if event.message.partition not in outcome.stopped:
                await stream.ack(event)


def record(event: Any) -> Record:
    """A Faust event as the ledger takes it; a record without a value has empty bytes, and becomes a dead letter."""
    message = event.message
    headers = message.headers or ()
    pairs = headers.items() if hasattr(headers, "items") else headers
    return Record(
        partition=message.partition, offset=message.offset, key=message.key, value=message.value or b"",
        headers=tuple((str(name), bytes(value or b"")) for name, value in pairs),
    )  # fmt: skip


def die(event: str, error: BaseException) -> NoReturn:
    """End at once, before any acknowledgement could be sent. The supervisor starts the process again."""
    logger.critical(event, error=f"{type(error).__name__}: {error}", exc_info=error)
    os._exit(EXIT_UNEXPECTED)
