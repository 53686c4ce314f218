"""The intake process as it is run: started by module, asked to end by SIGTERM, sent to by `halo send`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from services.cli.send import command
from services.shared.mllp_client import MllpClient, acknowledgements
from tests.conftest import Topics
from tests.real.servers import free_ports

MESSAGE = (
    "MSH|^~\\&|LIS|LAB|HALO|HOSP|20260301||ORU^R01|{id}|P|2.5.1\rPID|1||{patient}\r"
    "OBR|1||F1|BIO|||20260301\rOBX|1|NM|1^x^L||1|g/L|||||F\r"
)

pytestmark = [pytest.mark.real, pytest.mark.timeout(90)]


@contextmanager
def process(bootstrap: str) -> Iterator[tuple[subprocess.Popen[bytes], int, int]]:
    """The process with its MLLP and probe ports; ended with SIGTERM if it still runs."""
    mllp, probes = free_ports(2)
    names = {"HALO_KAFKA": bootstrap, "HALO_MLLP_PORT": str(mllp), "HALO_METRICS_PORT": str(probes)}
    running = subprocess.Popen([sys.executable, "-m", "services.intake.app"], env={**os.environ, **names})
    try:
        yield running, mllp, probes
    finally:
        running.terminate()
        assert running.wait(20) == 0


def probe(port: int, path: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def until_answered(port: int, path: str, status: int) -> bytes:
    """Ask until that status comes, 20 s at most."""
    deadline = time.monotonic() + 20
    while True:
        try:
            found, body = probe(port, path)
        except OSError:
            found, body = 0, b"nothing listens yet"
        if found == status:
            return body
        assert time.monotonic() < deadline, (found, body)
        time.sleep(0.1)


def test_it_serves_counts_and_ends_cleanly(topics: Topics, tmp_path: Path) -> None:
    with process(topics.bootstrap) as (running, mllp, probes):
        until_answered(probes, "/readyz", 200)
        assert probe(probes, "/livez")[0] == 200
        good = tmp_path / "good.hl7"
        good.write_text("".join(MESSAGE.format(id=f"C{n}", patient=n) for n in range(3)), newline="")
        sent = CliRunner().invoke(command, [str(good), "--port", str(mllp)])
        assert sent.output == "AA C0 (good.hl7)\nAA C1 (good.hl7)\nAA C2 (good.hl7)\n3 AA\n"
        assert sent.exit_code == 0
        bad = tmp_path / "bad.hl7"
        bad.write_text(MESSAGE.format(id="C9", patient=""), newline="")
        refused = CliRunner().invoke(command, [str(bad), "--port", str(mllp)])
        assert refused.output.startswith("AR C9 no patient id: PID-3 is empty")
        assert refused.exit_code == 1
        metrics = probe(probes, "/metrics")[1].decode()
        assert 'halo_hl7_messages_received_total{status="accepted",type="ORU^R01"} 3.0' in metrics
        assert 'halo_ingest_rejected_total{reason="no_patient_id"} 1.0' in metrics
        assert 'halo_mllp_ack_seconds_count{feed="default"} 4.0' in metrics
        with MllpClient(port=mllp) as client:
            assert acknowledgements(client.send(MESSAGE.format(id="C5", patient=5).encode()))[0].accepted
            running.send_signal(signal.SIGTERM)
            assert running.wait(20) == 0


def test_it_says_that_kafka_is_away_and_still_ends_cleanly() -> None:
    with process("127.0.0.1:1") as (_, _, probes):
        reasons = json.loads(until_answered(probes, "/readyz", 503))["reasons"]
        assert "kafka" in reasons


def test_a_port_that_is_taken_is_one_plain_line() -> None:
    with process("127.0.0.1:1") as (_, mllp, probes):
        until_answered(probes, "/livez", 200)
        names = {"HALO_KAFKA": "127.0.0.1:1", "HALO_MLLP_PORT": str(mllp)}
        second = subprocess.run(
            [sys.executable, "-m", "services.intake.app"],
            env={**os.environ, **names},
            capture_output=True,
            timeout=20,
            check=False,
        )
        assert second.returncode == 1
        assert second.stderr.decode().splitlines()[-1].startswith(f"intake: cannot listen on 127.0.0.1:{mllp}")
        assert b"Traceback" not in second.stderr


def test_sending_to_nobody_says_so(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    file = tmp_path / "x.hl7"
    file.write_text(MESSAGE.format(id="1", patient="1"))
    sent = CliRunner().invoke(command, [str(file), "--port", str(port), "--patience", "0"])
    assert sent.exit_code == 1
    assert f"no answer from 127.0.0.1:{port}" in sent.output
