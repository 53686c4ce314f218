"""A log line is one JSON object that names its event and its process, whoever writes it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

WRITER = """
import logging
from services.shared import log

log.configure("test")
log.logger.info("partition.assigned", count=3)
logging.getLogger("faust.app").warning("commit %s", "late")
logging.getLogger("aiokafka").info("a noise")
try:
    raise KeyError("x")
except KeyError:
    log.logger.exception("rule.raised", rule="CA_HIGH")
"""


def written() -> list[dict[str, Any]]:
    done = subprocess.run([sys.executable, "-c", WRITER], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == ""
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_every_line_is_json_and_names_its_event() -> None:
    own, foreign, raised = written()
    assert (own["event"], own["count"], own["process"], own["level"]) == ("partition.assigned", 3, "test", "info")
    assert own["timestamp"].endswith("Z")
    assert (foreign["event"], foreign["logger"], foreign["process"]) == ("commit late", "faust.app", "test")
    assert (raised["event"], raised["rule"], raised["level"]) == ("rule.raised", "CA_HIGH", "error")
    assert "KeyError: 'x'" in raised["exception"]
