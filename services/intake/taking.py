"""One frame: read, stored, answered. The order is the promise: nobody gets AA before the broker confirmed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from time import monotonic
from typing import Protocol

from services.intake import metrics
from services.intake.acknowledge import Code, acknowledge, wants_silence
from services.intake.framing import Frame
from services.intake.records import MAX_VALUE_BYTES, Record, to_record
from services.intake.settings import IntakeSettings
from services.reading import hl7v2
from services.reading.batches import split
from services.reading.outcome import Outcome, Refusal
from services.reading.refusing import refuse
from services.reading.source import make_source
from services.shared.log import get_logger

IN_A_THREAD = 256 * 1024
"""Larger messages are read beside the loop, so that they keep nobody waiting."""

logger = get_logger()


class Producer(Protocol):
    """Where records go; returns when all are confirmed."""

    async def deliver(self, records: list[Record]) -> None:
        """See `services.intake.producer`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`data` goes back in a frame (empty: nothing does); with `close` the connection ends without any answer."""

    data: bytes = b""
    close: bool = False


class Taker:
    """Takes frames of any connection; holds no state of its own between them."""

    def __init__(self, settings: IntakeSettings, producer: Producer, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._producer = producer
        self._now = now

    async def take(self, frame: Frame, peer: str) -> Answer:
        """The answer to one frame: an acknowledgement for each message in it, in their order."""
        started = monotonic()
        deadline = asyncio.get_running_loop().time() + self._settings.mllp_hold_seconds
        answers: list[bytes] = []
        for message in split(frame.data) or [frame.data]:
            answer = await self._take(message, frame, peer, deadline)
            if answer is None:
                return Answer(close=True)
            answers.append(answer)
        metrics.ACK_SECONDS.observe(monotonic() - started)
        return Answer(data=b"".join(answers))

    async def _take(self, message: bytes, frame: Frame, peer: str, deadline: float) -> bytes | None:
        if len(message) > IN_A_THREAD:
            outcome, records = await asyncio.to_thread(self._read, message, frame, peer)
        else:
            outcome, records = self._read(message, frame, peer)
        try:
            async with asyncio.timeout_at(deadline):
                await self._producer.deliver(records)
        except TimeoutError:
            return self._unavailable(outcome)
        return self._answer(outcome)

    def _read(self, message: bytes, frame: Frame, peer: str) -> tuple[Outcome, list[Record]]:
        received_at = self._now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if frame.too_large_sha256:
            outcome = self._too_large(message, frame.size, received_at, peer, frame.too_large_sha256)
        else:
            outcome = hl7v2.read(message, received_at, peer=peer, default_charset=self._settings.mllp_charset)
        records = [to_record(event) for event in outcome.events]
        if any(len(record.value) > MAX_VALUE_BYTES for record in records):
            outcome = self._too_large(message, len(message), received_at, peer, "")
            records = [to_record(event) for event in outcome.events]
        return outcome, records

    def _too_large(self, head: bytes, size: int, received_at: str, peer: str, digest: str) -> Outcome:
        limit = self._settings.mllp_max_message_bytes
        text = f"the message has {size} bytes; at most {limit} are taken, send its documents elsewhere"
        refusal = Refusal(reason="too_large", text=text)
        header = hl7v2.header_of(head, self._settings.mllp_charset)
        source = make_source(head, received_at, peer=peer, header=header, digest=digest)
        return refuse(refusal, head, source, header)

    def _unavailable(self, outcome: Outcome) -> bytes | None:
        _count(outcome, "unavailable")
        metrics.REJECTED.labels("unavailable").inc()
        logger.warning("message.not_taken_now", control_id=outcome.header.control_id if outcome.header else "")
        if self._settings.mllp_on_unavailable == "close":
            return None
        text = "cannot be stored at the moment; send it again"
        return self._acknowledgement(outcome, self._settings.mllp_on_unavailable, text)

    def _answer(self, outcome: Outcome) -> bytes:
        if outcome.refusal is not None:
            _count(outcome, "refused")
            metrics.REJECTED.labels(outcome.refusal.reason).inc()
            return self._acknowledgement(outcome, "AR", outcome.refusal.text)
        _count(outcome, outcome.ignored or "accepted")
        metrics.LAST_MESSAGE.set_to_current_time()
        metrics.WITHOUT_PATIENT.inc(outcome.without_patient)
        if self._settings.mllp_honour_ne and wants_silence(outcome.header):
            return b""
        return self._acknowledgement(outcome, "AA", "")

    def _acknowledgement(self, outcome: Outcome, code: Code, text: str) -> bytes:
        return acknowledge(
            outcome.header, code, now=self._now(), own_id=token_hex(10), text=text, refusal=outcome.refusal
        )


def _count(outcome: Outcome, status: str) -> None:
    kind = metrics.type_label(outcome.header.message_type) if outcome.header else "none"
    metrics.RECEIVED.labels(kind, status).inc()
