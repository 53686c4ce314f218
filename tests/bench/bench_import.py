"""History by `halo import` while live messages come in: `python -m tests.bench.bench_import [--patients N --draws N]`.

Printed: results a second and CPU seconds per 100,000 results of each process, as a ratio to the same results sent as
live reports; latency of live messages, MLLP in to committed, alone and during the import. Made-up patients: a visit a
month of twelve analytes, M-protein and light chains every third. Servers are embedded unless HALO_TEST_KAFKA and
HALO_TEST_DATABASE name some.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Self

import psutil
import psycopg

from services.reading import csv_reports
from services.shared.mllp_client import MllpClient
from tests.real import servers
from tests.real.ledgers import CHANNELS, one
from tests.real.workers import produce, wait

PARTITIONS = 4
ROOT = Path(__file__).parents[2]
HEADER = "authority;patient;sex;birth_date;order;code;system;value;unit;status;collected_at;reported_at\n"
VISIT = (
    ("2000-8", "mmol/L", 2.35, 0.08), ("1751-7", "g/L", 40, 2), ("14682-9", "umol/L", 85, 9), ("718-7", "g/L", 121, 6),
    ("2823-3", "mmol/L", 4.3, 0.3), ("777-3", "10*9/L", 210, 30), ("751-8", "10*9/L", 3.1, 0.6),
    ("6690-2", "10*9/L", 5.6, 0.9), ("3084-1", "umol/L", 330, 30), ("2532-0", "U/L", 190, 20),
    ("2777-1", "mmol/L", 1.1, 0.1), ("2885-2", "g/L", 72, 3),
)  # fmt: skip
QUARTER = (("33358-3", "g/L", 14, 3), ("36916-5", "mg/L", 120, 30), ("33944-0", "mg/L", 12, 2))


def history(patient: int, draws: int) -> Iterator[str]:
    """The rows of one made-up person."""
    luck, at = random.Random(patient), datetime(2015, 1, 1, 8)  # noqa: DTZ001 - written with an offset below
    for n in range(draws):
        at += timedelta(days=30 * luck.uniform(0.6, 1.4))
        stamp = f"{at:%Y-%m-%dT%H:%M}:00+01:00"
        for code, unit, mean, spread in (*VISIT, *(QUARTER if n % 3 == 0 else ())):
            value = f"{max(luck.gauss(mean, spread), mean / 4):.{2 if mean < 10 else 0}f}"
            order = f"O{patient}-{n};{code};LN;{value};{unit};F;{stamp};{stamp}"
            yield f"HOSP;{patient};F;1950-01-01;{order}\n"


class Live:
    """A sender of one small message after the other, and how long each took until it was committed."""

    def __init__(self, port: int, database: str) -> None:
        self._port, self._database = port, database
        self._stop = threading.Event()
        self._sent: dict[str, float] = {}
        self.seconds: list[float] = []
        self._threads = [threading.Thread(target=self._send), threading.Thread(target=self._watch)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _send(self) -> None:
        number = 0
        with MllpClient(port=self._port, patience=60) as client:
            while not self._stop.wait(0.1):
                name, now = f"L{time.time_ns()}", datetime.now()  # noqa: DTZ005 - local time of this machine, UTC here
                stamp = f"{now:%Y%m%d%H%M%S}+0000"
                text = (
                    f"MSH|^~\\&|LIS|LAB1|||{stamp}||ORU^R01|{name}|P|2.5.1\rPID|1||live{number % 50}^^^HOSP\r"
                    f"OBR|1||{name}|CHEM|||{stamp}|||||||||||||||{stamp}|||F\r"
                    f"OBX|1|NM|2823-3^K^LN||4.{number % 9}|mmol/L|||||F\r"
                )
                self._sent[name] = time.monotonic()
                while True:
                    with contextlib.suppress(OSError):  # no answer in time: sent again, as an engine does
                        client.deliver(text.encode())
                        break
                number += 1

    def _watch(self) -> None:
        """Until everything that was sent is committed, at most half a minute longer than is sent."""
        query = "SELECT message_id FROM source_message WHERE message_id = ANY(%s)"
        with psycopg.connect(self._database, autocommit=True) as conn:
            end = 0.0
            while not end or (self._sent and time.monotonic() < end):
                end = end or (time.monotonic() + 30 if self._stop.is_set() else 0.0)
                for (name,) in conn.execute(query, (list(self._sent),)).fetchall():
                    self.seconds.append(time.monotonic() - self._sent.pop(name))
                time.sleep(0.01)


def ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except OSError:
        return False


def quantiles(seconds: list[float]) -> str:
    cut = statistics.quantiles(seconds, n=100)
    return f"p50 {1000 * cut[49]:,.0f} ms, p99 {1000 * cut[98]:,.0f} ms, of {len(seconds)}"


@contextlib.contextmanager
def process(module: str, folder: Path, env: dict[str, str]) -> Iterator[psutil.Process]:
    with (folder / f"{module}.log").open("wb") as log:
        started = subprocess.Popen([sys.executable, "-m", module], cwd=ROOT, env=env, stdout=log, stderr=log)
    try:
        yield psutil.Process(started.pid)
    finally:
        started.kill()
        started.wait()


def cpu_of(found: psutil.Process) -> float:
    times = found.cpu_times()
    return float(times.user + times.system)


class Spent:
    """CPU seconds of the processor, of its session in PostgreSQL and of the broker."""

    def __init__(self, bootstrap: str, database: str, processor: psutil.Process) -> None:
        port = int(bootstrap.rpartition(":")[2])
        listening = (
            c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN and c.laddr.port == port
        )
        query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'halo-processor' AND datname = current_database()"
        with psycopg.connect(database) as conn:
            sessions = [pid for (pid,) in conn.execute(query).fetchall()]
        self._who = {
            "processor": [processor], "postgres": [psutil.Process(pid) for pid in sessions],
            "kafka": [psutil.Process(connection.pid) for connection in listening if connection.pid],
        }  # fmt: skip

    def now(self) -> dict[str, float]:
        return {name: sum(map(cpu_of, found)) for name, found in self._who.items()}


def say(name: str, results: int, seconds: float, cpu: dict[str, float]) -> float:
    shares = ", ".join(f"{who} {1e5 * used / results:.1f}" for who, used in cpu.items())
    print(f"{name:8} {results / seconds:9,.0f} results/s; CPU s per 100,000 results: {shares}", flush=True)
    return results / seconds


def imported(file: Path, env: dict[str, str], spent: Spent) -> tuple[float, dict[str, float]]:
    before, began = spent.now(), time.monotonic()
    running = subprocess.Popen(
        [sys.executable, "-m", "services.cli.app", "import", str(file)], cwd=ROOT, env=env, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    importer, own = psutil.Process(running.pid), 0.0
    while running.poll() is None:
        with contextlib.suppress(psutil.Error):
            own = cpu_of(importer)
        time.sleep(0.05)
    seconds = time.monotonic() - began
    print("         " + str(running.stdout and running.stdout.read()).strip().splitlines()[-1], flush=True)
    assert running.returncode == 0
    after = spent.now()
    return seconds, {"importer": own} | {who: after[who] - before[who] for who in after}


def as_live(text: str, bootstrap: str, database: str, spent: Spent) -> tuple[float, dict[str, float]]:
    """The same visits, a record each, as intake would have made them."""
    csv_reports.MOST_RESULTS = 1
    events = [event for outcome in csv_reports.read(text.encode()) for event in outcome.events]
    known = int(one(database, "SELECT count(*) FROM source_message"))
    before, began = spent.now(), time.monotonic()
    produce(bootstrap, events)
    while one(database, "SELECT count(*) FROM source_message") < known + len(events):
        time.sleep(0.05)
    seconds, after = time.monotonic() - began, spent.now()
    return seconds, {who: after[who] - before[who] for who in after}


def measure(bootstrap: str, database: str, folder: Path, patients: int, draws: int) -> None:
    (folder / "channels.toml").write_text(CHANNELS)
    mllp, *ports = servers.free_ports(3)
    env = os.environ | {
        "HALO_KAFKA": bootstrap, "HALO_DATABASE": database, "HALO_DATA_DIR": str(folder), "HALO_MLLP_PORT": str(mllp),
        "HALO_CONSUMER_GROUP": f"bench-{folder.name}", "HALO_PROCESSOR_INSTANCE": "bench",
        "HALO_CHANNELS": str(folder / "channels.toml"),
    }  # fmt: skip
    file, text = folder / "history.csv", HEADER + "".join(row for p in range(patients) for row in history(p, draws))
    file.write_text(text, "utf-8")
    results = text.count("\n") - 1
    with (
        process("services.processor.app", folder, env | {"HALO_METRICS_PORT": str(ports[0])}) as processor,
        process("services.intake.app", folder, env | {"HALO_METRICS_PORT": str(ports[1])}),
    ):
        for port in ports:
            wait(lambda port=port: ready(port), seconds=60)
        with Live(mllp, database) as alone:
            time.sleep(10)
        spent = Spent(bootstrap, database, processor)
        with Live(mllp, database) as during:
            seconds, cpu = imported(file, env, spent)
        rate = say("import", results, seconds, cpu)
        print(f"live alone:    {quantiles(alone.seconds)}\nlive meanwhile: {quantiles(during.seconds)}", flush=True)
        few = HEADER + "".join(row for p in range(10_000, 10_000 + max(patients // 4, 2)) for row in history(p, draws))
        live = say("as live", few.count("\n") - 1, *as_live(few, bootstrap, database, spent))
        print(f"import / live path: {rate / live:.1f}")


def main() -> None:
    """Start what is needed, measure, stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=100)
    parser.add_argument("--draws", type=int, default=120)
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        bootstrap = servers.chosen_kafka() or stack.enter_context(servers.kafka()).bootstrap
        dsn = servers.chosen_postgres() or stack.enter_context(servers.postgres()).dsn()
        servers.make_template(dsn)
        servers.forget_groups(bootstrap)
        servers.fresh_topics(bootstrap, PARTITIONS)
        database = stack.enter_context(servers.cloned_database(dsn))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        measure(bootstrap, database, folder, arguments.patients, arguments.draws)


if __name__ == "__main__":
    main()
