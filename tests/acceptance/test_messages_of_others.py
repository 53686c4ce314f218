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

from schemas.codec import decode_event
from schemas.patient_event import Event, LabReport
from services.mapping.report import map_report
from services.mapping.site import DEFAULT_SITE
from services.reading.batches import split
from services.shared.mllp_client import MllpClient, acknowledgements
from tests.real.hospital import hospital
from tests.real.ledgers import ask
from tests.real.sending import send_all
from tests.real.system import ROOT, System, system

pytestmark = pytest.mark.timeout(200)
SAMPLES = ROOT.parent / "shared" / "data" / "hl7v2"
SENDER = "LIS|MADEUPLAB"


_ACCOUNTS = """
SELECT s.message_id, s.raw, s.event, s.results, s.stored, s.duplicate, s.quarantined, s.ignored,
    (SELECT count(*) FROM result r WHERE r.event_id = s.event_id),
    (SELECT count(*) FROM result r WHERE r.event_id = s.event_id
     AND convert_from(r.body, 'UTF8')::jsonb -> 'flags' ? 'derived'),
    (SELECT count(*) FROM quarantine q WHERE q.event_id = s.event_id)
FROM source_message s
"""


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
    """Accepted under its own control id; what is not understood waits with its reason; in = out, message by message."""
    sent = [message for file in samples() for message in split(file.read_bytes())]
    with MllpClient(port=int(running.addresses["mllp"].rpartition(":")[2])) as client:
        for message in sent:
            (answer,) = acknowledgements(client.deliver(message))
            assert answer.code in {"AA", "CA"}, answer
            assert answer.control_id == message.split(b"\r")[0].split(b"|")[9].decode(), answer
    count = "SELECT (SELECT count(*) FROM source_message) + (SELECT count(*) FROM refused)"
    running.wait_for(lambda: ask(running.dsn, count)[0][0] >= len(set(sent)), "all messages to be stored", 30)
    kept = {raw for (raw,) in ask(running.dsn, "SELECT raw FROM source_message UNION SELECT raw FROM refused")}
    assert kept == set(sent)
    assert not ask(running.dsn, "SELECT * FROM dead_letter")
    assert not ask(running.dsn, "SELECT * FROM refused WHERE reason = ''")
    assert not ask(running.dsn, "SELECT * FROM quarantine WHERE reason = ''")
    assert _accounts_that_do_not_add_up(running.dsn) == []


def test_a_known_laboratory_is_accounted_for(running: System) -> None:
    """The same account where Halo knows the codes: results stored, and others sent twice under a new control id."""
    made_up = hospital(13, 80, 6)
    assert made_up.resent
    answers = send_all(made_up.messages, int(running.addresses["mllp"].rpartition(":")[2]), connections=1)
    assert answers == {"AA": len(made_up.messages)}
    sent = "SELECT count(*) FROM source_message WHERE sender = %s"
    running.wait_for(lambda: ask(running.dsn, sent, SENDER)[0][0] == made_up.distinct, "all to be stored", 30)
    assert _accounts_that_do_not_add_up(running.dsn) == []
    sums = ask(running.dsn, "SELECT sum(stored), sum(duplicate) FROM source_message WHERE sender = %s", SENDER)
    assert sums == [(len(made_up.ledger), 8 * made_up.resent)]


def _accounts_that_do_not_add_up(dsn: str) -> list[str]:
    """Per message, counted anew: OBX segments sent, rows of `result` and of `quarantine`, ids that the mapping gives.

    The ledger's own column `duplicate` is what is left over, so that its sum alone would prove nothing.
    """
    there = {result_id for (result_id,) in ask(dsn, "SELECT result_id::text FROM result")}
    return [
        f"{message_id}: {name} {says} is {counted}"
        for message_id, raw, event, *columns in ask(dsn, _ACCOUNTS)
        for name, says, counted in _compared(raw, decode_event(event), columns, there)
        if says != counted
    ]


def _compared(raw: bytes, event: Event, columns: list[int], there: set[str]) -> list[tuple[str, int, int]]:
    """Name, what the ledger says, what is counted here."""
    results, stored, duplicate, quarantined, ignored, rows, derived, held = columns
    assert isinstance(event, LabReport)
    mapped = map_report(event, DEFAULT_SITE)
    observations = sum(line.startswith(b"OBX|") for line in raw.replace(b"\n", b"\r").split(b"\r"))
    return [
        ("results", results, observations),
        ("results", results, stored + duplicate + quarantined + ignored),
        ("stored", stored, rows - derived),
        ("quarantined", quarantined, held),
        ("ignored", ignored, sum(item.reason in {"document", "ignored_code"} for item in mapped.ignored)),
        ("duplicate", duplicate, len(mapped.results) - mapped.derived - stored),
        ("in no table", 0, sum(result.result_id not in there for result in mapped.results)),
    ]


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
