"""One frame: read, stored, answered. The order is the promise: nobody gets AA before the broker confirmed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from secrets import token_hex
from time import monotonic
from typing import Protocol, TypeVar

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
MANY_LINES = 1000
"""Larger ones, and those of more lines, are read beside the loop, so that they keep nobody waiting."""
AT_ONCE = 2
"""So many of those are in hand at a time: each may need ten times its size for a moment."""
CLOSED = "closed"
"""No answer: the connection ends instead, and with it every message of the frame is the sender's to send again."""
TOGETHER = 16
"""Messages of a batch that are handed to the broker at once."""

A = TypeVar("A")
B = TypeVar("B")
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
    codes: tuple[tuple[str, str], ...] = ()
    """Feed and answer of each message, to be counted when the answer is on its way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """One message's acknowledgement, and how it is counted: AA, AE, AR, `silent` or CLOSED."""

    feed: str
    code: str
    data: bytes = b""


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
        self._beside = ThreadPoolExecutor(AT_ONCE, "reading")

    @property
    def nobody(self) -> str:
        """The feed of who has not said yet who it is."""
        return feed_of(self._site(), None)[0]

    async def take(self, frame: Frame, origin: Origin) -> Answer:
        """The answer to one frame: an acknowledgement for each message in it, in their order."""
        started = monotonic()
        deadline = asyncio.get_running_loop().time() + self._settings.mllp_hold_seconds
        given: list[_Given] = []
        feed = self.nobody
        try:
            async with AsyncExitStack() as held:
                if large := _is_large(frame.data):
                    async with asyncio.timeout_at(deadline):
                        await held.enter_async_context(self._large)
                cut = partial(_cut, origin=origin, limit=self._settings.mllp_batch_messages)
                messages = await self._run(cut, frame) if large else cut(frame)
                for at in range(0, len(messages), TOGETHER):
                    judged, confirmed = await self._store(messages[at : at + TOGETHER], deadline, beside=large)
                    given += [self._acknowledged(one) if confirmed else self._unavailable(one) for one in judged]
                    feed = judged[-1].verdict.feed
                    if any(one.code == CLOSED for one in given):
                        return Answer(close=True, feed=feed)
        except TimeoutError:  # too many large ones at once: nothing of it was read
            return self._too_busy(frame)
        metrics.ACK_SECONDS.labels(feed).observe(monotonic() - started)
        codes = tuple((one.feed, one.code) for one in given)
        return Answer(data=b"".join(one.data for one in given), feed=feed, codes=codes)

    async def _store(self, messages: Sequence[Message], deadline: float, *, beside: bool) -> tuple[list[Judged], bool]:
        """What each message is, and whether the broker has confirmed all that must be kept of them."""
        judged = await self._run(self._judge.all, messages) if beside else self._judge.all(messages)
        try:
            async with asyncio.timeout_at(deadline):
                await self._producer.deliver([record for one in judged for record in one.records])
        except TimeoutError:
            return judged, False
        return judged, True

    def _run(self, work: Callable[[A], B], what: A) -> asyncio.Future[B]:
        return asyncio.get_running_loop().run_in_executor(self._beside, work, what)

    def _unavailable(self, judged: Judged) -> _Given:
        outcome, verdict = judged.outcome, judged.verdict
        _count(judged, "unavailable")
        metrics.REJECTED.labels("unavailable").inc()
        logger.warning("message.not_taken_now", control_id=outcome.header.control_id if outcome.header else "")
        return self._not_now(outcome, verdict.feed, verdict.sender, "cannot be stored at the moment; send it again")

    def _too_busy(self, frame: Frame) -> Answer:
        header = header_of(frame.data[:HEAD_LIMIT], self._settings.mllp_charset)
        feed, sender = feed_of(self._site(), header)
        metrics.REJECTED.labels("busy").inc()
        text = "too many large messages at the moment; send it again"
        given = self._not_now(Outcome(header=header), feed, sender, text)
        return Answer(data=given.data, close=given.code == CLOSED, feed=feed, codes=((feed, given.code),))

    def _not_now(self, outcome: Outcome, feed: str, sender: Sender | None, text: str) -> _Given:
        """In the sender's own way, else in the process's; a refusal that could not be recorded is not told either."""
        chosen = (sender.on_unavailable if sender else "") or self._settings.mllp_on_unavailable
        if chosen == "close":
            return _Given(feed=feed, code=CLOSED)
        return _Given(feed=feed, code=chosen, data=self._acknowledgement(outcome, chosen, text))

    def _acknowledged(self, judged: Judged) -> _Given:
        outcome, verdict = judged.outcome, judged.verdict
        if outcome.refusal is not None:
            _count(judged, "refused")
            metrics.REJECTED.labels(outcome.refusal.reason).inc()
            answer = self._acknowledgement(outcome, "AR", outcome.refusal.text)
            return _Given(feed=verdict.feed, code="AR", data=answer)
        _count(judged, outcome.ignored or "accepted")
        metrics.LAST_MESSAGE.labels(verdict.feed).set_to_current_time()
        metrics.WITHOUT_PATIENT.inc(outcome.without_patient)
        honour = self._settings.mllp_honour_ne or (verdict.sender is not None and verdict.sender.honour_ne)
        if honour and wants_silence(outcome.header):
            return _Given(feed=verdict.feed, code="silent")
        return _Given(feed=verdict.feed, code="AA", data=self._acknowledgement(outcome, "AA", ""))

    def _acknowledgement(self, outcome: Outcome, code: Code, text: str) -> bytes:
        return acknowledge(
            outcome.header, code, now=self._now(), own_id=token_hex(10), text=text, refusal=outcome.refusal
        )


def _is_large(data: bytes) -> bool:
    return len(data) > IN_A_THREAD or data.count(b"\r") + data.count(b"\n") > MANY_LINES


def _cut(frame: Frame, *, origin: Origin, limit: int) -> list[Message]:
    """The messages of a frame; a batch of more than `limit` stays one, which is refused."""
    if frame.too_large_sha256:
        return [Message(data=frame.data, size=frame.size, origin=origin, too_large_sha256=frame.too_large_sha256)]
    found = split(frame.data) or [frame.data]
    if len(found) > limit:
        return [Message(data=frame.data, size=frame.size, origin=origin, too_many=len(found))]
    return [Message(data=data, size=len(data), origin=origin) for data in found]


def _count(judged: Judged, status: str) -> None:
    header = judged.outcome.header
    metrics.RECEIVED.labels(metrics.type_label(header.message_type) if header else "none", status).inc()
    metrics.BYTES.labels(judged.verdict.feed).inc(judged.size)
