"""The body of a request, read up to a limit and within a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from services.reading.refusing import RAW_LIMIT

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
DRAIN_TIMES = 8
"""So many times the limit is read and thrown away, so that the sender hears why; after that the connection ends."""


class Gone(Exception):
    """The sender left, or stopped sending, before the request was complete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What came. Of one that is too large only its beginning."""

    data: bytes
    size: int
    sha256: str
    too_large: bool = False


async def read_body(receive: Receive, limit: int, seconds: float) -> Body:
    """Raises Gone, and TimeoutError when it is not complete in time."""
    async with asyncio.timeout(seconds):
        return await _read(receive, limit)


async def _read(receive: Receive, limit: int) -> Body:
    kept, size, digest, more = bytearray(), 0, sha256(), True
    while more and size <= limit * DRAIN_TIMES:
        message = await receive()
        if message["type"] != "http.request":
            raise Gone
        piece = message.get("body", b"")
        size += len(piece)
        digest.update(piece)
        if size <= limit:
            kept += piece
        else:
            del kept[RAW_LIMIT:]
        more = message.get("more_body", False)
    return Body(data=bytes(kept), size=size, sha256=digest.hexdigest(), too_large=size > limit)
