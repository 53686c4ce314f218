"""`halo quarantine` and `halo dead-letters` on a stored morning: groups first, decisions in a steward's name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from services.cli.app import halo
from tests.real import bench, events
from tests.real.board import person
from tests.real.ledgers import ask, ledger, one

Run = Callable[..., Result]
KREA = ("--reason", "local_code_needed", "--laboratory", "LAB1", "--code", "KREA", "--unit", "umol/L")


@pytest.fixture
def run(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    asyncio.run(bench.fill(database, tmp_path))
    for login, role in (("vida", "steward"), ("oncall", "on_call")):
        person(database, login, role)
    monkeypatch.setenv("HALO_DATABASE", database)
    monkeypatch.setenv("HALO_DATA_DIR", str(tmp_path))
    return lambda *arguments: CliRunner().invoke(halo, list(arguments))


def test_groups_first_then_each_then_one(run: Run, database: str) -> None:
    """An unknown code is one line with its count; what looks urgent stands first; a reading is written down."""
    lines = run("quarantine", "list").output.splitlines()
    assert len(lines) == 5
    assert "unit_missing" in lines[0]
    assert lines[0].endswith("LOOKS CRITICAL")
    assert any(line.split()[0] == "5" and 'code="KREA"' in line for line in lines)
    each = run("quarantine", "list", "--items", *KREA).output.splitlines()
    assert len(each) == 5
    shown = run("quarantine", "show", each[0].split()[0]).output
    assert "no coding is known" in shown
    assert "alike      4" in shown
    assert ask(database, "SELECT count(*) FROM audit WHERE who = 'cli' AND patient_id IS NOT NULL") == [(6,)]
    assert run("quarantine", "show", "00000000-0000-0000-0000-000000000000").exit_code == 1


def test_whose_it_is_shows_what_differs_and_what_to_do(run: Run, database: str, tmp_path: Path) -> None:
    """Both sides of each word that contradicts, and no other; the advice is the page's."""
    first = events.report(91, {"ca": "9.0"})
    person_ = msgspec.structs.replace(first.patient, family="Otherwise", sex="M")
    other = msgspec.structs.replace(events.report(91, {"ca": "9.4"}, hours=1), patient=person_)

    async def store() -> None:
        start = one(database, "SELECT coalesce(max(next_offset), 0) FROM consumer_offset")
        own = ledger(database, tmp_path)
        await own.store(events.records(first, other, start=start))
        await own.close()

    asyncio.run(store())
    (item,) = run("quarantine", "list", "--items", "--reason", "identity_conflict").output.splitlines()
    shown = run("quarantine", "show", item.split()[0]).output
    assert f"differs    family name: record {first.patient.family}, message Otherwise" in shown
    assert f"differs    sex: record {first.patient.sex}, message M" in shown
    assert "birth date: record" not in shown
    assert "what to do Find out whose it is, by telephone and never by likeness." in shown
    unit = run("quarantine", "list", "--items", "--reason", "unit_missing").output.split()[0]
    shown = run("quarantine", "show", unit).output
    assert "what to do Ask the laboratory for the unit; it is never guessed." in shown
    assert "differs" not in shown


def test_a_group_is_released_by_a_steward_only(run: Run, database: str) -> None:
    """Half a group's name would make it a larger one: refused, as is somebody with another role."""
    assert run("quarantine", "release", *KREA, "--by", "oncall").exit_code == 1
    assert run("quarantine", "release", *KREA[:4], "--by", "vida").exit_code == 2
    assert run("quarantine", "release", "--by", "vida").exit_code == 2
    assert one(database, "SELECT count(*) FROM quarantine_release") == 0
    done = run("quarantine", "release", *KREA, "--by", "vida", "--note", "mapped")
    assert (done.exit_code, done.output.split()[0]) == (0, "5")
    assert ask(database, "SELECT who, note, cardinality(items) FROM quarantine_release") == [("vida", "mapped", 5)]


def test_closing_and_ignoring_carry_a_reason(run: Run, database: str) -> None:
    """The decision to ignore prints as the entry that the site file lacks, and can be taken back."""
    item = run("quarantine", "list", "--items", "--reason", "ambiguous_number").output.split()[0]
    assert run("quarantine", "close", item, "--by", "vida").exit_code == 2
    assert run("quarantine", "close", item, "--by", "vida", "--note", "sent anew").exit_code == 0
    assert run("quarantine", "close", item, "--by", "vida", "--note", "again").exit_code == 1
    assert "ambiguous_number" in run("quarantine", "list", "--state", "closed").output
    covid = ("--laboratory", "LAB1", "--code", "COVID", "--by", "vida", "--note", "not ours")
    assert run("quarantine", "ignore", *covid).exit_code == 0
    assert '[[ignore]]\nlaboratory = "LAB1"\ncode = "COVID"' in run("quarantine", "ignored").output
    assert run("quarantine", "ignore", "--laboratory", "LAB1", "--code", "2000-8", *covid[4:]).exit_code == 1
    assert run("quarantine", "ignore", *covid, "--no-longer").exit_code == 0
    assert run("quarantine", "ignored").output == ""
    assert one(database, "SELECT count(*) FROM quarantine WHERE closed_at IS NULL") == 8


def test_a_dead_letter_is_closed_with_a_reason(run: Run, database: str) -> None:
    """It leaves the list; its bytes and the reason stay."""
    letter = run("dead-letters", "list").output.split()[0]
    assert run("dead-letters", "close", letter, "--by", "oncall", "--note", "x").exit_code == 1
    assert run("dead-letters", "close", letter, "--by", "vida", "--note", "a test of ours").exit_code == 0
    assert run("dead-letters", "list").output == ""
    assert "closed" in run("dead-letters", "list", "--all").output
    assert "state    closed vida a test of ours" in run("dead-letters", "show", letter).output
    assert run("dead-letters", "close", letter, "--by", "vida", "--note", "again").exit_code == 1
