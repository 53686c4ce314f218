"""Kafka as the importer sees it: one idempotent producer, and the records keyed as intake keys them."""

from __future__ import annotations

import secrets
from asyncio import Future
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError
from aiokafka.partitioner import murmur2

from schemas.codec import encode_event
from schemas.patient_event import ContextChange, LabReport, PatientMerge, Refused
from services.shared.kafka import MAX_MESSAGE_BYTES, PRODUCER_DEFAULTS, KafkaUnreachable
from services.shared.topics import PATIENT_EVENTS

MAX_VALUE_BYTES = MAX_MESSAGE_BYTES - 64 * 1024
"""Leaves room for key, headers and the batch's own frame."""
LINGER_MS = 2
_TYPES = {
    LabReport: "lab_report", ContextChange: "context_change", PatientMerge: "patient_merge", Refused: "refused",
}  # fmt: skip

Sendable = LabReport | ContextChange | PatientMerge | Refused


class Line:
    """Use it `async with`, within one event loop. KafkaUnreachable when no broker answers."""

    def __init__(self, bootstrap: str) -> None:
        self._servers = bootstrap.split(",")
        self._producer: AIOKafkaProducer | None = None
        self.ends: dict[int, int] = {}
        """Per partition the end of its log at the start."""

    async def __aenter__(self) -> Self:
        self._producer = AIOKafkaProducer(bootstrap_servers=self._servers, linger_ms=LINGER_MS, **PRODUCER_DEFAULTS)
        try:
            await self._producer.start()
            self.ends = await self._read_ends(await self._producer.partitions_for(PATIENT_EVENTS))
        except UnknownTopicOrPartitionError as error:
            await self._producer.stop()
            raise KafkaUnreachable(f"topic {PATIENT_EVENTS} does not exist; create it with `halo topics`") from error
        except (KafkaError, OSError) as error:
            await self._producer.stop()
            raise KafkaUnreachable(f"no Kafka at {','.join(self._servers)}: {error}; is it running?") from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._producer is not None:
            await self._producer.stop()

    async def _read_ends(self, partitions: Iterable[int]) -> dict[int, int]:
        consumer = AIOKafkaConsumer(bootstrap_servers=self._servers)
        try:
            await consumer.start()
            ends = await consumer.end_offsets([TopicPartition(PATIENT_EVENTS, p) for p in sorted(partitions)])
        finally:
            await consumer.stop()
        return {place.partition: end for place, end in ends.items()}

    def partition_of(self, event: Sendable) -> int:
        """As every producer of ours chooses it; what names nobody goes to the first."""
        key = key_of(event)
        return (murmur2(key) & 0x7FFFFFFF) % len(self.ends) if key else 0

    async def send(self, event: Sendable, value: bytes, partition: int) -> Future[Any]:
        """Hand over; the future is done when the broker has confirmed it."""
        if self._producer is None:
            raise RuntimeError("use it within `async with`")
        future: Future[Any] = await self._producer.send(
            PATIENT_EVENTS, value, key_of(event), partition=partition, headers=_headers(event)
        )
        return future


def encoded(event: Sendable) -> bytes:
    """The value of the record."""
    return encode_event(event)


def key_of(event: Sendable) -> bytes | None:
    """The patient id; None where nobody is named."""
    return None if isinstance(event, Refused) else event.patient.id.encode() or None


def _headers(event: Sendable) -> list[tuple[str, bytes]]:
    source = event.source
    headers = {
        "ce_specversion": "1.0",
        "ce_id": event.event_id,
        "ce_type": f"halo.{_TYPES[type(event)]}.v1",
        "ce_source": f"urn:halo:import:{quote(source.sender, safe='')}",
        "ce_time": source.received_at,
        "content-type": "application/json",
        "traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01",
    }
    return [(name, value.encode()) for name, value in headers.items()]
