"""A command is a file: it is found by its name, and a file without one is no command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from services.cli import app
from services.cli.saying import Sayer


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
