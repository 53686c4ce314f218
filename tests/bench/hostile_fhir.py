"""Mutated requests against the running FHIR endpoint: `python -m tests.bench.hostile_fhir [--requests N] [--seed N]`.

Says what was sent and answered, and the memory of the process. Ends with 1 when anything is not as promised: an answer
of 500, a trace of ours, no answer where there must be one, a good request not taken meanwhile, memory that grows.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from threading import Lock, Thread

from tests.conftest import PARTITIONS
from tests.real import servers
from tests.real.fhir import Endpoint, endpoint, give_token
from tests.real.mutating_fhir import Mutant, Mutator

FLAT = 1.2
"""Resident memory of the last third against the first third."""
WAIT_SECONDS = 60


@dataclass(slots=True)
class Toll:
    """What came of it."""

    sent: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)
    slowest: dict[str, float] = field(default_factory=dict)
    """Seconds, by kind of mutant."""

    @property
    def growth(self) -> float:
        """Of the memory, from the first third to the last."""
        third = max(1, len(self.resident) // 3)
        return median(self.resident[-third:]) / median(self.resident[:third])


class Siege:
    """Senders side by side, each with a connection of its own that it makes again when it ends."""

    def __init__(self, found: Endpoint, mutants: Iterator[Mutant]) -> None:
        self.toll = Toll()
        self._found, self._mutants, self._lock = found, mutants, Lock()

    def lay(self, connections: int) -> Toll:
        """Until all are sent; interrupted, it says what came of those that were."""
        threads = [Thread(target=self._send_all) for _ in range(connections)]
        for thread in threads:
            thread.start()
        try:
            self._watch(threads)
        except KeyboardInterrupt:
            self._mutants = iter(())
            self._watch(threads)
        return self.toll

    def _watch(self, threads: list[Thread]) -> None:
        while any(thread.is_alive() for thread in threads):
            self.toll.resident.append(resident_kib(self._found.process.pid))
            time.sleep(0.5)

    def _next(self) -> Mutant | None:
        with self._lock:
            return next(self._mutants, None)

    def _send_all(self) -> None:
        connection: socket.socket | None = None
        while (mutant := self._next()) is not None:
            begun = time.monotonic()
            try:
                connection = connection or socket.create_connection(("127.0.0.1", self._found.port), WAIT_SECONDS)
                status, closing = _exchange(connection, mutant)
            except OSError as error:
                status, closing = f"none ({type(error).__name__})", True
            self._note(mutant, status, time.monotonic() - begun)
            if closing and connection is not None:
                connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def _note(self, mutant: Mutant, status: str, seconds: float) -> None:
        with self._lock:
            self.toll.sent[mutant.name] += 1
            self.toll.answers[status] += 1
            wrong = status.startswith("500") or "trace" in status or (mutant.answered and not status[:1].isdigit())
            if wrong and len(self.toll.faults) < 20:
                self.toll.faults.append(f"{mutant.name}: {status}: {mutant.request[-300:]!r}")
            self.toll.slowest[mutant.name] = max(self.toll.slowest.get(mutant.name, 0.0), seconds)


def _exchange(connection: socket.socket, mutant: Mutant) -> tuple[str, bool]:
    """Status of the answer and whether the connection is over."""
    with suppress(BrokenPipeError, ConnectionResetError):  # an answer may come before all is sent
        connection.sendall(mutant.request)
    if not mutant.answered:
        connection.shutdown(socket.SHUT_WR)
        return _read(connection), True
    return _read(connection), False


def _read(connection: socket.socket) -> str:
    with connection.makefile("rb") as stream:
        first = stream.readline()
        if not first:
            return "closed"
        headers = {}
        while (line := stream.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            headers[name.strip().lower()] = value.strip()
        body = stream.read(int(headers.get(b"content-length", b"0")))
    if b"Traceback" in body or b'File "' in body:
        return "trace in the answer"
    if body[:1] == b"{":
        json.loads(body)
    return first.split()[1].decode()


def resident_kib(pid: int) -> int:
    """Of a process."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    return int(status.partition("VmRSS:")[2].split()[0])


def besiege(found: Endpoint, count: int, *, seed: int, connections: int = 8, heavy: float = 0.002) -> Toll:
    """So many mutants, then a good request, which must be taken."""
    mutator = Mutator(seed, heavy=heavy)
    siege = Siege(found, (mutator.next() for _ in range(count)))
    toll = siege.lay(connections)
    if found.process.poll() is not None:
        toll.faults.append("the process ended")
    return toll


def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=20_261_125)
    parser.add_argument("--connections", type=int, default=8)
    chosen = parser.parse_args()
    with servers.postgres() as server, servers.kafka() as broker:
        servers.make_template(server.dsn())
        servers.fresh_topics(broker.bootstrap, PARTITIONS)
        with servers.cloned_database(server.dsn()) as dsn:
            give_token(dsn)
            with endpoint(broker.bootstrap, dsn, fhir_rate=1_000_000, fhir_body_seconds=5, fhir_in_flight=64) as found:
                begun = time.monotonic()
                toll = besiege(found, chosen.requests, seed=chosen.seed, connections=chosen.connections)
                _say(toll, time.monotonic() - begun)
    sys.exit(1 if toll.faults or toll.growth > FLAT else 0)


def _say(toll: Toll, seconds: float) -> None:
    third = max(1, len(toll.resident) // 3)
    print(f"{toll.sent.total()} mutants in {seconds:.0f} s: {dict(sorted(toll.sent.items()))}")
    print(f"answers: {dict(sorted(toll.answers.items()))}")
    print("slowest: " + ", ".join(f"{name} {found:.1f} s" for name, found in sorted(toll.slowest.items())))
    steps = [f"{toll.resident[at * len(toll.resident) // 10] / 1024:.0f}" for at in range(10)]
    print(f"resident on the way: {' '.join(steps)} MiB")
    print(
        f"resident: first third {median(toll.resident[:third]) / 1024:.0f} MiB, last third "
        f"{median(toll.resident[-third:]) / 1024:.0f} MiB ({toll.growth:.2f}), highest {max(toll.resident) / 1024:.0f} MiB"
    )
    print("\n".join(toll.faults) or "nothing wrong")


if __name__ == "__main__":
    main()
