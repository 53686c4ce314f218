"""Kafka loses everything while Postgres keeps its offsets: nothing is skipped, and operations hear of it."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from tests.real.hospital import hospital
from tests.real.ledgers import ask, one
from tests.real.sending import send_all
from tests.real.servers import server_folder
from tests.real.system import System

pytestmark = pytest.mark.timeout(300)
AFTER = int(os.environ.get("HALO_TEST_REPORTS_AFTER_WIPE", "1000"))
STORED = "SELECT count(*) FROM source_message"


def _kafka_folder(system: System) -> Path:
    return system.folder / "kafka"


def test_a_wiped_kafka_skips_nothing() -> None:
    """A new, empty broker counts from 0 again, below the offsets that Postgres kept: ids decide, all is stored."""
    before, after = hospital(21, 200, 20), hospital(22, AFTER, 20)
    with server_folder() as folder:
        system = System(folder)
        try:
            system.start()
            _send(system, before.messages)
            system.wait_for(lambda: one(system.dsn, STORED) == before.distinct, "the first part to be stored", 60)
            system.stop(signal.SIGTERM)
            shutil.rmtree(_kafka_folder(system))
            system.start()
            _send(system, after.messages)
            wanted = before.distinct + after.distinct
            system.wait_for(lambda: one(system.dsn, STORED) == wanted, "the second part to be stored", 120)
            told = ask(system.dsn, "SELECT kind FROM operations_alert WHERE kind LIKE 'offsets_%'")
            assert told, "operations were not told that Kafka was replaced"
        finally:
            system.end()


def _send(system: System, messages: list[bytes]) -> None:
    answers = send_all(messages, int(system.addresses["mllp"].rpartition(":")[2]), connections=4)
    assert answers == {"AA": len(messages)}
