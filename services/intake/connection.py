"""One sender's connection: frames in, answers out in the same order, nobody else kept waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from services.intake import metrics
from services.intake.framing import END, START, Frame, Framer
from services.intake.origin import origin_of
from services.intake.settings import IntakeSettings
from services.intake.taking import CLOSED, Answer, Taker
from services.shared.log import get_logger

PIECE = 256 * 1024
LARGE = 1024 * 1024
"""A frame beyond this takes all places of its connection, so that a connection holds two large ones at most."""
CR_SECONDS = 0.5
"""How long an FS at the end waits for its CR before it counts alone."""

logger = get_logger()


@dataclass(slots=True)
class Room:
    """What all connections hold together, in bytes."""

    limit: int
    used: int = 0


class Connection:
    """Serves until the sender leaves, a limit is met, or `drain` is called."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        taker: Taker,
        settings: IntakeSettings,
        room: Room | None = None,
    ) -> None:
        self._reader, self._writer, self._taker, self._settings = reader, writer, taker, settings
        self._room = room or Room(settings.mllp_held_bytes)
        self._held = self._in_hand = 0
        self._origin = origin_of(writer)
        self._peer = self._origin.address
        self._feed = ""
        self._framer = Framer(settings.mllp_max_message_bytes)
        self._answers: asyncio.Queue[tuple[asyncio.Task[Answer], int] | None] = asyncio.Queue()
        self._places = asyncio.Semaphore(settings.mllp_in_flight)
        self._belongs(taker.nobody)
        self._reading: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Returns when the connection is closed; messages that got no answer are the sender's to send again."""
        self._reading = asyncio.create_task(self._read())
        try:
            await self._write()
        except (ConnectionError, TimeoutError) as error:
            logger.info("mllp.sender_lost", peer=self._peer, error=repr(error))
        finally:
            await self._close()

    def drain(self) -> None:
        """Take no further message; those taken are still answered."""
        if self._reading is not None:
            self._reading.cancel()

    async def _read(self) -> None:
        """Frames into tasks, as many as may be in flight; always ends by telling the writing side."""
        try:
            while piece := await self._piece():
                await self._take(self._framer.feed(piece))
                if not self._finds_room():
                    metrics.REJECTED.labels("busy").inc()
                    logger.warning("mllp.no_room", peer=self._peer, limit=self._room.limit)
                    return
        except ConnectionError as error:
            logger.info("mllp.sender_lost", peer=self._peer, error=repr(error))
        except TimeoutError:
            logger.info("mllp.silent", peer=self._peer, inside_a_frame=self._framer.inside)
        finally:
            self._note_losses()
            self._answers.put_nowait(None)

    async def _piece(self) -> bytes:
        """The next bytes; b"" at the end. TimeoutError when the sender is silent for too long."""
        if self._framer.may_have_ended:
            with suppress(TimeoutError):
                async with asyncio.timeout(CR_SECONDS):
                    piece = await self._reader.read(PIECE)
                    return piece or await self._last_frame()
            await self._last_frame()
        limit = self._settings.mllp_frame_seconds if self._framer.inside else self._settings.mllp_idle_seconds
        async with asyncio.timeout(limit):
            return await self._reader.read(PIECE)

    async def _last_frame(self) -> bytes:
        await self._take(self._framer.end_without_cr())
        return b""

    async def _take(self, frames: Iterable[Frame]) -> None:
        for frame in frames:
            places = self._settings.mllp_in_flight if frame.size > LARGE else 1
            for _ in range(places):
                await self._places.acquire()
            task = asyncio.create_task(self._taker.take(frame, self._origin))
            self._answers.put_nowait((task, places))
            self._in_hand = len(frame.data) if places > 1 else 0

    async def _write(self) -> None:
        while (taken := await self._answers.get()) is not None:
            answer = await self._answer(taken[0])
            self._belongs(answer.feed)
            if answer.close:
                self._unanswered()
                return
            metrics.FRAMES.labels("answered" if answer.data else "silent").inc()
            for feed, code in answer.codes:
                metrics.ANSWERED.labels(feed, code).inc()
            if answer.data:
                self._writer.write(START + answer.data + END + b"\r")
                async with asyncio.timeout(self._settings.mllp_write_seconds):
                    await self._writer.drain()
            for _ in range(taken[1]):
                self._places.release()
            self._in_hand = 0 if taken[1] > 1 else self._in_hand

    def _finds_room(self) -> bool:
        """Whether all that is held fits; who holds little is never asked to leave for what others hold."""
        held = self._framer.held + self._in_hand
        self._room.used += held - self._held
        self._held = held
        return held <= LARGE or self._room.used <= self._room.limit

    def _unanswered(self) -> None:
        metrics.FRAMES.labels(CLOSED).inc()
        metrics.ANSWERED.labels(self._feed, CLOSED).inc()

    def _belongs(self, feed: str) -> None:
        """Count the connection with this feed from now on; with none when it ends."""
        if self._feed:
            metrics.CONNECTIONS.labels(self._feed).dec()
        if feed:
            metrics.CONNECTIONS.labels(feed).inc()
        self._feed = feed

    async def _answer(self, task: asyncio.Task[Answer]) -> Answer:
        try:
            return await task
        except Exception:  # a fault of ours: unanswered, so the sender keeps the message; others go on
            metrics.REJECTED.labels("internal_error").inc()
            logger.exception("message.failed", peer=self._peer)
            return Answer(close=True, feed=self._feed)

    def _note_losses(self) -> None:
        framer = self._framer
        half = framer.half_frames + framer.inside
        metrics.GARBAGE.inc(framer.garbage_bytes)
        metrics.HALF_FRAMES.inc(half)
        if framer.garbage_bytes or half:
            logger.warning("mllp.untidy", peer=self._peer, garbage_bytes=framer.garbage_bytes, half_frames=half)

    async def _close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            with suppress(asyncio.CancelledError):
                await self._reading
        while not self._answers.empty():
            if (taken := self._answers.get_nowait()) is not None:
                taken[0].cancel()
                self._unanswered()
        self._belongs("")
        self._room.used -= self._held
        self._held = 0
        self._writer.close()
        with suppress(ConnectionError, TimeoutError):  # the sender left first
            async with asyncio.timeout(1):
                await self._writer.wait_closed()
