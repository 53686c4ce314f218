"""PostgreSQL's user gets at programs and data without anybody's private folder being opened up."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from infra.embedded import reach
from infra.embedded.child import ME, User
from infra.embedded.postgres import installed

SOMEBODY = User(uid=os.getuid(), gid=os.getgid(), name="somebody")


@pytest.fixture
def system_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(reach, "SYSTEM_CACHE", tmp_path / "cache")
    monkeypatch.setattr(reach, "SYSTEM_DATA", tmp_path / "data")
    return tmp_path / "cache"


def private(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "can_enter", lambda _folder, _user: False)


def test_copied_programs_run(system_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy is complete: each program finds its libraries."""
    private(monkeypatch)
    programs = reach.programs_for(SOMEBODY, installed(), "1")
    assert programs.is_relative_to(system_cache)
    for program in ("initdb", "postgres"):
        done = subprocess.run(
            [programs / "bin" / program, "--version"], env={}, capture_output=True, text=True, check=True, timeout=30
        )
        assert "(PostgreSQL) 18" in done.stdout
    assert reach.programs_for(SOMEBODY, installed(), "1") == programs


def test_reachable_programs_are_not_copied(system_cache: Path) -> None:
    assert reach.programs_for(ME, installed(), "1") == installed()
    assert not system_cache.exists()


@pytest.mark.usefixtures("system_cache")
def test_data_stay_in_their_folder_where_they_can(tmp_path: Path) -> None:
    place = reach.data_for(ME, tmp_path)
    assert place == tmp_path / "postgres"
    assert place.stat().st_mode & 0o777 == 0o700


@pytest.mark.usefixtures("system_cache")
def test_data_of_a_private_folder_are_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They lie elsewhere, it is said where, and the next start finds them, though the folder may be open by then."""
    with monkeypatch.context() as closed:
        private(closed)
        place = reach.data_for(SOMEBODY, tmp_path)
    assert place.parent == tmp_path / "data"
    assert str(place) in capsys.readouterr().err
    assert reach.data_for(SOMEBODY, tmp_path) == place
