"""Messages written by others go the whole way: answered, stored or refused with a reason, and the counts add up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.reading.batches import split
from services.shared.mllp_client import MllpClient, acknowledgements
from tests.real.ledgers import ask
from tests.real.system import ROOT, System, system

pytestmark = pytest.mark.timeout(200)
SAMPLES = ROOT.parent / "shared" / "data" / "hl7v2"


def samples() -> list[Path]:
    """The files, none (said plainly) where they are absent: they are not part of the project."""
    if not SAMPLES.is_dir():
        warnings.warn(f"the sample messages are absent ({SAMPLES}): nothing to try", pytest.PytestWarning, stacklevel=2)
        return []
    return sorted(SAMPLES.iterdir())


@pytest.fixture(scope="module")
def running() -> Iterator[System]:
    with system() as made:
        yield made


def test_each_is_answered_and_accounted_for(running: System) -> None:
    """AA for every ORU; what is not understood waits in quarantine with its reason; in = out, message by message."""
    files = samples()
    sent = 0
    with MllpClient(port=int(running.addresses["mllp"].rpartition(":")[2])) as client:
        for file in files:
            for message in split(file.read_bytes()):
                (answer,) = acknowledgements(client.deliver(message))
                assert answer.code in {"AA", "CA"}, (file.name, answer)
                sent += 1
    count = "SELECT (SELECT count(*) FROM source_message) + (SELECT count(*) FROM refused)"
    running.wait_for(lambda: ask(running.dsn, count)[0][0] >= sent, "all messages to be stored", 30)
    rows = ask(running.dsn, "SELECT message_id, results, stored, duplicate, quarantined, ignored FROM source_message")
    for message_id, results, *parts in rows:
        assert results == sum(parts), (message_id, results, parts)
    assert not ask(running.dsn, "SELECT * FROM dead_letter")
    assert not ask(running.dsn, "SELECT * FROM quarantine WHERE reason = ''")


def test_evaluate_reads_them_all() -> None:
    """The same files without any server: a line a patient, exit 0, the same bytes twice."""
    files = samples()
    if not files:
        return
    command = [sys.executable, "-m", "services.cli.app", "evaluate", "--format", "hl7v2", *map(str, files)]
    ours = {name: value for name, value in os.environ.items() if not name.startswith("HALO_")}
    first, second = (
        subprocess.run(command, cwd=ROOT, env=ours, capture_output=True, text=True, check=True).stdout for _ in range(2)
    )
    assert first == second
    lines = [json.loads(line) for line in first.splitlines()]
    assert len({line["patient"] for line in lines}) == len(lines) > len(files) / 2
