"""What commands say in their common mishaps: no more than is true, and nothing that only a program reads."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import click
import pytest

from services.cli import import_
from services.cli.importing.pieces import Piece
from services.cli.importing.running import Import
from services.cli.saying import counted
from services.reading.formats import UnreadableFile
from services.shared.mllp_client import acknowledgements

MESSAGE = (
    "MSH|^~\\&|LIS|LAB1|HALO|HOSP|20260301090000+0000||ORU^R01|{0}|P|2.5.1\r"
    "PID|1||{0}^^^MADEUP^MR||Made-up^One\r"
    "OBR|1||F{0}|1^x^L|||20260301080000+0000\r"
    "OBX|1|NM|2823-3^Potassium^LN||4.1|mmol/L|||||F|||20260301080000+0000\r"
)


def test_the_text_of_an_acknowledgement_is_read_with_its_escapes_undone() -> None:
    begin = b"MSH|^~\\&|HALO|HOSP|LIS|LAB|20260301090600+0000||ACK|1|P|2.5\r"
    (given,) = acknowledgements(begin + b"MSA|AR|7|PID-3 \\F\\ is empty, \\T\\ \\S\\ \\E\\ too\r")
    assert (given.control_id, given.text) == ("7", "PID-3 | is empty, & ^ \\ too")
    (given,) = acknowledgements(begin + b"MSA|AR|7\rERR||PID^1^3|101|E||||PID-3 \\F\\ is empty\r")
    assert given.text == "PID-3 | is empty"
    (other,) = acknowledgements(b"MSH#^~!&#HALO#HOSP\rMSA#AR#7#a !F! b\r")
    assert other.text == "a # b"


def test_evaluate_ends_quietly_when_nobody_reads_on(tmp_path: Path) -> None:
    file = tmp_path / "many.hl7"
    file.write_text("".join(MESSAGE.format(number) for number in range(20)))
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "services.cli.app", "evaluate", str(file)], stdout=writing, stderr=subprocess.PIPE,
            timeout=60, check=False,
        )  # fmt: skip
    finally:
        os.close(writing)
    assert (ended.returncode, ended.stderr.decode()) == (141, "")


@pytest.mark.parametrize(("sent", "said"), [(0, False), (1, True)])
def test_an_import_says_that_something_is_stored_only_when_something_was_sent(sent: int, said: bool) -> None:
    one = Import(*cast("tuple[Any, Any, Any]", (None, SimpleNamespace(ends={}), None)), print)
    one.sent = sent

    def broken() -> Iterator[Piece]:
        raise UnreadableFile("x.csv: line 1: no column `patient`")
        yield

    with pytest.raises((UnreadableFile, click.ClickException)) as ended:
        asyncio.run(import_.bring(broken(), one, lambda *_: None))
    assert "no column" in str(ended.value)
    assert ("What was sent before is stored; run it again" in str(ended.value)) is said


def test_one_patient_is_one_patient() -> None:
    assert [counted(number, "patient") for number in (0, 1, 2)] == ["0 patients", "1 patient", "2 patients"]
