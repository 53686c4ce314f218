"""The first promise: no result lost, no alert lost, whatever process dies and whenever.

A made-up hospital sends thousands of reports with duplicates, disorder and corrections, while every process, the broker
and the database are killed at seeded random moments and a second processor joins and leaves. Afterwards what is stored
equals the hospital's own ledger, the alerts equal a plain evaluation of all messages, and everybody was told.
"""

from __future__ import annotations

import base64
import json
import os
import random
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Self

import msgspec
import psycopg
import pytest

from alerts.result import Result
from services.cli.inbox import Inbox
from tests.real.hospital import Hospital, hospital
from tests.real.sending import send_all
from tests.real.servers import free_ports, server_folder
from tests.real.system import ROOT, System

SEED = int(os.environ.get("HALO_TEST_SEED", "20261125"))
REPORTS = int(os.environ.get("HALO_TEST_REPORTS", "5000"))
PATIENTS = 200
VICTIMS = ("processor-1", "notifier", "intake", "board", "postgres", "kafka", "clock")

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]


class Killer:
    """Kills one process after the other, each time at a random moment, until told to stop."""

    def __init__(self, system: System, seed: int) -> None:
        self.kills: list[str] = []
        self._system = system
        self._chance = random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        victims = list(VICTIMS)
        self._chance.shuffle(victims)
        while not self._stop.wait(self._chance.uniform(0.5, 3.5)):
            name = victims[len(self.kills) % len(victims)]
            if self._system.pids().get(name) is None:
                continue
            self._system.kill(name)
            self.kills.append(name)


@pytest.fixture(scope="module")
def made_up() -> Hospital:
    return hospital(SEED, REPORTS, PATIENTS)


@pytest.fixture(scope="module")
def inbox() -> Iterator[tuple[Inbox, str]]:
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
    with Inbox(free_ports(1)[0], 0, secret) as box:
        yield box, secret


@pytest.fixture(scope="module")
def survived(made_up: Hospital, inbox: tuple[Inbox, str]) -> Iterator[tuple[System, Killer]]:
    """A system that took all messages under kills and has come to rest."""
    with server_folder() as folder:
        system = System(folder, env={"HALO_CHANNELS": str(_channels(folder, *inbox)), "HALO_NOTIFIER_LEASE": "3"})
        try:
            system.start()
            port = int(system.addresses["mllp"].rpartition(":")[2])
            half = len(made_up.messages) // 2
            with Killer(system, SEED) as killer:
                first = send_all(made_up.messages[:half], port)
                with _second_processor(system):
                    second = send_all(made_up.messages[half:], port)
                system.wait_for(lambda: set(killer.kills) == set(VICTIMS), "everybody to be killed once", 60)
            assert first.keys() | second.keys() == {"AA"}, (first, second)
            _come_to_rest(system, made_up)
            yield system, killer
        finally:
            system.end()


def _channels(folder: Path, box: Inbox, secret: str) -> Path:
    (folder / "secret").write_text(secret)
    file = folder / "channels.toml"
    file.write_text(
        f'[[channel]]\nname = "pager"\nkind = "webhook"\nrecipient = "on call"\noperations = true\ntest = true\n'
        f'address = "http://127.0.0.1:{box.web_port}/hook"\nsecret_file = "{folder / "secret"}"\n'
    )
    return file


class _second_processor:  # noqa: N801 - reads as a verb
    """Joins the consumer group, works for a while, and leaves by SIGKILL."""

    def __init__(self, system: System) -> None:
        self._system = system

    def __enter__(self) -> None:
        addresses = self._system.addresses
        env = os.environ | {
            "HALO_KAFKA": addresses["kafka"], "HALO_DATABASE": addresses["database"], "HALO_WORKER": "2",
            "HALO_PARTITIONS": "4", "HALO_DATA_DIR": str(self._system.folder), "HALO_METRICS_PORT": "0",
            "HALO_CHANNELS": str(self._system.folder / "channels.toml"),
        }  # fmt: skip
        with (self._system.folder / "second.log").open("wb") as log:
            command = [sys.executable, "-m", "services.processor.app"]
            self._process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)

    def __exit__(self, *_exception: object) -> None:
        self._process.kill()
        self._process.wait()


def _come_to_rest(system: System, made_up: Hospital) -> None:
    system.wait_ready()
    query = "SELECT count(*) FROM source_message"
    system.wait_for(lambda: _count(system, query) == made_up.distinct, "all messages to be stored", 180)
    waiting = "SELECT count(*) FROM delivery WHERE status IN ('queued', 'sending')"
    system.wait_for(lambda: _count(system, waiting) == 0, "all deliveries to be handed over", 180)
    outbox = "SELECT count(*) FROM outbox WHERE published_at IS NULL"
    system.wait_for(lambda: _count(system, outbox) == 0, "the outbox to be relayed", 60)


def _count(system: System, query: str) -> int:
    try:
        with psycopg.connect(system.dsn) as conn:
            row = conn.execute(query).fetchone()  # type: ignore[call-overload]
    except psycopg.OperationalError:
        return -1  # just restarting
    return int(row[0])


def test_everybody_was_killed(survived: tuple[System, Killer]) -> None:
    """The run means something: each process, the broker and the database died at least once."""
    _, killer = survived
    assert set(killer.kills) == set(VICTIMS), killer.kills


def test_stored_results_equal_the_hospitals_ledger(survived: tuple[System, Killer], made_up: Hospital) -> None:
    """Every result that was acknowledged is stored once, with its value; nothing else is."""
    system, _ = survived
    with psycopg.connect(system.dsn) as conn:
        rows = conn.execute("SELECT body FROM result").fetchall()
        assert conn.execute("SELECT count(*) FROM dead_letter").fetchone() == (0,)
        assert conn.execute("SELECT count(*) FROM quarantine").fetchone() == (0,)
    stored = [_row(msgspec.json.decode(row[0], type=Result)) for row in rows]
    assert len(stored) == len(set(stored)), "a result is stored twice"
    expected = {(*row[:4], Decimal(row[4])) for row in made_up.ledger}
    assert set(stored) == expected


def _row(result: Result) -> tuple[str, datetime, str, str, Decimal | None]:
    return (result.patient.partition("|")[2], result.collected_at, result.analyte, result.status.value, result.value)


def test_alerts_equal_a_plain_evaluation(survived: tuple[System, Killer], made_up: Hospital, tmp_path: Path) -> None:
    """The stored truth equals `halo evaluate` over all messages in the set-determined part, byte for byte."""
    system, _ = survived
    file = tmp_path / "all.hl7"
    file.write_bytes(b"".join(made_up.messages))
    plain = _halo("evaluate", "--format", "hl7v2", str(file))
    stored = _halo("evaluate", "--stored", env={"HALO_DATABASE": system.dsn})
    assert _set_determined(stored) == _set_determined(plain)


def _halo(*arguments: str, env: dict[str, str] | None = None) -> str:
    command = [sys.executable, "-m", "services.cli.app", *arguments]
    ended = subprocess.run(command, cwd=ROOT, env=os.environ | (env or {}), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return ended.stdout


def _set_determined(output: str) -> dict[str, dict]:
    patients = {}
    for line in output.splitlines():
        patient = json.loads(line)
        alerts = [a for a in patient["alerts"] if a["condition"] in {"active", "cleared"}]
        patients[patient["patient"]] = {key: patient[key] for key in ("results", "derived", "undetermined")} | {
            "alerts": alerts
        }
    return patients


def test_every_alert_was_told(survived: tuple[System, Killer], inbox: tuple[Inbox, str]) -> None:
    """Each delivery that was decided reached the pager; repeats are counted, and only after an unknown outcome."""
    system, _ = survived
    received = [item.id for item in inbox[0].received()]
    with psycopg.connect(system.dsn) as conn:
        handed = {row[0] for row in conn.execute("SELECT id::text FROM delivery WHERE status = 'handed_over'")}
        unsure = {row[0] for row in conn.execute("SELECT id::text FROM delivery WHERE possibly_repeated")}
        silent = conn.execute(
            "SELECT count(*) FROM alert a WHERE condition = 'active' AND severity <> 'INFO' AND NOT EXISTS"
            " (SELECT FROM delivery d WHERE d.alert_id = a.alert_id AND d.status = 'handed_over')"
            " AND superseded_by IS NULL AND told_at IS NULL"
        ).fetchone()
    assert handed <= set(received)
    doubles = {one for one in received if received.count(one) > 1} & handed
    assert doubles <= unsure, "a double without the mark"
    assert silent == (0,), "an active alert of which nobody was told"


def test_rebuild_reports_no_difference(survived: tuple[System, Killer]) -> None:
    """Deriving everything again from the stored results changes nothing."""
    system, _ = survived
    begun = time.monotonic()
    _halo("rebuild", env={"HALO_DATABASE": system.dsn})
    assert time.monotonic() - begun < 300
