"""A command is a file: it is found by its name, and a file without one is no command."""

from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from services.cli import app, checks
from services.cli.saying import Sayer
from services.ledger import site_in_force
from services.ledger.opening import load_site
from services.shared.settings import Settings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(app, "FOLDER", tmp_path)
    return tmp_path


def test_dashes_for_underscores_and_helpers_are_left_out(folder: Path) -> None:
    (folder / "dead_letters.py").write_text("import click\n\n@click.command()\ndef command():\n    pass\n")
    (folder / "token.py").write_text("command = None\n")
    (folder / "helper.py").write_text("# command = of nothing\ndef commanding(): ...\n")
    assert app.halo.list_commands(click.Context(app.halo)) == ["dead-letters", "token"]


def test_the_commands_of_this_part_are_listed() -> None:
    assert {"up", "doctor", "migrate", "topics"} <= set(app.halo.list_commands(click.Context(app.halo)))


def test_an_unknown_command_is_named() -> None:
    result = CliRunner().invoke(app.halo, ["dance"])
    assert result.exit_code == 2
    assert "No such command 'dance'" in result.output


def test_a_server_that_is_away_is_a_sentence_not_a_traceback() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "services.cli.app", "migrate"],
        env={"HALO_DATABASE": "postgresql:///x?host=/nowhere", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 1
    assert "the database cannot be reached" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_pipe_gets_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    sayer = Sayer()
    with sayer.step("counting"):
        sayer.say("[one]", style="green")
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["counting ...", "[one]"]
    assert lines[2].startswith("counting: 0.")


def test_a_faulty_site_file_is_a_plain_message(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text('zone = "Europe/Lubiana"')
    monkeypatch.setattr(app, "halo", lambda: load_site(site))
    with pytest.raises(SystemExit, match=r"site\.toml, line 1: zone"):
        app.main()


def test_doctor_goes_on_with_a_faulty_site_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text("zone = [")
    monkeypatch.setattr(checks, "connect_blocking", lambda *_: nullcontext())
    monkeypatch.setattr(checks, "_value", lambda _, query: "abc" if query is site_in_force.VERSION else 0)
    (found,) = checks.check_site(Settings(site=site))
    assert (found.level, "is no site file, in force is abc" in found.text) == ("warn", True)
