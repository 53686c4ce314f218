"""A test that does not come is an alert without any message: the clock fires it, also after it was killed, once."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from services.cli.app import halo
from services.cli.inbox import Inbox
from services.shared.mllp_client import MllpClient, acknowledgements
from tests.real.ledgers import ask, one
from tests.real.paged import paged_system
from tests.real.system import System

pytestmark = pytest.mark.timeout(300)
LEFT = timedelta(seconds=30)
"""What is left of the 92 days when the sample is sent: longer than taking sample and context lasts."""


@pytest.fixture
def running() -> Iterator[tuple[System, Inbox]]:
    with paged_system(HALO_CLOCK_HEARTBEAT="2") as found:
        yield found


def _send(system: System, collected: datetime) -> None:
    """An M-protein of a made-up patient."""
    taken, now = f"{collected:%Y%m%d%H%M%S}+0000", f"{datetime.now(UTC):%Y%m%d%H%M%S}+0000"
    message = (
        f"MSH|^~\\&|LIS|MADEUP|HALO|HOSP|{now}||ORU^R01|LATE1|P|2.5.1\r"
        "PID|1||LATE1^^^MADEUP^MR||Izmišljena^Maja\r"
        f"OBR|1||LATE1|SPEP|||{taken}{'|' * 15}{taken}|||F\r"
        "OBX|1|NM|33358-3^M-protein^LN||12.4|g/L|||||F\r"
    )
    with MllpClient(port=int(system.addresses["mllp"].rpartition(":")[2])) as client:
        (answer,) = acknowledgements(client.deliver(message.encode()))
    assert answer.accepted, answer


def _describe(system: System) -> None:
    file = system.folder / "context.csv"
    file.write_text(
        "patient,kind,from,to,code,value,unit,note\nMADEUP|LATE1,state,,,on_treatment,,,\nMADEUP|LATE1,patient_type,,,SERUM,,,\n"
    )
    done = CliRunner().invoke(halo, ["context", "import", "--data-dir", str(system.folder), str(file)])
    assert done.exit_code == 0, done.output


def test_what_does_not_come_is_told_at_its_time_though_the_clock_was_killed(running: tuple[System, Inbox]) -> None:
    """On treatment, the last M-protein 92 days ago less half a minute: shown already, told when the time is up."""
    system, box = running
    collected = (datetime.now(UTC) + LEFT - timedelta(days=92)).replace(microsecond=0)
    _send(system, collected)
    _describe(system)
    system.wait_for(lambda: ask(system.dsn, "SELECT level, severity FROM alert") == [("STALE_INFO", "INFO")], "INFO")
    due = collected + timedelta(days=92)
    assert datetime.now(UTC) < due, "too slow a start: nothing would be shown by what follows"
    assert ask(system.dsn, "SELECT due_at FROM timer WHERE fired_at IS NULL") == [(due,)]
    assert box.received() == []
    taken = one(system.dsn, "SELECT count(*) FROM source_message")
    while datetime.now(UTC) < due - timedelta(seconds=3):
        time.sleep(0.1)
    system.wait_restarted("clock", system.kill("clock"))
    system.wait_for(lambda: len(box.received()) > 0, "the page", 60)
    time.sleep(4)  # long enough for a second page, should the clock fire twice
    (told,) = [json.loads(item.raw)["data"] for item in box.received()]
    assert (told["rule"], told["level"], told["severity"], told["change"]) == (
        "STALE",
        "STALE_OVERDUE",
        "MEDIUM",
        "regraded",
    )
    assert "no result for 92 d (planned every 61 d)" in told["summary"]["en"]
    assert ask(system.dsn, "SELECT version, regraded_at FROM alert") == [(2, due)]
    assert one(system.dsn, "SELECT count(*) FROM source_message") == taken, "no message came"
    assert ask(system.dsn, "SELECT due_at FROM timer WHERE fired_at IS NULL") == [(collected + timedelta(days=122),)]
    assert one(system.dsn, "SELECT count(*) FROM outbox WHERE topic = 'alerts.v1'") == 2
