"""What people say of patients to Kafka, each confirmed by the broker before anybody is told that it was taken."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.codec import encode_event
from schemas.patient_event import ContextChange, PatientMerge
from services.shared.context_event import headers
from services.shared.kafka import PRODUCER_DEFAULTS, KafkaUnreachable
from services.shared.log import get_logger
from services.shared.topics import PATIENT_EVENTS

CONFIRM_SECONDS = 6.0
STOP_SECONDS = 3.0
logger = get_logger()


class ContextSender:
    """Connects with the first event and anew after a fault. Use within one event loop, `async with`."""

    def __init__(self, bootstrap: str, *, origin: str) -> None:
        self._bootstrap, self._origin = bootstrap, origin
        self._producer: AIOKafkaProducer | None = None
        self._connecting = asyncio.Lock()

    async def send(self, event: ContextChange | PatientMerge) -> None:
        """Return when the broker has confirmed it, keyed by the patient.

        KafkaUnreachable: not confirmed in time. It may be stored nevertheless; sent again it is the same event.
        """
        producer = None
        try:
            async with asyncio.timeout(CONFIRM_SECONDS):
                producer = await self._connected()
                value, key = encode_event(event), event.patient.id.encode()
                await producer.send_and_wait(PATIENT_EVENTS, value, key, headers=headers(event, self._origin))
        except (KafkaError, OSError, TimeoutError) as error:
            await self._drop(producer)
            problem = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise KafkaUnreachable(f"{self._bootstrap} did not confirm the change: {problem}") from error

    async def _connected(self) -> AIOKafkaProducer:
        async with self._connecting:
            if self._producer is None:
                producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap.split(","), **PRODUCER_DEFAULTS)
                try:
                    await producer.start()
                except BaseException:  # also when cancelled: its tasks would outlive it; raised again
                    await _stop(producer)
                    raise
                self._producer = producer
            return self._producer

    async def _drop(self, producer: AIOKafkaProducer | None) -> None:
        if producer is not None and producer is self._producer:
            self._producer = None
            await _stop(producer)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._drop(self._producer)


async def _stop(producer: AIOKafkaProducer) -> None:
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await producer.stop()
    except (KafkaError, OSError, TimeoutError) as error:
        logger.warning("context.producer_stopped_badly", error=repr(error))
