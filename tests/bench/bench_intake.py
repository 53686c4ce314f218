"""Intake alone: `python -m tests.bench.bench_intake [--seconds S] [--parse N]`.

Messages of 8 results (made up) through MLLP into a real broker, one connection and fifty, each waiting for its answer
before it sends the next; then the cost of reading one such message beside the hl7 and hl7apy packages, in turns in one run.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles

import hl7
from hl7apy.parser import parse_message

from services.reading import hl7v2
from services.reading.batches import split
from tests.real.intake import Running, intake
from tests.real.mutating import CR, FS, framed
from tests.real.servers import fresh_topics, kafka, server_folder

ANALYTES = ("17861-6", "2160-0", "718-7", "2885-2", "1751-7", "2823-3", "2951-2", "26464-8")
ROUNDS = 7


def message(number: int) -> bytes:
    """A report as laboratories send it."""
    results = "".join(
        f"OBX|{at}|NM|{code}^Made up^LN^L{at}^Izmišljeno^L||{at}.{number % 100:02}|mmol/L^^UCUM|1.0-2.0|N|||F|||20260301093000+0100\r"
        for at, code in enumerate(ANALYTES, start=1)
    )
    return (
        f"MSH|^~\\&|LIS|LAB|HALO|HOSP|20260301100500+0100||ORU^R01^ORU_R01|B{number}|P|2.5.1||||||UNICODE UTF-8\r"
        f"PID|1||{number}^^^HOSP^MR~{number}^^^ZZZS^NI||Izmišljena^Oseba||19500101|F\r"
        "PV1|1|I|H2^201^1^HOSP\r"
        f"ORC|RE|P{number}|F{number}\rOBR|1|P{number}|F{number}|BIO^Biochemistry^L|||20260301093000+0100|||||||||||||||20260301100000+0100|||F\r"
        f"{results}SPM|1|P{number}&LIS^F{number}&LAB||SER^Serum^HL70487|||||||||||||20260301093000+0100\r"
    ).encode()


async def _load(port: int, connections: int, seconds: float) -> list[float]:
    """Seconds from each message's first byte to its answer's last."""
    until, numbers = time.monotonic() + seconds, iter(range(10**9))

    async def one() -> list[float]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        taken = []
        while time.monotonic() < until:
            data = framed(message(next(numbers)))
            begun = time.perf_counter()
            writer.write(data)
            answer = await reader.readuntil(FS + CR)
            taken.append(time.perf_counter() - begun)
            assert b"MSA|AA|" in answer, answer
        writer.close()
        return taken

    return [taken for many in await asyncio.gather(*(one() for _ in range(connections))) for taken in many]


def through_mllp(running: Running, seconds: float) -> None:
    """Print messages a second and the latency of the answer."""
    for connections in (1, 50):
        asyncio.run(_load(running.port, connections, 1))  # warm
        before = _cpu(running)
        taken = asyncio.run(_load(running.port, connections, seconds))
        cpu = (_cpu(running) - before) / len(taken) * 1000
        cuts = quantiles(taken, n=100)
        print(
            f"{connections:3} connection(s): {len(taken) / seconds:6.0f} messages/s   "
            f"AA p50 {cuts[49] * 1000:6.1f} ms   p99 {cuts[98] * 1000:6.1f} ms   intake {cpu:.2f} CPU s per 1,000 messages"
        )


def _cpu(running: Running) -> float:
    user, system = Path(f"/proc/{running.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / 100


def _ours(data: bytes) -> None:
    (one,) = split(data)
    assert len(hl7v2.read(one, "2026-03-01T10:00:00Z").events) == 1


def _hl7(data: bytes) -> None:
    parsed = hl7.parse(data.decode())
    assert len([str(segment[5]) for segment in parsed.segments("OBX")]) == len(ANALYTES)


def _hl7apy(data: bytes) -> None:
    parsed = parse_message(data.decode(), find_groups=False)
    assert len([segment.obx_5.to_er7() for segment in parsed.obx]) == len(ANALYTES)


PARSERS: tuple[tuple[str, Callable[[bytes], None]], ...] = (
    ("services.reading (to events)", _ours), ("hl7 (parse, OBX-5)", _hl7), ("hl7apy (parse, OBX-5)", _hl7apy),
)  # fmt: skip


def parsing(count: int) -> None:
    """Print microseconds a message and the ratio to ours; in turns, the fastest round and the median."""
    messages = [message(number) for number in range(count)]
    rounds: dict[str, list[float]] = {name: [] for name, _ in PARSERS}
    for _ in range(ROUNDS):
        for name, parse in PARSERS:
            begun = time.process_time()
            for data in messages:
                parse(data)
            rounds[name].append((time.process_time() - begun) / count * 1e6)
    ours = min(rounds[PARSERS[0][0]])
    for name, taken in rounds.items():
        print(f"{name:30} {min(taken):8.0f} us ({median(taken):.0f})   {min(taken) / ours:5.1f}")


def main() -> None:
    """Both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--parse", type=int, default=100)
    chosen = parser.parse_args()
    parsing(chosen.parse)
    with server_folder() as folder, kafka() as broker:
        fresh_topics(broker.bootstrap, 24)
        with intake(broker.bootstrap, Path(folder)) as running:
            through_mllp(running, chosen.seconds)


if __name__ == "__main__":
    main()
