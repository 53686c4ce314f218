"""`halo send` without an answer says what to do next, by what happened."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from services.cli.send import command


@pytest.fixture
def closing() -> Iterator[int]:
    """A port that closes each connection without an answer, as one with TLS does to plain text."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_close_each, args=(server,), daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def test_a_connection_closed_without_an_answer_may_be_a_port_with_tls(closing: int, tmp_path: Path) -> None:
    file = tmp_path / "x.hl7"
    file.write_text("MSH|^~\\&|LIS|LAB1|||20260301||ORU^R01|1|P|2.5\r")
    sent = CliRunner().invoke(command, [str(file), "--port", str(closing), "--patience", "0"])
    assert sent.exit_code == 1
    assert "a port with TLS needs --tls" in sent.output


def _close_each(server: socket.socket) -> None:
    while True:
        try:
            server.accept()[0].close()
        except OSError:  # the test is over
            return
