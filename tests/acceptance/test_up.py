"""`halo up` keeps everything running, stops it in order, and leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from urllib.request import urlopen

import psutil
import psycopg
import pytest

from services.shared import kafka as shared_kafka
from tests.conftest import Topics
from tests.real.servers import server_folder
from tests.real.system import ROOT, System, system

pytestmark = pytest.mark.real

GONE_SECONDS = 10.0


def left(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those still alive after a grace."""
    _, alive = psutil.wait_procs(processes, timeout=GONE_SECONDS)
    return [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def restarts(running: System, name: str) -> float:
    with urlopen(running.addresses["supervisor_probes"] + "/metrics") as answer:  # noqa: S310 - loopback, as written
        lines = answer.read().decode().splitlines()
    wanted = f'halo_process_restarts_total{{process="{name}"}} '
    return next(float(line.removeprefix(wanted)) for line in lines if line.startswith(wanted))


def test_a_killed_process_is_started_again() -> None:
    """Each process and server comes back after SIGKILL; it is logged and counted; rows and addresses stay."""
    with system() as running:
        with psycopg.connect(running.dsn) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        for name in running.pids():
            running.wait_restarted(name, running.kill(name))
            assert restarts(running, name) == 1.0
            assert f'"name": "{name}", "exit_code": -9' in running.output
        running.wait_for(lambda: row(running) == (1,), "the database to answer again")


def row(running: System) -> tuple[int] | None:
    try:
        with psycopg.connect(running.dsn) as connection:
            return connection.execute("SELECT one FROM kept").fetchone()
    except psycopg.OperationalError:
        return None


@pytest.mark.parametrize("wish", [signal.SIGINT, signal.SIGTERM])
def test_stopping_leaves_no_process(halo_system: System, wish: signal.Signals) -> None:
    """Ctrl-C and SIGTERM end everything, intake first and the servers last, with exit code 0."""
    processes = halo_system.descendants()
    assert len(processes) >= 2
    assert halo_system.stop(wish) == 0
    assert left(processes) == []
    stopped = [line for line in halo_system.output.splitlines() if "process.stopped" in line]
    assert '"kafka"' in stopped[-2]
    assert '"postgres"' in stopped[-1]


def test_sigkill_of_the_supervisor_leaves_no_process(halo_system: System) -> None:
    """Also a killed `halo up` takes its children along, and the next start finds its data."""
    processes = halo_system.descendants()
    with psycopg.connect(halo_system.dsn) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    halo_system.stop(signal.SIGKILL)
    assert left(processes) == []
    (halo_system.folder / "addresses.json").unlink()
    halo_system.start()
    assert row(halo_system) == (1,)


def test_stopping_during_the_start_leaves_no_process() -> None:
    """An impatient Ctrl-C while the servers come up is heard at once."""
    with server_folder() as folder:
        early = System(folder)
        early.launch()
        early.wait_for(lambda: "starting PostgreSQL" in early.output, "the start to begin")
        processes = early.descendants()
        assert early.stop(signal.SIGINT) == 0
        assert left(processes) == []


def test_a_folder_in_use_is_refused(halo_system: System) -> None:
    """Two `halo up` never share a folder: the second says who has it."""
    command = [sys.executable, "-m", "services.cli.app", "up", "--data-dir", str(halo_system.folder)]
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 1
    assert f"in use by process {halo_system.supervisor_pid}" in second.stderr


def test_real_servers_are_used_where_they_are_named(topics: Topics, database: str) -> None:
    """HALO_KAFKA and HALO_DATABASE: nothing embedded is started, the named ones are used and left alone."""
    with system(env={"HALO_KAFKA": topics.bootstrap, "HALO_DATABASE": database}) as running:
        assert not {"kafka", "postgres"} & set(running.pids())
        assert (running.bootstrap, running.dsn) == (topics.bootstrap, database)
        assert running.stop() == 0
    assert shared_kafka.cluster_id(topics.bootstrap)
