"""A whole Halo on one machine: servers, migrations, topics and every process, started in order and supervised.

`halo up` is little more than this; `halo demo` adds a simulated ward to it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self

from infra.database import migrate
from infra.embedded.kafka import EmbeddedKafka
from infra.embedded.lock import FolderLock
from infra.embedded.postgres import EmbeddedPostgres
from services.cli import durability
from services.cli.process import Module, ModuleProcess
from services.cli.saying import Sayer
from services.cli.supervisor import Supervisor
from services.shared import kafka
from services.shared.ports import Ports
from services.shared.probes import Probes
from services.shared.settings import Settings

STOP_ORDER = (("ward",), ("intake",), ("processor",), ("notifier",), ("board",), ("clock",), ("kafka",), ("postgres",))
"""Nothing new comes in first; what was taken is worked off; the servers go last."""
READY_ADVICE_S = 60.0
"""When something is not ready after this long, say so, with its reasons; supervision goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an installation lives and which servers it uses."""

    data_dir: Path
    ports: Ports
    workers: int = 1
    kafka: str | None = None
    """A real broker's address; None starts the embedded one."""
    database: str | None = None
    """A real server's connection string; None starts the embedded one."""

    @classmethod
    def from_environment(cls, data_dir: Path, ports: Ports, workers: int = 1) -> Self:
        """With the servers that HALO_KAFKA and HALO_DATABASE name."""
        return cls(
            data_dir=data_dir.resolve(),
            ports=ports,
            workers=workers,
            kafka=os.environ.get("HALO_KAFKA") or None,
            database=os.environ.get("HALO_DATABASE") or None,
        )


class Installation:
    """Use as a context manager from the main thread: leaving it stops everything that was started."""

    def __init__(self, place: Place, sayer: Sayer, *, extra_env: dict[str, str] | None = None) -> None:
        self.place = place
        self.settings = Settings()
        self.supervisor = Supervisor(changed=self._write_state)
        self.bootstrap = place.kafka or f"127.0.0.1:{place.ports.kafka}"
        self.dsn = place.database or ""
        self._sayer = sayer
        self._extra_env = extra_env or {}
        self._lock = FolderLock(place.data_dir / "up.lock")
        self._processes: list[ModuleProcess] = []
        self._probes: Probes | None = None

    def __enter__(self) -> Self:
        self.place.data_dir.mkdir(parents=True, exist_ok=True)
        self._lock.acquire()
        self._addresses_file.unlink(missing_ok=True)
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self.supervisor.stop(STOP_ORDER)
        self._write_state()
        self._addresses_file.unlink(missing_ok=True)
        if self._probes is not None:
            self._probes.stop()
        self._lock.release()

    def start(self, prepare: Callable[[str], None] = lambda _dsn: None) -> None:
        """Servers, migrations, topics, processes; returns when all are started, before they are ready.

        `prepare` is called with the migrated database's address before any process starts; it may refuse by raising.
        """
        self._start_servers()
        with self._sayer.step("applying migrations"):
            applied = migrate.apply(self.dsn)
        self._sayer.say(f"  {len(applied)} applied" if applied else "  the database is up to date")
        prepare(self.dsn)
        with self._sayer.step("checking topics"):
            created = kafka.create_topics(self.bootstrap, partitions=self.settings.partitions)
        self._sayer.say(f"  created {', '.join(created)}" if created else "  all there")
        self._sayer.say(durability.measure(self.bootstrap, self.dsn).sentence(), style="yellow")
        self._probes = Probes(
            self.settings.metrics_bind, self.place.ports.metrics(0), ready=self.supervisor.down
        ).start()
        self._start_processes()

    def add(self, name: str, module: str, *arguments: str) -> None:
        """Supervise one more process with the same environment (the demo's ward)."""
        index = 1 + len(self._processes)
        what = Module(
            module=module,
            arguments=arguments,
            env=self.environment(),
            metrics_port=self.place.ports.metrics(index),
            log_dir=self.place.data_dir / "logs",
        )
        process = ModuleProcess(name, what)
        if not process.installed:
            self._sayer.say(f"{name}: not installed (there is no {module})", style="red")
            return
        self._processes.append(process)
        self.supervisor.add(process)

    def wait_ready(self, give_up: Callable[[], bool] = lambda: False) -> bool:
        """Supervise until every process's `/readyz` answers 200, then write `addresses.json`; False when given up."""
        with self._sayer.step("waiting for the processes"):
            advised = monotonic() + READY_ADVICE_S
            while waiting := self.not_ready():
                if give_up():
                    return False
                if monotonic() > advised:
                    self._say_waiting(waiting)
                    advised = monotonic() + READY_ADVICE_S
                until = monotonic() + 0.2
                self.supervisor.run(lambda: monotonic() > until)  # noqa: B023 - used up before the next turn
        write_json(self._addresses_file, self.addresses())
        return True

    def not_ready(self) -> dict[str, dict[str, str]]:
        """Processes whose `/readyz` does not answer 200, with its reasons."""
        reasons = {process.name: process.not_ready() for process in self._processes}
        return {name: wrong for name, wrong in reasons.items() if wrong}

    def addresses(self) -> dict[str, str]:
        """Where people, senders and tools reach this installation."""
        ports, host = self.place.ports, self.settings.bind
        probes = {process.name: f"http://127.0.0.1:{process.what.metrics_port}" for process in self._processes}
        return {
            "board": f"http://{host}:{ports.board}",
            "fhir": f"http://{host}:{ports.fhir}/fhir",
            "mllp": f"{host}:{ports.mllp}",
            "kafka": self.bootstrap,
            "database": self.dsn,
            "supervisor_probes": f"http://127.0.0.1:{ports.metrics(0)}",
            **{f"{name}_probes": address for name, address in probes.items()},
        }

    def environment(self) -> dict[str, str]:
        """The HALO_* variables of every process."""
        place = self.place
        return {
            "HALO_KAFKA": self.bootstrap,
            "HALO_DATABASE": self.dsn,
            "HALO_DATA_DIR": str(place.data_dir),
            "HALO_PARTITIONS": str(self.settings.partitions),
            "HALO_PORT_BASE": str(place.ports.base),
            "HALO_PORTS_MOVED": "1" if place.ports.moved else "0",
            "HALO_MLLP_PORT": str(place.ports.mllp),
            "HALO_BOARD_PORT": str(place.ports.board),
            "HALO_FHIR_PORT": str(place.ports.fhir),
            "HALO_NOTIFIER_BOARD_URL": f"http://{self.settings.bind}:{place.ports.board}",
            **self._extra_env,
        }

    @property
    def _addresses_file(self) -> Path:
        return self.place.data_dir / "addresses.json"

    def _start_servers(self) -> None:
        place = self.place
        broker = EmbeddedKafka(place.data_dir / "kafka", place.ports.kafka, place.ports.kafka_controller)
        if place.kafka is None:
            broker.launch(self._sayer.say)  # while it comes up, PostgreSQL does
            self.supervisor.add(broker)
        if place.database is None:
            with self._sayer.step("starting PostgreSQL"):
                server = EmbeddedPostgres(place.data_dir / "postgres")
                server.launch(self._sayer.say)
                self.supervisor.add(server)
                server.wait()
                self.dsn = server.dsn()
        with self._sayer.step("waiting for Kafka"):
            if place.kafka is None:
                broker.wait()
            kafka.wait_for_broker(self.bootstrap)

    def _start_processes(self) -> None:
        for name in ("intake", "clock", "notifier", "board"):
            self.add(name, f"services.{name}.app")
        for number in range(1, self.place.workers + 1):
            self._extra_env["HALO_WORKER"] = str(number)
            self.add(f"processor-{number}", "services.processor.app")

    def _say_waiting(self, waiting: dict[str, dict[str, str]]) -> None:
        for process in self._processes:
            if process.name in waiting:
                self._sayer.say(f"{process.name} is not ready: {waiting[process.name]}", style="red")
                if not process.running:
                    self._sayer.say(process.tail())

    def _write_state(self) -> None:
        """`state.json`: who runs, for tests and tools that want to look at or kill one."""
        write_json(self.place.data_dir / "state.json", {"supervisor": os.getpid(), "processes": self.supervisor.pids})


def write_json(path: Path, value: object) -> None:
    """Whole or not at all; readable by the present user only, as addresses hold the database's password."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(json.dumps(value, indent=1) + "\n")
    scratch.replace(path)
