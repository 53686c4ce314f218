"""100,000 mutated messages against the running intake: `python -m tests.bench.hostile_mllp [--messages N] [--seed N]`.

Says what was sent, answered and refused, whether the counts add up between sender, metrics and topic, and the memory of
the process. Ends with 1 when anything is not as promised.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from threading import Event, Thread
from time import monotonic

from kafka import KafkaConsumer, TopicPartition

from services.shared.topics import PATIENT_EVENTS
from tests.real.besieging import Toll, besiege
from tests.real.intake import Running, intake
from tests.real.mutating import Mutant, Mutator
from tests.real.servers import fresh_topics, kafka, server_folder

UNSEEN = 2000
"""Messages of a batch that were taken before its deadline passed: none of them is answered, the sender sends all again."""
FLAT = 1.15
"""Resident memory of the last third against the first third."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Siege:
    """One run."""

    toll: Toll
    seconds: float
    resident: list[float] = field(default_factory=list)
    """MiB, twice a second."""

    @property
    def growth(self) -> float:
        """Median memory of the last third to that of the first."""
        third = max(1, len(self.resident) // 3)
        return median(self.resident[-third:]) / median(self.resident[:third])


def lay(running: Running, *, messages: int, seed: int, connections: int = 8, heavy: float = 0.004) -> Siege:
    """Send so many and watch the process meanwhile."""
    mutator, left = Mutator(seed, heavy=heavy), iter(range(messages))

    def another() -> Mutant | None:
        return mutator.next() if next(left, None) is not None else None

    started = monotonic()
    with _watched(running) as resident:
        toll = asyncio.run(besiege(running.port, another, connections=connections))
    return Siege(toll=toll, seconds=monotonic() - started, resident=resident)


@contextmanager
def _watched(running: Running) -> Iterator[list[float]]:
    resident, done = [running.resident_mib], Event()

    def look() -> None:
        while not done.wait(0.5):
            resident.append(running.resident_mib)

    watching = Thread(target=look)
    watching.start()
    try:
        yield resident
    finally:
        done.set()
        watching.join()


def disagreements(running: Running, siege: Siege) -> list[str]:
    """Where sender, metrics and topic do not count alike; each answer of the sender's is one of the process's."""
    answers, found = siege.toll.answers, list(siege.toll.faults[:20])
    server = {
        code: int(running.metric("halo_mllp_messages_total", answer=code)) for code in ("AA", "AE", "AR", "closed")
    }
    sender = {code: answers[code] for code in server}
    if sender != server:
        found.append(f"the sender counts {sender}, intake {server}")
    frames = int(running.metric("halo_mllp_frames_total", outcome="answered"))
    if frames != siege.toll.frames:
        found.append(f"the sender has {siege.toll.frames} framed answers, intake gave {frames}")
    return [*found, *_unrecorded(running, answers)]


def _unrecorded(running: Running, answers: Counter[str]) -> list[str]:
    """Each AR is a `refused` event in the topic. What was not answered in time may have been recorded all the same."""
    found: list[str] = []
    count = {
        status: int(running.metric("halo_hl7_messages_received_total", status=status))
        for status in ("accepted", "ignored_type", "refused", "unavailable")
    }
    if not 0 <= count["accepted"] + count["ignored_type"] - answers["AA"] <= UNSEEN * answers["closed"]:
        found.append(f"{answers['AA']} AA, but {count['accepted']} accepted and {count['ignored_type']} ignored")
    joined = int(running.metric("halo_intake_records_joined_total", type="halo.refused.v1"))
    recorded = joined + records(running.bootstrap, b"halo.refused.v1")
    if not count["refused"] <= recorded <= count["refused"] + count["unavailable"]:
        found.append(f"{count['refused']} refused and {count['unavailable']} unavailable, but {recorded} recorded")
    if not 0 <= count["refused"] - answers["AR"] <= UNSEEN * answers["closed"]:
        found.append(f"{answers['AR']} AR, but {count['refused']} refused")
    if broken := int(running.metric("halo_ingest_rejected_total", reason="internal_error")):
        found.append(f"{broken} faults of our own: {running.log.read_text()[-2000:]}")
    return found


def records(bootstrap: str, kind: bytes) -> int:
    """How many records of this type the topic holds."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, fetch_max_bytes=64 << 20, max_partition_fetch_bytes=32 << 20)
    with closing(consumer):
        partitions = [TopicPartition(PATIENT_EVENTS, one) for one in consumer.partitions_for_topic(PATIENT_EVENTS)]
        consumer.assign(partitions)
        consumer.seek_to_beginning()
        ends, count = consumer.end_offsets(partitions), 0
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            for batch in consumer.poll(500).values():
                count += sum(dict(record.headers)["ce_type"] == kind for record in batch)
        return count


def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=20_261_125)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--heavy", type=float, default=0.004, help="Share of huge and costly ones.")
    chosen = parser.parse_args()
    with server_folder() as folder, kafka() as broker:
        fresh_topics(broker.bootstrap, 4)
        with intake(broker.bootstrap, Path(folder)) as running:
            siege = lay(running, **vars(chosen))
            wrong = disagreements(running, siege)
    _say(siege, wrong)
    sys.exit(1 if wrong or siege.growth > FLAT else 0)


def _say(siege: Siege, wrong: list[str]) -> None:
    toll, third = siege.toll, max(1, len(siege.resident) // 3)
    print(f"{toll.sent.total()} mutants, {toll.bytes / 2**20:.0f} MiB, {siege.seconds:.0f} s")
    print(", ".join(f"{name} {count}" for name, count in sorted(toll.sent.items())))
    print(f"{toll.frames} framed answers: {dict(sorted(toll.answers.items()))}")
    slowest = sorted(toll.slowest.items(), key=lambda item: -item[1])[:8]
    print("slowest: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in slowest))
    print("connections closed behind: " + (", ".join(f"{name} {n}" for name, n in toll.closed.items()) or "none"))
    print(
        f"resident: first third {median(siege.resident[:third]):.0f} MiB, last third {median(siege.resident[-third:]):.0f}"
        f" MiB ({siege.growth:.2f}), highest {max(siege.resident):.0f} MiB"
    )
    print("\n".join(wrong) or "all counts agree")


if __name__ == "__main__":
    main()
