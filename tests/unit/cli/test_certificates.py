"""`halo doctor` on certificates: 30 days before the end it warns, 7 days before it fails."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.cli.certificates import look
from services.shared.certificates import not_after
from tests.real.certificates import Authority


@pytest.mark.parametrize(
    ("left", "level", "text"),
    [
        (timedelta(days=31), "ok", "ends in 31 days"),
        (timedelta(days=29), "warn", "ends in 29 days"),
        (timedelta(days=6), "fail", "ends in 6 days"),
        (timedelta(seconds=-1), "fail", "has ended"),
    ],
)
def test_how_long_it_lasts_decides(tmp_path: Path, left: timedelta, level: str, text: str) -> None:
    path = Authority(tmp_path).issue("halo", "/CN=halo").certificate
    now = not_after(path) - left
    ((found, said, todo),) = look({"HALO_MLLP_TLS_CERTIFICATE": str(path)}, now)
    assert (found, text in said) == (level, True)
    assert bool(todo) == (level != "ok")


def test_a_file_that_is_none_fails_and_nothing_is_said_without_tls(tmp_path: Path) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    ((level, text, todo),) = look({"HALO_MLLP_TLS_CLIENT_CA": str(tmp_path / "none.crt")}, now)
    assert (level, todo) == ("fail", "correct HALO_MLLP_TLS_CLIENT_CA")
    assert text.startswith("mllp_client_ca: ")
    assert list(look({}, now)) == []
