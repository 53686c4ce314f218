"""A tube with somebody else's blood: critical at once, the rest waits for a repeat or a word, whoever dies meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from services.cli.inbox import Inbox
from services.shared.mllp_client import MllpClient, acknowledgements
from tests.real.board import bearer, person, token
from tests.real.paged import paged_system
from tests.real.system import System

pytestmark = pytest.mark.timeout(200)
CODES = {"hb": ("718-7", "g/L"), "creat": ("14682-9", "umol/L"), "k": ("2823-3", "mmol/L")}
NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=20)
WAIT = {"HB_HALO", "HB_DROP", "K_HIGH"}


@pytest.fixture
def running() -> Iterator[tuple[System, Inbox]]:
    with paged_system() as found:
        yield found


def _send(system: System, hours: float, **values: str) -> None:
    """A draw of a made-up patient, so many hours after the first."""
    taken = (NOW + timedelta(hours=hours)).strftime("%Y%m%d%H%M%S+0000")
    told = (NOW + timedelta(hours=hours + 1)).strftime("%Y%m%d%H%M%S+0000")
    lines = [f"OBX|{i}|NM|{CODES[name][0]}^{name}^LN||{value}|{CODES[name][1]}|||||F"
             for i, (name, value) in enumerate(values.items(), 1)]  # fmt: skip
    message = (
        f"MSH|^~\\&|LIS|MADEUP|HALO|HOSP|{told}||ORU^R01|M{hours}|P|2.5.1\r"
        "PID|1||SD1^^^MADEUP^MR||Izmišljena^Maja||19580517|F\r"
        f"OBR|1||O{hours}|PANEL|||{taken}{'|' * 15}{told}|||F\r" + "\r".join(lines) + "\r"
    )
    with MllpClient(port=int(system.addresses["mllp"].rpartition(":")[2])) as client:
        (answer,) = acknowledgements(client.deliver(message.encode()))
    assert answer.accepted, answer


def _told(box: Inbox) -> list[tuple[str, str, str]]:
    """Rule, change and reason of everything that reached the pager."""
    bodies: list[dict[str, Any]] = [json.loads(item.raw)["data"] for item in box.received()]
    return [(body["rule"], body["change"], body["reason"]) for body in bodies]


def _rows(system: System, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(system.dsn) as conn:
        return conn.execute(query.encode()).fetchall()


def test_what_waits_is_told_once_when_a_person_lets_it_go_even_if_the_clock_was_killed(
    running: tuple[System, Inbox],
) -> None:
    system, box = running
    _send(system, 0, hb="131", creat="95", k="4.1")
    _send(system, 12, hb="94", creat="45", k="6.2")
    system.wait_for(lambda: len(box.received()) >= 2, "the critical alert and the mismatch in the inbox", 20)
    assert sorted(_told(box)) == [("HB_ACUTE", "opened", "first"), ("SPECIMEN_MISMATCH", "opened", "first")]
    waiting = _rows(system, "SELECT rule FROM alert WHERE held_until IS NOT NULL AND rule <> 'SPECIMEN_MISMATCH'")
    assert {rule for (rule,) in waiting} == WAIT
    old = system.kill("clock")
    person(system.dsn, "vida", "on_call")
    write = bearer(token(system.dsn, "api", "write", login="vida", name="pager"))
    with httpx.Client(base_url=system.addresses["board"], headers=write) as api:
        mismatch = next(a for a in api.get("/api/v1/alerts").json() if a["rule"] == "SPECIMEN_MISMATCH")
        released = api.post(f"/api/v1/alerts/{mismatch['alert_id']}/release", json={"note": "no repeat possible"})
        assert released.status_code == 200, released.text
    system.wait_restarted("clock", old)
    system.wait_for(lambda: len(box.received()) >= 5, "what waited in the inbox", 40)
    _send(system, 13, creat="46")
    system.wait_for(lambda: _rows(system, "SELECT count(*) FROM source_message") == [(3,)], "the third message", 20)
    assert sorted(_told(box)[2:]) == sorted((rule, "opened", "hold_over") for rule in WAIT)
    assert _rows(system, "SELECT count(*) FROM timer WHERE kind = 'specimen_hold' AND fired_at IS NULL") == [(0,)]
