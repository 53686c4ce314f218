"""`halo feed`: two people, after a look at what would have been sent; the list, and what was refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from schemas.patient_event import Event, Refused
from services.cli.app import halo
from services.ledger.opening import open_ledger
from tests.real import events
from tests.real.board import person
from tests.real.ledgers import ask, one, settings, stream

pytestmark = pytest.mark.real
SITE = '[[sender]]\nname = "lab"\napplication = "LIS"\nfacility = "LAB1"\n'


def run(*arguments: str) -> Result:
    return CliRunner().invoke(halo, ["feed", *arguments])


def take(database: str, folder: Path, *batch: Event) -> None:
    site = folder / "site.toml"
    site.write_text(SITE)

    async def store() -> None:
        ledger = open_ledger(settings(database, folder, site=site), stream())
        await ledger.store(events.records(*batch))
        await ledger.close()

    asyncio.run(store())


@pytest.fixture
def silent(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A feed with a CRITICAL and a HIGH finding, a held result and two refusals, one of an unlisted sender."""
    monkeypatch.setenv("HALO_DATABASE", database)
    monkeypatch.setenv("HALO_DATA_DIR", str(tmp_path))
    for login, role in (("novak", "on_call"), ("kranjc", "admin"), ("zupan", "ward")):
        person(database, login, role)
    bare = events.report(3, {"k": "4.0"}, hours=47)
    bare = msgspec.structs.replace(bare, results=(msgspec.structs.replace(bare.results[0], unit="furlong"),))
    refused = [
        Refused(event_id=event_id, source=source, reason="too_large", raw=b"x")
        for event_id, source in (
            ("11111111-1111-5111-8111-111111111111", events.source("a", events.NOW)),
            ("22222222-2222-5222-8222-222222222222",
             msgspec.structs.replace(events.source("b", events.NOW), sender="WHO|KNOWS")),
        )
    ]  # fmt: skip
    take(database, tmp_path, events.report(1, {"k": "6.8"}, hours=47), events.report(2, {"k": "6.2"}, hours=47), bare,
         *refused)  # fmt: skip
    return database


def test_two_people_a_preview_and_then_live(silent: str) -> None:
    assert "lab: SILENT" in run("list").output
    for second, why in (("novak", "one person"), ("zupan", "role ward"), ("nobody", "not the login")):
        refused = run("live", "lab", "--by", "novak", "--second", second, "--yes")
        assert refused.exit_code == 1
        assert why in refused.output
    assert one(silent, "SELECT state FROM feed") == "silent"
    asked = CliRunner().invoke(halo, ["feed", "live", "lab", "--by", "novak", "--second", "kranjc"], input="n\n")
    assert asked.exit_code == 1
    for text in ("2 pages would have gone out", "CRITICAL K_HIGH", "HIGH     K_HIGH", "Open now, told to nobody: 2",
                 "furlong"):  # fmt: skip
        assert text in asked.output
    assert one(silent, "SELECT state FROM feed") == "silent", "no was the answer"
    done = run("live", "lab", "--by", "novak", "--second", "kranjc", "--yes")
    assert done.exit_code == 0, done.output
    assert "2 open alerts listed, 1 of them paged" in done.output
    assert ask(silent, "SELECT state, who, second FROM feed") == [("live", "novak", "kranjc")]
    assert ask(silent, "SELECT count(*) FROM audit WHERE action = 'feed_made_live'") == [(2,)]
    assert ask(silent, "SELECT kind FROM alert_event WHERE chain = 0") == [("feed_made_live",)]
    again = run("live", "lab", "--by", "novak", "--second", "kranjc", "--yes")
    assert (again.exit_code, "live already" in again.output) == (1, True)
    assert run("live", "nothing", "--by", "novak", "--second", "kranjc", "--yes").exit_code == 1
    assert run("silent", "lab", "--by", "novak", "--second", "kranjc").exit_code == 0
    listed = run("list").output
    for text in ("lab: SILENT", "day 3", "refused 1", "held or refused at arrival 50.0%"):
        assert text in listed
    refused = run("refused", "--days", "30")
    assert refused.output.splitlines() == [
        line for line in refused.output.splitlines() if "too_large" in line and "example" in line
    ]
    assert "WHO|KNOWS" in refused.output
