"""Probes tell the truth: 503 with the reasons when something is wrong, also when the check itself fails."""

from __future__ import annotations

import json
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from services.cli.process import ask_ready
from services.shared.probes import Probes


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_readiness_follows_its_check() -> None:
    wrong: dict[str, str] = {}
    with Probes("127.0.0.1", 0, ready=lambda: wrong) as probes:
        assert get(probes.port, "/readyz")[0] == 200
        wrong["database"] = "connection refused"
        status, body = get(probes.port, "/readyz")
        assert status == 503
        assert json.loads(body) == {"status": "failing", "reasons": {"database": "connection refused"}}
        assert get(probes.port, "/livez")[0] == 200
        assert ask_ready(probes.port) == wrong


def test_a_check_that_raises_is_not_ready() -> None:
    def broken() -> dict[str, str]:
        raise ZeroDivisionError("no partitions")

    with Probes("127.0.0.1", 0, live=broken) as probes:
        status, body = get(probes.port, "/livez")
        assert status == 503
        assert "ZeroDivisionError: no partitions" in body


def test_metrics_are_served() -> None:
    with Probes("127.0.0.1", 0) as probes:
        status, body = get(probes.port, "/metrics")
        assert status == 200
        assert "# TYPE halo_build_info gauge" in body
        assert get(probes.port, "/secrets")[0] == 404


def test_a_stopped_server_frees_its_port() -> None:
    with Probes("127.0.0.1", 0) as probes:
        port = probes.port
    assert "does not answer yet" in ask_ready(port)["readyz"]
    with Probes("127.0.0.1", port) as again:
        assert again.port == port


@pytest.mark.parametrize("path", ["/readyz?full=1", "/livez?x"])
def test_a_query_is_ignored(path: str) -> None:
    with Probes("127.0.0.1", 0) as probes:
        assert get(probes.port, path)[0] == 200
