"""Commands find the installation that runs here by its addresses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.cli.running import ADDRESSES, address_of
from services.cli.send import _place


def test_send_goes_where_the_installation_listens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HALO_DATA_DIR", str(tmp_path))
    assert (address_of("mllp"), _place(None, None)) == ("", ("127.0.0.1", 2575))
    (tmp_path / ADDRESSES).write_text(json.dumps({"mllp": "127.0.0.1:31004", "board": "http://127.0.0.1:31002"}))
    assert _place(None, None) == ("127.0.0.1", 31004)
    assert _place("127.0.0.2", 99) == ("127.0.0.2", 99)
    assert address_of("board") == "http://127.0.0.1:31002"
