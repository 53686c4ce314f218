"""One frame: read, stored, answered. The order is the promise: nobody gets AA before the broker confirmed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from secrets import token_hex
from time import monotonic
from typing import Protocol

from services.intake import metrics
from services.intake.acknowledge import Code, acknowledge, wants_silence
from services.intake.admitting import UNLISTED, feed_of
from services.intake.framing import HEAD_LIMIT, Frame
from services.intake.judging import Judge, Judged, Message
from services.intake.origin import Origin
from services.intake.records import Record
from services.intake.settings import IntakeSettings
from services.mapping.site import DEFAULT_SITE, Sender, Site
from services.reading.batches import split
from services.reading.hl7v2 import header_of
from services.reading.outcome import Outcome
from services.shared.log import get_logger

IN_A_THREAD = 256 * 1024
"""Larger ones are read beside the loop, so that they keep nobody waiting."""
AT_ONCE = 2
"""So many of those are in hand at a time: each may need ten times its size for a moment."""
TOGETHER = 16
"""Messages of a batch that are handed to the broker at once."""

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
    feed: str = UNLISTED


class Taker:
    """Takes frames of any connection; holds no state of its own between them."""

    def __init__(
        self,
        settings: IntakeSettings,
        producer: Producer,
        now: Callable[[], datetime],
        site: Callable[[], Site] = lambda: DEFAULT_SITE,
    ) -> None:
        self._settings = settings
        self._producer = producer
        self._now = now
        self._site = site
        self._judge = Judge(settings, site, now)
        self._large = asyncio.Semaphore(AT_ONCE)

    @property
    def nobody(self) -> str:
        """The feed of who has not said yet who it is."""
        return feed_of(self._site(), None)[0]

    async def take(self, frame: Frame, origin: Origin) -> Answer:
        """The answer to one frame: an acknowledgement for each message in it, in their order."""
        started = monotonic()
        deadline = asyncio.get_running_loop().time() + self._settings.mllp_hold_seconds
        answers: list[bytes] = []
        feed = self.nobody
        try:
            async with AsyncExitStack() as held:
                if large := len(frame.data) > IN_A_THREAD:
                    async with asyncio.timeout_at(deadline):
                        await held.enter_async_context(self._large)
                messages = await _cut(frame, origin, self._settings.mllp_batch_messages, beside=large)
                for at in range(0, len(messages), TOGETHER):
                    judged, confirmed = await self._store(messages[at : at + TOGETHER], deadline, beside=large)
                    found = [self._acknowledged(one) if confirmed else self._unavailable(one) for one in judged]
                    feed = judged[-1].verdict.feed
                    if None in found:
                        return Answer(close=True, feed=feed)
                    answers += [answer for answer in found if answer is not None]
        except TimeoutError:  # too many large ones at once: nothing of it was read
            return self._too_busy(frame)
        metrics.ACK_SECONDS.labels(feed).observe(monotonic() - started)
        return Answer(data=b"".join(answers), feed=feed)

    async def _store(self, messages: Sequence[Message], deadline: float, *, beside: bool) -> tuple[list[Judged], bool]:
        """What each message is, and whether the broker has confirmed all that must be kept of them."""
        judged = [
            await asyncio.to_thread(self._judge.judge, one) if beside else self._judge.judge(one) for one in messages
        ]
        try:
            async with asyncio.timeout_at(deadline):
                await self._producer.deliver([record for one in judged for record in one.records])
        except TimeoutError:
            return judged, False
        return judged, True

    def _unavailable(self, judged: Judged) -> bytes | None:
        outcome, verdict = judged.outcome, judged.verdict
        _count(judged, "unavailable")
        metrics.REJECTED.labels("unavailable").inc()
        logger.warning("message.not_taken_now", control_id=outcome.header.control_id if outcome.header else "")
        code = self._when_unavailable(verdict.sender)
        metrics.ANSWERED.labels(verdict.feed, code or "closed").inc()
        if code is None:
            return None
        return self._acknowledgement(outcome, code, "cannot be stored at the moment; send it again")

    def _when_unavailable(self, sender: Sender | None) -> Code | None:
        """The sender's own way, else the process's."""
        chosen = (sender.on_unavailable if sender else "") or self._settings.mllp_on_unavailable
        return None if chosen == "close" or not chosen else chosen

    def _too_busy(self, frame: Frame) -> Answer:
        header = header_of(frame.data[:HEAD_LIMIT], self._settings.mllp_charset)
        feed, sender = feed_of(self._site(), header)
        metrics.REJECTED.labels("busy").inc()
        code = self._when_unavailable(sender)
        metrics.ANSWERED.labels(feed, code or "closed").inc()
        if code is None:
            return Answer(close=True, feed=feed)
        text = "too many large messages at the moment; send it again"
        return Answer(data=self._acknowledgement(Outcome(header=header), code, text), feed=feed)

    def _acknowledged(self, judged: Judged) -> bytes:
        outcome, verdict = judged.outcome, judged.verdict
        if outcome.refusal is not None:
            _count(judged, "refused")
            metrics.REJECTED.labels(outcome.refusal.reason).inc()
            metrics.ANSWERED.labels(verdict.feed, "AR").inc()
            return self._acknowledgement(outcome, "AR", outcome.refusal.text)
        _count(judged, outcome.ignored or "accepted")
        metrics.LAST_MESSAGE.labels(verdict.feed).set_to_current_time()
        metrics.WITHOUT_PATIENT.inc(outcome.without_patient)
        honour = self._settings.mllp_honour_ne or (verdict.sender is not None and verdict.sender.honour_ne)
        silent = honour and wants_silence(outcome.header)
        metrics.ANSWERED.labels(verdict.feed, "silent" if silent else "AA").inc()
        return b"" if silent else self._acknowledgement(outcome, "AA", "")

    def _acknowledgement(self, outcome: Outcome, code: Code, text: str) -> bytes:
        return acknowledge(
            outcome.header, code, now=self._now(), own_id=token_hex(10), text=text, refusal=outcome.refusal
        )


async def _cut(frame: Frame, origin: Origin, limit: int, *, beside: bool) -> list[Message]:
    """The messages of a frame; a batch of more than `limit` stays one, which is refused."""
    if frame.too_large_sha256:
        return [Message(data=frame.data, size=frame.size, origin=origin, too_large_sha256=frame.too_large_sha256)]
    found = (await asyncio.to_thread(split, frame.data) if beside else split(frame.data)) or [frame.data]
    if len(found) > limit:
        return [Message(data=frame.data, size=frame.size, origin=origin, too_many=len(found))]
    return [Message(data=data, size=len(data), origin=origin) for data in found]


def _count(judged: Judged, status: str) -> None:
    header = judged.outcome.header
    metrics.RECEIVED.labels(metrics.type_label(header.message_type) if header else "none", status).inc()
    metrics.BYTES.labels(judged.verdict.feed).inc(judged.size)
