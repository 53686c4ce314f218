"""The first day: years of history over MLLP into a silent feed and from a file, while another laboratory is live.

Nobody is paged for the past, episodes are there, and what is live is told at once. A small hospital stands for a large one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from services.cli.inbox import Inbox
from services.shared.mllp_client import MllpClient, acknowledgements
from tests.real.paged import paged_system
from tests.real.system import ROOT, System

pytestmark = pytest.mark.timeout(250)
SITE = """
zone = "Europe/Ljubljana"
[[sender]]
name = "new laboratory"
application = "LIS"
facility = "NEW"
[[sender]]
name = "known laboratory"
application = "LIS"
facility = "KNOWN"
state = "live"
"""
YEARS = 10
HEADER = "authority;patient;laboratory;order;code;system;value;unit;status;collected_at;reported_at"
CODES = {"2000-8": ("3.41", "mmol/L"), "2823-3": ("6.9", "mmol/L"), "718-7": ("61", "g/L")}
"""Urgent every one."""


def visits(patient: str) -> Iterator[tuple[str, datetime]]:
    """Four a year, the last of them yesterday: old episodes, and one that holds."""
    now = datetime.now(UTC).replace(microsecond=0)
    yield from ((f"O{patient}-{n}", now - timedelta(days=1 + 91 * n)) for n in reversed(range(4 * YEARS)))


def message(facility: str, patient: str, order: str, at: datetime, values: dict[str, tuple[str, str]]) -> bytes:
    stamp = f"{at:%Y%m%d%H%M%S}+0000"
    lines = [
        f"OBX|{i}|NM|{code}^^LN||{value}|{unit}|||||F" for i, (code, (value, unit)) in enumerate(values.items(), 1)
    ]
    segments = [
        f"MSH|^~\\&|LIS|{facility}|HALO|HOSP|{stamp}||ORU^R01|{order}|P|2.5.1",
        f"PID|1||{patient}^^^HOSP^MR||Made-up^{patient}||19550101|F",
        f"OBR|1||{order}|PANEL|||{stamp}{'|' * 15}{stamp}|||F", *lines,
    ]  # fmt: skip
    return "".join(segment + "\r" for segment in segments).encode()


def row(patient: str, order: str, at: datetime, code: str) -> str:
    value, unit = CODES[code]
    return f"HOSP;{patient};NEW;{order};{code};LN;{value};{unit};F;{at.isoformat()};{at.isoformat()}"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[System, Inbox]]:
    site = tmp_path / "site.toml"
    site.write_text(SITE)
    with paged_system(HALO_SITE=str(site)) as found:
        yield found


def rows(system: System, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(system.dsn) as conn:
        return conn.execute(query.encode()).fetchall()


def test_nobody_is_paged_for_the_past_and_what_is_live_is_told(running: tuple[System, Inbox], tmp_path: Path) -> None:
    system, box = running
    file = tmp_path / "history.csv"
    lines = [row(f"F{n}", order, at, code) for n in range(12) for order, at in visits(f"F{n}") for code in CODES]
    file.write_text("\n".join([HEADER, *lines]) + "\n", "utf-8")
    command = [sys.executable, "-m", "services.cli.app", "import", str(file), "--data-dir", str(system.folder)]
    ours = {name: value for name, value in os.environ.items() if not name.startswith("HALO_") or name == "HALO_CACHE"}
    sent = 0
    with (
        subprocess.Popen(
            command, cwd=ROOT, env=ours, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as imports,
        MllpClient(port=int(system.addresses["mllp"].rpartition(":")[2]), patience=60) as client,
    ):
        for n in range(6):
            for order, at in visits(f"M{n}"):
                (answer,) = acknowledgements(client.deliver(message("NEW", f"M{n}", order, at, CODES)))
                assert answer.accepted, answer
                sent += 1
            if n == 1:
                now = datetime.now(UTC)
                client.deliver(message("KNOWN", "LIVE", "O-LIVE", now, {"2823-3": ("7.2", "mmol/L")}))
                sent += 1
        output, _ = imports.communicate(timeout=120)
    assert imports.returncode == 0, output
    assert f"results: {len(lines)} in = {len(lines)} stored" in output
    query = "SELECT count(*) FROM source_message WHERE purpose = 'live'"
    system.wait_for(lambda: rows(system, query)[0][0] == sent, "everything to be stored", 60)
    system.wait_for(lambda: bool(box.received()), "the page of what is live", 30)

    told = {json.loads(item.raw)["data"]["rule"] for item in box.received()}
    assert told == {"K_HIGH"}
    query = "SELECT DISTINCT p.sent_id FROM delivery AS d JOIN patient AS p ON p.id = d.patient_id"
    assert rows(system, query) == [("HOSP|LIVE",)]
    open_now = dict(rows(system, "SELECT rule, count(*) FROM alert WHERE condition = 'active' GROUP BY 1"))
    assert open_now["CA_HIGH"] == 18
    assert open_now["K_HIGH"] == 19
