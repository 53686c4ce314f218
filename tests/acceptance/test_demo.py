"""`halo demo`: a newcomer sees results, all four families of alerts and their delivery within a minute."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.real.servers import cloned_database, free_base, server_folder
from tests.real.system import ROOT

pytestmark = pytest.mark.timeout(400)
SECONDS = 30


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with server_folder() as made:
        yield made


def _demo(folder: Path, *arguments: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("HALO_") or name == "HALO_CACHE"}
    command = [sys.executable, "-m", "services.cli.app", "demo", "--data-dir", str(folder / "demo")]
    command += ["--ports", str(free_base()), *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, env=ours | {"HALO_PARTITIONS": "4"} | (env or {}), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_it_ends_by_itself_with_all_four_families_delivered(folder: Path) -> None:
    """Exit 0 means: results arrived, each family alerted, every alert reached pager and mailbox."""
    demo = _demo(folder, "--seconds", str(SECONDS))
    output, _ = demo.communicate(timeout=300)
    assert demo.returncode == 0, output[-5000:]
    for family in ("relapse", "hypercalcaemia", "renal_failure", "hyperviscosity"):
        assert f"alerts: {family} (delivered)" in output
    assert "made-up patients" in output
    assert not psutil.pid_exists(demo.pid)


def test_a_second_start_keeps_the_data_and_ctrl_c_leaves_no_process(folder: Path) -> None:
    """What was stored is there again, history is not sent twice, and an interrupt ends everything."""
    demo = _demo(folder)
    begun = time.monotonic()
    first_figures = ""
    assert demo.stdout is not None
    for line in demo.stdout:
        if " sent " in line and "results" in line:
            first_figures = line
            break
    assert int(first_figures.split("results ")[1].split(",")[0]) > 4000, first_figures
    children = psutil.Process(demo.pid).children(recursive=True)
    assert len(children) >= 8, "servers, processes and the ward"
    demo.send_signal(signal.SIGINT)
    output, _ = demo.communicate(timeout=90)
    assert demo.returncode == 0, output[-3000:]
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive
    assert time.monotonic() - begun < 200


def test_a_database_with_other_patients_is_refused(postgres_dsn: str, kafka_bootstrap: str, folder: Path) -> None:
    """The demo never writes made-up patients among others."""
    with cloned_database(postgres_dsn) as dsn:
        with psycopg.connect(dsn) as conn:
            conn.execute("INSERT INTO patient (public_id, sent_id) VALUES ('x', 'MADEUP|somebody else')")
        demo = _demo(folder, "--seconds", "10", env={"HALO_DATABASE": dsn, "HALO_KAFKA": kafka_bootstrap})
        output, _ = demo.communicate(timeout=120)
    assert demo.returncode != 0
    assert "the demo refuses it" in output
