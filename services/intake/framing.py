"""MLLP frames out of a stream of bytes: VT, message, FS, CR (HL7 v2 transport specification, release 1).

Tolerated: anything between frames (counted), a missing CR behind FS, a frame that starts anew because its sender gave
up half-way. An FS inside a message that is not followed by CR or VT belongs to the message.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

START = b"\x0b"
END = b"\x1c"
HEAD_LIMIT = 64 * 1024

_EDGE = re.compile(rb"(?P<end>\x1c(?:\r|(?=\x0b)))|(?P<anew>\x0b(?=(?:\xef\xbb\xbf)?(?:MSH|FHS|BHS)))")
_LONGEST_EDGE = 7
"""VT, byte-order mark, MSH: how far back an edge may begin that more bytes complete."""
_BETWEEN = b"\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One message's bytes; of one that is too large, its first 64 KiB with the true size and sha256."""

    data: bytes
    size: int
    too_large_sha256: str = ""


class Framer:
    """Feed it bytes as they come; it gives whole frames. Holds at most `limit` bytes and one piece more."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._inside = False
        self._searched = 0
        self._digest: hashlib._Hash | None = None
        self._head = b""
        self._size = 0
        self.garbage_bytes = 0
        self.half_frames = 0

    @property
    def inside(self) -> bool:
        """A frame has begun and not ended."""
        return self._inside

    @property
    def held(self) -> int:
        """Bytes kept at the moment."""
        return len(self._buffer)

    @property
    def may_have_ended(self) -> bool:
        """The last byte is FS: some senders leave out the CR."""
        return self._inside and self._buffer.endswith(END)

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes."""
        self._buffer += data
        frames: list[Frame] = []
        while self._step(frames):
            pass
        return frames

    def end_without_cr(self) -> list[Frame]:
        """Take the FS at the end of what came as the end of the frame."""
        return self.feed(b"\r") if self.may_have_ended else []

    def _step(self, frames: list[Frame]) -> bool:
        """One edge further; False when more bytes are needed."""
        if not self._inside:
            return self._enter()
        found = _EDGE.search(self._buffer, self._searched)
        if found is None:
            self._searched = max(0, len(self._buffer) - _LONGEST_EDGE)
            self._shed()
            return False
        if found["end"] is None:
            self.half_frames += 1
        else:
            frames.append(self._frame(found.start()))
        del self._buffer[: found.end()]
        self._leave(inside=found["end"] is None)
        return True

    def _enter(self) -> bool:
        at = self._buffer.find(START)
        skipped = self._buffer if at < 0 else self._buffer[:at]
        self.garbage_bytes += len(skipped.translate(None, _BETWEEN))
        del self._buffer[: len(self._buffer) if at < 0 else at + 1]
        self._leave(inside=at >= 0)
        return at >= 0

    def _leave(self, *, inside: bool) -> None:
        self._inside, self._searched, self._digest, self._head, self._size = inside, 0, None, b"", 0

    def _shed(self) -> None:
        """Over the limit: keep the head, count and hash the rest, and let it go."""
        if self._digest is None and len(self._buffer) > self._limit + _LONGEST_EDGE:
            self._digest, self._head = hashlib.sha256(), bytes(self._buffer[:HEAD_LIMIT])
        if self._digest is not None:
            self._drop(self._searched)
            self._searched = 0

    def _drop(self, count: int) -> None:
        assert self._digest is not None  # noqa: S101 - for the type checker
        self._digest.update(self._buffer[:count])
        self._size += count
        del self._buffer[:count]

    def _frame(self, end: int) -> Frame:
        if self._digest is None and end <= self._limit:
            return Frame(data=bytes(self._buffer[:end]), size=end)
        if self._digest is None:
            self._digest, self._head = hashlib.sha256(), bytes(self._buffer[: min(end, HEAD_LIMIT)])
        self._digest.update(self._buffer[:end])
        return Frame(data=self._head, size=self._size + end, too_large_sha256=self._digest.hexdigest())
