"""Records to Kafka, each confirmed by the broker; comes back by itself when Kafka does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError

from services.intake import metrics
from services.intake.records import Record
from services.shared.kafka import PRODUCER_DEFAULTS
from services.shared.log import get_logger

TOPIC = "patient-events.v1"
RETRY_SECONDS = 0.2
CONNECT_SECONDS = 10.0
CHECK_SECONDS = 1.0
ANSWER_SECONDS = 3.0
STOP_SECONDS = 5.0

logger = get_logger()


class EventProducer:
    """One idempotent producer, `acks=all`; replaced when it breaks. Use within one event loop.

    A record whose confirmation nobody waits for any longer stays on its way (the broker may still take it); the same
    event sent again meanwhile joins it instead of doubling it.
    """

    def __init__(self, bootstrap: str, *, budget: int) -> None:
        self._bootstrap = bootstrap
        self._budget = budget
        self._producer: AIOKafkaProducer | None = None
        self._connected = asyncio.Event()
        self._pending: dict[str, asyncio.Future[object]] = {}
        self._pending_bytes = 0
        self._room = asyncio.Event()
        self._unsaid = True
        self.problem = "not connected to Kafka yet"
        """Why Kafka cannot be used now; "" while it can."""

    async def stop(self) -> None:
        """Hand over what is on its way, for a few seconds at most, and disconnect; end `keep` before."""
        await self._drop()

    def problems(self) -> dict[str, str]:
        """For `/readyz`."""
        return {"kafka": self.problem} if self.problem else {}

    async def deliver(self, records: Iterable[Record]) -> None:
        """Return when the broker has confirmed every record. Tries for ever: callers set the time limit."""
        async with asyncio.TaskGroup() as group:
            for record in records:
                group.create_task(self._deliver(record))

    async def _deliver(self, record: Record) -> None:
        while True:
            await self._connected.wait()
            producer = self._producer
            try:
                await asyncio.shield(self._on_its_way(record) or await self._send(record))
            except (KafkaError, OSError) as error:
                logger.warning("kafka.not_confirmed", event_id=record.event_id, error=repr(error))
                self._distrust(producer, error)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    def _on_its_way(self, record: Record) -> asyncio.Future[object] | None:
        """The same event sent a moment ago, by this connection or another."""
        found = self._pending.get(record.event_id)
        if found is not None:
            metrics.JOINED.labels(dict(record.headers)["ce_type"].decode()).inc()
        return found

    async def _send(self, record: Record) -> asyncio.Future[object]:
        size = len(record.value)
        while self._pending and self._pending_bytes + size > self._budget:
            self._room.clear()
            await self._room.wait()
        producer = self._producer
        if producer is None:
            raise KafkaConnectionError("the connection was lost")
        self._count(size)
        try:
            future: asyncio.Future[object] = await producer.send(
                TOPIC, record.value, record.key, headers=list(record.headers)
            )
        except BaseException:
            self._count(-size)
            raise
        self._pending[record.event_id] = future
        future.add_done_callback(lambda done: self._settled(record.event_id, size, done))
        return future

    def _settled(self, event_id: str, size: int, future: asyncio.Future[object]) -> None:
        if self._pending.get(event_id) is future:
            del self._pending[event_id]
        self._count(-size)
        if not future.cancelled():
            future.exception()  # seen here too: whoever waited may have gone

    def _count(self, size: int) -> None:
        self._pending_bytes += size
        metrics.PENDING_BYTES.set(self._pending_bytes)
        if size < 0:
            self._room.set()

    def _distrust(self, producer: AIOKafkaProducer | None, error: Exception) -> None:
        """After an error that aiokafka does not mend itself the producer is made anew by the keeper."""
        self._say(f"{type(error).__name__}: {error}")
        if producer is self._producer and not getattr(error, "retriable", False):
            self._connected.clear()

    async def keep(self) -> None:
        """Run it beside `deliver`, for ever: connects, watches the broker, and connects again."""
        while True:
            if not self._connected.is_set():
                await self._drop()
                await self._connect()
            if self._producer is not None:
                await self._check(self._producer)
            await asyncio.sleep(CHECK_SECONDS)

    async def _connect(self) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap.split(","), request_timeout_ms=10_000, **PRODUCER_DEFAULTS
        )
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await producer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            self._say(f"no broker at {self._bootstrap}: {error or 'no answer in time'}")
            await _stop(producer)
        except asyncio.CancelledError:
            await _stop(producer)
            raise
        else:
            producer.client.add_topic(TOPIC)
            self._producer = producer
            self._connected.set()

    async def _check(self, producer: AIOKafkaProducer) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answered = await producer.client.force_metadata_update()
        except (KafkaError, OSError, TimeoutError) as error:
            self._say(f"no answer from {self._bootstrap}: {error or 'none in time'}")
            return
        if not answered:
            self._say(f"no broker answers at {self._bootstrap}")
        elif not producer.client.cluster.partitions_for_topic(TOPIC):
            self._say(f"topic {TOPIC} does not exist; create it with `halo topics`")
        else:
            self._say("")

    def _say(self, problem: str) -> None:
        """Once at each change between usable and not."""
        if bool(problem) != bool(self.problem) or self._unsaid:
            logger.warning("kafka.away", problem=problem) if problem else logger.info("kafka.usable")
            self._unsaid = False
        self.problem = problem
        metrics.KAFKA_UP.set(not problem)

    async def _drop(self) -> None:
        producer, self._producer = self._producer, None
        self._connected.clear()
        if producer is not None:
            await _stop(producer)
        for future in list(self._pending.values()):  # nobody would ever settle these
            if not future.done():
                future.set_exception(KafkaConnectionError("the connection was given up"))


async def _stop(producer: AIOKafkaProducer) -> None:
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await producer.stop()
    except (KafkaError, OSError, TimeoutError) as error:
        logger.warning("kafka.stopped_with_records_unconfirmed", error=repr(error))
