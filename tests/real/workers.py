"""Processor workers as processes of their own, and a producer that stands in for intake."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kafka import KafkaProducer

from schemas.codec import encode_event
from schemas.patient_event import Event
from services.shared.kafka import PRODUCER_DEFAULTS
from services.shared.topics import PATIENT_EVENTS
from tests.real.events import key_of
from tests.real.ledgers import CHANNELS
from tests.real.servers import free_ports

ROOT = Path(__file__).parents[2]


class Worker:
    """One processor."""

    def __init__(
        self,
        bootstrap: str,
        database: str,
        folder: Path,
        *,
        number: int = 0,
        module: str = "services.processor.app",
        **more: str,
    ) -> None:
        self.port = free_ports(1)[0]
        self.log = folder / f"worker-{number}.log"
        channels = folder / "channels.toml"
        channels.write_text(CHANNELS)
        self._command = [sys.executable, "-m", module]
        self._env = os.environ | {
            "HALO_KAFKA": bootstrap, "HALO_DATABASE": database, "HALO_DATA_DIR": str(folder), "HALO_CHANNELS": str(channels),
            "HALO_METRICS_PORT": str(self.port), "HALO_PROCESSOR_INSTANCE": f"test-{number}", "HALO_PROCESSOR_WATCH": "2",
        } | more  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Worker:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(self._command, cwd=ROOT, env=self._env, stdout=output, stderr=output)
        return self

    @property
    def exit_code(self) -> int | None:
        assert self.process is not None
        return self.process.poll()

    def kill(self, number: signal.Signals = signal.SIGKILL) -> int:
        """Send the signal and wait until the process is gone."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(30)

    def supervised(self, condition: Callable[[], Any]) -> Callable[[], Any]:
        """The condition, asked while the process is started again whenever it has ended, as `halo up` does."""

        def asked() -> Any:
            if self.exit_code is not None:
                self.start()
            return condition()

        return asked

    def ready(self) -> dict[str, Any]:
        """What /readyz says, with its status."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2) as answer:
                return {"code": answer.status, **json.load(answer)}
        except urllib.error.HTTPError as error:
            return {"code": error.code, **json.load(error)}
        except OSError as error:
            return {"code": 0, "reasons": {"probe": str(error)}}

    def metric(self, line: str) -> float:
        """The value of the metric line that starts so; 0 when it is not there."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=2) as answer:
            lines = answer.read().decode().splitlines()
        return next((float(found.split()[-1]) for found in lines if found.startswith(line)), 0.0)

    def output(self) -> str:
        return self.log.read_text("utf-8", "replace")


@contextmanager
def worker(*arguments: Any, **more: Any) -> Iterator[Worker]:
    """A started worker, killed afterwards."""
    running = Worker(*arguments, **more).start()
    try:
        yield running
    finally:
        if running.exit_code is None:
            running.kill()


def wait(condition: Callable[[], Any], *, seconds: float = 40.0, what: Callable[[], str] = str) -> Any:
    """Wait until the condition holds; what it gave."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s. {what()}")
        time.sleep(0.1)


def produce(bootstrap: str, items: Iterable[Event | bytes], *, partition: int | None = None) -> None:
    """As intake does; bytes are sent as they are. Returns when the broker has everything."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, **PRODUCER_DEFAULTS)
    for item in items:
        value = item if isinstance(item, bytes) else encode_event(item)
        producer.send(PATIENT_EVENTS, value, key=None if isinstance(item, bytes) else key_of(item), partition=partition)
    producer.flush()
    producer.close()
