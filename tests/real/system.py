"""A whole Halo under test: `halo up` as a person starts it, in a folder and on ports of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from infra.embedded.child import launched
from services.cli.process import ask_ready
from tests.real.servers import free_base, server_folder

READY_SECONDS = 150.0
STOP_SECONDS = 60.0
ROOT = Path(__file__).parents[2]


class System:
    """Starts, looks at, breaks and stops one installation."""

    def __init__(self, folder: Path, *, workers: int = 1, env: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.workers = workers
        self.base = free_base()
        self._env = {"HALO_PARTITIONS": "4"} | (env or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def output(self) -> str:
        """What `halo up` printed and logged so far, over all starts."""
        return (self.folder / "up.log").read_text("utf-8", "replace")

    @property
    def addresses(self) -> dict[str, str]:
        """Addresses by name: board, mllp, fhir, kafka, database, NAME_probes."""
        return self._read("addresses.json")

    @property
    def dsn(self) -> str:
        """The database's connection string."""
        return self.addresses["database"]

    @property
    def bootstrap(self) -> str:
        """The broker's address."""
        return self.addresses["kafka"]

    @property
    def supervisor_pid(self) -> int:
        """Process id of `halo up`."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> System:
        """Start `halo up` and wait until it says it is ready."""
        self.launch()
        self.wait_ready()
        return self

    def launch(self) -> None:
        """Start without waiting."""
        ours = {
            name: value for name, value in os.environ.items() if not name.startswith("HALO_") or name == "HALO_CACHE"
        }
        command = [sys.executable, "-m", "services.cli.app", "up", "--data-dir", str(self.folder)]
        command += ["--ports", str(self.base), "--workers", str(self.workers)]
        tied = launched(command, death_signal=signal.SIGTERM)  # a killed test run leaves nothing behind either
        with (self.folder / "up.log").open("ab") as output:
            self._process = subprocess.Popen(
                tied, cwd=ROOT, env=ours | self._env, stdout=output, stderr=output, stdin=subprocess.DEVNULL
            )

    def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait until `halo up` says so and every process's `/readyz` answers 200; also of use after a `kill`."""
        self.wait_for((self.folder / "addresses.json").exists, "halo up to be ready", seconds)
        self.wait_for(lambda: not self.not_ready(), "every /readyz to answer 200", seconds)

    def not_ready(self) -> dict[str, dict[str, str]]:
        """Reasons of the processes that are not ready at the moment, by name."""
        ports = {name: address for name, address in self.addresses.items() if name.endswith("_probes")}
        reasons = {name.removesuffix("_probes"): ask_ready(int(url.rpartition(":")[2])) for name, url in ports.items()}
        return {name: wrong for name, wrong in reasons.items() if wrong}

    def wait_for(self, condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
        """Wait for a condition; AssertionError with the system's output when it does not come true."""
        deadline = time.monotonic() + seconds
        while not condition():
            ended = self._process is not None and self._process.poll() is not None
            assert not ended, f"halo up ended while waiting for {what}:\n{self.output[-4000:]}"
            assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}:\n{self.output[-4000:]}"
            time.sleep(0.05)

    def pids(self) -> dict[str, int | None]:
        """Process ids by name: kafka, postgres, intake, processor-1, notifier, board, clock."""
        processes: dict[str, int | None] = self._read("state.json")["processes"]
        return processes

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Kill a process (by default as a crash would); the supervisor starts it again. Its old pid."""
        pid = self.pids()[name]
        assert pid is not None, f"{name} does not run"
        os.kill(pid, number)
        return pid

    def restart(self, name: str) -> None:
        """SIGTERM, and wait for the supervisor to have started it again."""
        self.wait_restarted(name, self.kill(name, signal.SIGTERM))

    def wait_restarted(self, name: str, old: int, seconds: float = 40.0) -> int:
        """Wait until `name` runs under another process id than `old`; the new one."""
        self.wait_for(lambda: self.pids()[name] not in (None, old), f"{name} to be started again", seconds)
        new = self.pids()[name]
        assert new is not None
        return new

    def descendants(self) -> list[psutil.Process]:
        """Everything `halo up` has started, to check afterwards that none is left."""
        return psutil.Process(self.supervisor_pid).children(recursive=True)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End `halo up` as a person or the system would; its exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(STOP_SECONDS)

    def end(self) -> None:
        """Stop whatever still runs, also after a failed test."""
        if self._process is None or self._process.poll() is not None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.stop()
        self._process.kill()  # its children die with it
        self._process.wait()

    def _read(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text("utf-8"))


@contextmanager
def system(**options: Any) -> Iterator[System]:
    """A running system in a folder of its own; gone afterwards. Options: `workers`, `env`."""
    with server_folder() as folder:
        made = System(folder, **options)
        try:
            yield made.start()
        finally:
            made.end()
