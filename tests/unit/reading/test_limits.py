"""Messages that are cheap to send and dear to hold are refused; large real ones are not."""

from __future__ import annotations

import pytest

from services.reading.limits import PARTS, SEGMENTS, too_fine

HEAD = b"MSH|^~\\&|LIS|LAB|HALO|HOSP|20260301||ORU^R01|C1|P|2.5.1\r"


@pytest.mark.parametrize(
    "bomb",
    [
        b"OBX|\r" * SEGMENTS,
        b"\nOBX|" * SEGMENTS,
        b"PID|1||1~" + b"~" * PARTS,
        b"OBX|1|CE|" + b"^" * PARTS + b"\r",
        b"OBX|1" + b"|" * PARTS + b"\r",
        b"OBX|1|CE|" + b"&" * PARTS + b"\r",
    ],
)
def test_millions_of_pieces_are_refused(bomb: bytes) -> None:
    found = too_fine(HEAD + bomb)
    assert found is not None
    assert found.reason == "too_fine"


def test_by_the_delimiters_that_the_message_names() -> None:
    head = HEAD.replace(b"|", b"#").replace(b"^~\\&", b"$!*%")
    assert too_fine(head + b"PID#1##" + b"!" * PARTS) is not None
    assert too_fine(head + b"PID#1##" + b"~" * PARTS) is None


@pytest.mark.parametrize(
    "body",
    [
        b"OBX|1|ED|PDF||^application^pdf^Base64^" + b"JVBERi0x" * 1_000_000 + b"||||||F\r",
        b"OBX|1|ED|PDF||^application^pdf^Base64^" + (b"JVBERi0x" * 9 + b"\r\n") * 100_000 + b"||||||F\r",
        b"OBX|1|NM|1^x^L||1|g/L|||||F\r" * 5_000,
        b"OBX|1|TX|||" + b"A line of a long report.~" * 50_000 + b"||||||F\r",
        b"",
    ],
)
def test_documents_and_long_reports_are_not(body: bytes) -> None:
    assert too_fine(HEAD + body) is None
