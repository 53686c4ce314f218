"""Alerts are a function of the set of results: the number of workers, their batches and the arrival do not matter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient

from schemas.patient_event import LabReport
from services.reading import hl7v2
from tests.conftest import Topics
from tests.real.hospital import hospital
from tests.real.ledgers import one
from tests.real.workers import ROOT, Worker, produce, wait, worker

MADE_UP = hospital(7, 300, 25)
SET_DETERMINED = ("results", "derived", "undetermined", "quarantined")
GROUP = "halo-processor"
STORED = 'halo_events_stored_total{outcome="stored"}'


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> str:
    """`halo evaluate` over all messages in one file."""
    file = tmp_path_factory.mktemp("evaluate") / "all.hl7"
    file.write_bytes(b"".join(MADE_UP.messages))
    return evaluate("--format", "hl7v2", str(file))


def evaluate(*arguments: str, database: str = "") -> str:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("HALO_")}
    command = [sys.executable, "-m", "services.cli.app", "evaluate", *arguments]
    ended = subprocess.run(
        command, cwd=ROOT, env=ours | ({"HALO_DATABASE": database} if database else {}), capture_output=True, text=True,
        check=False, timeout=200,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]
    return ended.stdout


def set_determined(output: str) -> dict[str, Any]:
    """Per patient what may not depend on the run: retracted and superseded alerts are history."""
    patients = [json.loads(line) for line in output.splitlines()]
    return {
        patient["patient"]: {name: patient[name] for name in SET_DETERMINED}
        | {"alerts": [alert for alert in patient["alerts"] if alert["condition"] in {"active", "cleared"}]}
        for patient in patients
    }


def test_evaluate_twice_gives_the_same_bytes(plain: str, tmp_path: Path) -> None:
    """Also when the messages stand in another order."""
    shuffled = tmp_path / "other.hl7"
    shuffled.write_bytes(b"".join(sorted(MADE_UP.messages)))
    assert evaluate("--format", "hl7v2", str(shuffled)) == plain
    assert len(set_determined(plain)) == len(MADE_UP.patients)
    assert any(patient["alerts"] for patient in set_determined(plain).values())


def assigned(running: Worker) -> set[int]:
    """The partitions with which a worker last began to read; some may have been taken away since."""
    lines = [json.loads(line) for line in running.output().splitlines() if '"partitions.assigned"' in line]
    return {int(partition) for partition in lines[-1]["positions"]} if lines else set()


def settled(topics: Topics, workers: list[Worker]) -> bool:
    """Each partition has one reader, as the broker sees it and as the workers see it."""
    seen = sorted(partition for each in workers for partition in assigned(each))
    return shares(topics.bootstrap) == seen == list(range(topics.partitions))


def split(topics: Topics, workers: list[Worker]) -> str:
    """Who reads what, for a failure."""
    return f"broker {shares(topics.bootstrap)}, workers {[assigned(each) for each in workers]}"


def shares(bootstrap: str) -> list[int]:
    """The partitions that the broker gave to the members of the group; twice, if two have it."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        members = admin.describe_groups([GROUP])[GROUP]["members"]
    finally:
        admin.close()
    given = [member["member_assignment"] for member in members]
    return sorted(
        p for each in given if isinstance(each, dict) for t in each["assigned_partitions"] for p in t["partitions"]
    )


@pytest.mark.parametrize("count", [1, 2, 4])
def test_any_number_of_workers_stores_what_evaluate_says(
    count: int, plain: str, topics: Topics, database: str, tmp_path: Path
) -> None:
    """The same stream through 1, 2 and 4 workers equals the plain evaluation in the set-determined part."""
    received = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    events = [event for message in MADE_UP.messages for event in hl7v2.read(message, received).events]
    assert all(isinstance(event, LabReport) for event in events)
    with ExitStack() as stack:
        workers = [
            stack.enter_context(worker(topics.bootstrap, database, tmp_path, number=number, HALO_PARTITIONS="4"))
            for number in range(count)
        ]
        wait(lambda: all(one_worker.ready()["code"] == 200 for one_worker in workers), seconds=60)
        wait(lambda: settled(topics, workers), seconds=90, what=lambda: split(topics, workers))
        produce(topics.bootstrap, events)
        wait(lambda: one(database, "SELECT count(*) FROM source_message") == MADE_UP.distinct, seconds=90)
        wait(lambda: all(each.metric(STORED) > 0 for each in workers), what=lambda: split(topics, workers))
    assert set_determined(evaluate("--stored", database=database)) == set_determined(plain)
