"""One heartbeat a partition, sent through the same pipe as the results: explicit partition, no key."""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from prometheus_client import Counter, Gauge

from schemas.codec import encode_event
from schemas.patient_event import Heartbeat
from services.shared.clock import Clock
from services.shared.kafka import PRODUCER_DEFAULTS
from services.shared.log import logger
from services.shared.topics import PATIENT_EVENTS

SENT = Gauge(
    "halo_heartbeat_sent_timestamp_seconds", "When the last heartbeat of a partition was confirmed.", ["partition"]
)
FAILED = Counter("halo_heartbeat_failures_total", "Rounds of heartbeats that the broker did not confirm.")


class Heartbeats:
    """Sends a round every `every` seconds; a round that fails is not sent later: the next one says more."""

    def __init__(self, bootstrap: str, clock: Clock, *, every: float) -> None:
        self._bootstrap, self._clock, self._every = bootstrap, clock, every
        self._producer: AIOKafkaProducer | None = None
        self.partitions = 0
        """How many the log had in the last round; 0 before the first."""
        self._wrong = "no heartbeat sent yet"

    def wrong(self) -> dict[str, str]:
        """Why heartbeats do not go out; nothing when they do."""
        return {"heartbeats": self._wrong} if self._wrong else {}

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await self._try_round()
                await asyncio.sleep(self._every)
        finally:
            await self._close()

    async def _try_round(self) -> None:
        try:
            await asyncio.wait_for(self.round(), timeout=max(self._every, 5.0))
            self._wrong = ""
        except (KafkaError, OSError, TimeoutError) as error:
            self._wrong = f"{type(error).__name__}: {error}"
            FAILED.inc()
            logger.warning("heartbeat.failed", reason=self._wrong)
            await self._close()

    async def round(self) -> None:
        """One heartbeat to each partition, all confirmed."""
        producer = await self._started()
        partitions = sorted(await producer.partitions_for(PATIENT_EVENTS))
        self.partitions = len(partitions)
        now = self._clock.now()
        text = now.isoformat().replace("+00:00", "Z")
        sent = [
            await producer.send(PATIENT_EVENTS, encode_event(Heartbeat(partition=p, sent_at=text)), partition=p)
            for p in partitions
        ]
        await asyncio.gather(*sent)
        for partition in partitions:
            SENT.labels(str(partition)).set(now.timestamp())

    async def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, **PRODUCER_DEFAULTS)
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        return self._producer

    async def _close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()
