"""Sends mutants to a listening intake on several connections and keeps count of every answer.

Behind each mutant goes a well-formed message of ours: until its answer has come the mutant is not done with, so a hang, a
lost answer or an answer out of its frame cannot be overlooked.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from tests.real.mutating import CR, FS, VT, Mutant, framed

ANSWER_SECONDS = 60.0
PIECE = 64 * 1024
_MSA = re.compile(rb"(?:\A|\r)MSA.(AA|AE|AR|CA|CE|CR)")
_BASE = {b"CA": "AA", b"CE": "AE", b"CR": "AR"}
_LEAKS = (b"Traceback", b'File "', b"Error(", b"/site-packages/", b".py")
PROBE = (
    "MSH|^~\\&|LIS|LAB|HALO|HOSP|20260301||ORU^R01|{id}|P|2.5.1\rPID|1||1^^^HOSP\r"
    "OBR|1||F|B|||20260301\rOBX|1|NM|X||1|g/L|||||F\r"
)


@dataclass(slots=True, kw_only=True)
class Toll:
    """What was sent and what came back."""

    sent: Counter[str] = field(default_factory=Counter)
    """Mutants by name."""
    answers: Counter[str] = field(default_factory=Counter)
    """Acknowledgements by code, and `closed` connections."""
    frames: int = 0
    bytes: int = 0
    slowest: dict[str, float] = field(default_factory=dict)
    """Seconds until our own message behind a mutant was answered, the longest by name."""
    closed: Counter[str] = field(default_factory=Counter)
    """Connections that intake closed, by the mutant before."""
    faults: list[str] = field(default_factory=list)
    """Everything that must not be."""


async def besiege(port: int, mutants: Callable[[], Mutant | None], *, connections: int = 8) -> Toll:
    """Until `mutants` gives None."""
    toll = Toll()
    await asyncio.gather(*(_Besieger(port, mutants, toll, f"P{at}-").run() for at in range(connections)))
    return toll


class _Besieger:
    def __init__(self, port: int, mutants: Callable[[], Mutant | None], toll: Toll, prefix: str) -> None:
        self._port, self._mutants, self._toll, self._prefix, self._number = port, mutants, toll, prefix, 0
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def run(self) -> None:
        while (mutant := self._mutants()) is not None:
            self._number += 1
            self._toll.sent[mutant.name] += 1
            self._toll.bytes += len(mutant.stream)
            started = monotonic()
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await self._one(mutant)
            except TimeoutError:
                self._toll.faults.append(f"no answer after {mutant.name}: {mutant.stream[:200]!r}")
                self._leave()
            longest = self._toll.slowest
            longest[mutant.name] = max(longest.get(mutant.name, 0.0), monotonic() - started)
        self._leave()

    async def _one(self, mutant: Mutant) -> None:
        reader, writer = await self._connected()
        name = f"{self._prefix}{self._number}"
        sending = asyncio.create_task(_send(writer, mutant.stream + framed(PROBE.format(id=name).encode())))
        try:
            while not self._count(await reader.readuntil(FS + CR), name.encode()):
                pass
        except (asyncio.IncompleteReadError, ConnectionError) as end:
            self._closed(getattr(end, "partial", b""), mutant)
        await asyncio.gather(sending, return_exceptions=True)

    def _count(self, answer: bytes, name: bytes) -> bool:
        """Whether it was the answer to our own message."""
        self._toll.frames += 1
        codes = [_BASE.get(code, code.decode()) for code in _MSA.findall(answer[1:])]
        self._toll.answers.update(codes)
        good = answer.startswith(VT + b"MSH") and codes and answer.count(VT) == 1 and answer.count(FS) == 1
        if not good or any(leak in answer for leak in _LEAKS):
            self._toll.faults.append(f"an answer that is none: {answer[:300]!r}")
        return b"|" + name + b"\r" in answer

    def _closed(self, partial: bytes, mutant: Mutant) -> None:
        self._toll.answers["closed"] += 1
        self._toll.closed[mutant.name] += 1
        if partial:
            self._toll.faults.append(f"half an answer after {mutant.name}: {partial[:200]!r}")
        self._leave()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=64 * 1024 * 1024)
        return self._streams

    def _leave(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None


async def _send(writer: asyncio.StreamWriter, stream: bytes) -> None:
    for at in range(0, len(stream), PIECE):
        writer.write(stream[at : at + PIECE])
        await writer.drain()
