"""The intake process as it is run, with its ports, for tests that look at it from outside."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition

from schemas.codec import decode_event
from schemas.patient_event import Event
from services.shared.mllp_client import Acknowledgement, MllpClient, acknowledgements
from services.shared.topics import PATIENT_EVENTS
from tests.real.servers import free_ports

READY_SECONDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A listening intake."""

    process: subprocess.Popen[bytes]
    port: int
    probes: int
    log: Path
    bootstrap: str

    def probe(self, path: str) -> tuple[int, str]:
        """Status and body of `/readyz` and its like."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.probes}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def metric(self, name: str, **labels: str) -> float:
        """The sum of all series of that name that carry these labels; 0 without any."""
        found = re.findall(rf"^{re.escape(name)}(?:{{(.*?)}})? (\S+)$", self.probe("/metrics")[1], re.MULTILINE)
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(float(value) for shown, value in found if all(label in shown for label in wanted))

    def send(self, message: bytes, **options: object) -> list[Acknowledgement]:
        """On a connection of its own; OSError when there is no answer."""
        with MllpClient(port=self.port, **options) as client:  # type: ignore[arg-type]
            return acknowledgements(client.send(message))

    @property
    def resident_mib(self) -> float:
        """Memory of the process now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) / 1024

    def events(self) -> list[Event]:
        """Everything in the topic now."""
        return list(stored(self.bootstrap))


def stored(bootstrap: str) -> Iterator[Event]:
    """Every event of the topic, to the end that it has now."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, fetch_max_bytes=64 << 20, max_partition_fetch_bytes=32 << 20)
    with closing(consumer):
        partitions = [TopicPartition(PATIENT_EVENTS, one) for one in consumer.partitions_for_topic(PATIENT_EVENTS)]
        consumer.assign(partitions)
        consumer.seek_to_beginning()
        ends = consumer.end_offsets(partitions)
        deadline = time.monotonic() + 120
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            assert time.monotonic() < deadline, "the topic could not be read to its end"
            for records in consumer.poll(500).values():
                yield from (decode_event(record.value) for record in records)


@contextmanager
def intake(bootstrap: str, folder: Path, env: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Ready when it is given; asked to end afterwards, which it must do cleanly. Its log goes into `folder`."""
    port, probes = free_ports(2)
    own = {"HALO_KAFKA": bootstrap, "HALO_MLLP_PORT": str(port), "HALO_METRICS_PORT": str(probes)}
    log = folder / "intake.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.intake.app"],
            env={**os.environ, **own, **(env or {})}, stdout=out, stderr=out,
        )  # fmt: skip
        found = Running(process=process, port=port, probes=probes, log=log, bootstrap=bootstrap)
        try:
            _until_ready(found)
            yield found
        finally:
            process.terminate()
            code = process.wait(20)
    assert code == 0, log.read_text()[-3000:]


def refusal_to_start(folder: Path, env: Mapping[str, str]) -> str:
    """What intake says last when it does not start."""
    port, probes = free_ports(2)
    own = {"HALO_KAFKA": "127.0.0.1:1", "HALO_MLLP_PORT": str(port), "HALO_METRICS_PORT": str(probes)}
    done = subprocess.run(
        [sys.executable, "-m", "services.intake.app"], cwd=folder, env={**os.environ, **own, **env},
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


def _until_ready(found: Running) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            if found.probe("/readyz")[0] == 200:
                return
        except OSError:
            pass  # nothing listens yet
        assert found.process.poll() is None, found.log.read_text()[-3000:]
        assert time.monotonic() < deadline, found.log.read_text()[-3000:]
        time.sleep(0.1)
