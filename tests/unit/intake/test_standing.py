"""The site file in intake is read as every other process reads it."""

from __future__ import annotations

from pathlib import Path

from services.intake.standing import StandingSite
from services.ledger.opening import load_site
from services.ledger.operations import Technical

LISTED = '[[sender]]\nname = "lab1"\napplication = "LIS"\n'


def test_a_byte_order_mark_before_it_is_no_mistake(tmp_path: Path) -> None:
    file, told = tmp_path / "site.toml", list[Technical]()
    file.write_text(LISTED, "utf-8")
    standing = StandingSite(file, told.append)
    file.write_text(LISTED.replace("LIS", "OTHER"), "utf-8-sig")
    standing.read_again()
    assert (standing.current.version, told) == (load_site(file).version, [])
