"""Another rule pack comes into force at a named time, after a preview; what only it changes is reviewed, never paged."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from services.cli.app import halo
from services.ledger.errors import PackUnusable
from services.ledger.journal import SYSTEM
from services.shared import database as databases
from services.shared import rule_pack
from tests.real import events
from tests.real.board import person
from tests.real.ledgers import ask, one
from tests.real.rules import TEST, Hospital, done, run

pytestmark = pytest.mark.real
VALUE = "2.55"
"""Made up: no alert by the pack that ships, one by the stricter pack below."""


@pytest.fixture(autouse=True)
def named(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_DATABASE", database)
    monkeypatch.setenv("HALO_DATA_DIR", str(tmp_path))
    person(database, "novak", "on_call")


@pytest.fixture
def hospital(database: str, tmp_path: Path) -> Hospital:
    return Hospital(database, tmp_path, TEST)


@pytest.fixture
def stricter(tmp_path: Path) -> Path:
    """The pack that ships with a lower limit of normal for calcium."""
    before, heading, after = rule_pack.shipped().partition("[ca_high]\n")
    made = before.replace('version = "2026.1"', 'version = "made-up.2"') + heading + after
    for name in ("uln", "clear"):
        assert f'\n{name} = {{ value = "2.60"' in f"\n{after}"
        made = made.replace(f'\n{name} = {{ value = "2.60"', f'\n{name} = {{ value = "2.50"', 1)
    file = tmp_path / "stricter.toml"
    file.write_text(made, "utf-8")
    return file


def catch_up(hospital: Hospital) -> int:
    """As the clock does it, until nobody is behind; how many persons."""

    async def bring() -> int:
        step, total = hospital.ledger.catch_up(), 0
        async with await databases.connect(hospital.settings.database, "test", autocommit=True) as conn:
            while count := await step(conn):
                total += count
        return total

    return asyncio.run(bring())


def alerts(database: str) -> list[tuple[object, ...]]:
    return ask(database, "SELECT rule, rule_pack, condition FROM alert ORDER BY created_at, rule")


def reasons(database: str) -> list[tuple[object, ...]]:
    query = """SELECT e.kind, p.payload ->> 'notify', p.payload ->> 'reason' FROM alert_event_payload AS p
    JOIN alert_event AS e USING (chain, number) WHERE e.alert_id IS NOT NULL ORDER BY number"""
    return ask(database, query)


def rebuild() -> str:
    return CliRunner().invoke(halo, ["rebuild"]).output


def test_the_preview_counts_and_what_only_the_pack_changes_is_reviewed(
    database: str, hospital: Hospital, stricter: Path
) -> None:
    hospital.take(events.report(1, {"ca_mmol": VALUE}), events.report(2, {"ca_mmol": "2.40"}))
    assert alerts(database) == []
    said = done("activate", stricter, "--by", "novak", "--yes")
    assert "over 2 stored patients: 1 alerts would open, 0 change, 0 close" in said
    assert "open   CA_HIGH" in said
    assert alerts(database) == [], "a preview writes nothing"
    assert "0 differences" in rebuild()
    assert catch_up(hospital) == 2
    assert alerts(database) == [("CA_HIGH", "made-up.2", "active")]
    assert reasons(database) == [("opened", "no", "pack_change")]
    assert ask(database, "SELECT 1 FROM delivery") == []
    assert "0 differences" in rebuild()
    assert catch_up(hospital) == 0
    printed = CliRunner().invoke(halo, ["evaluate", "--stored"]).output
    assert {line["rule_pack"] for line in map(json.loads, printed.splitlines())} == {"made-up.2"}


def test_the_review_list_is_worked_off_by_name(database: str, hospital: Hospital, stricter: Path) -> None:
    hospital.take(events.report(1, {"ca_mmol": VALUE}))
    done("activate", stricter, "--by", "novak", "--yes")
    catch_up(hospital)
    code = one(database, "SELECT code FROM alert")
    listed = done("review")
    assert f"{code} opened CA_HIGH - -> " in listed
    assert "1 to be reviewed" in listed
    assert run("review", "--done", "ZZZZ", "--by", "novak").exit_code == 1
    assert run("review", "--done", code).exit_code == 2
    done("review", "--done", code, "--by", "novak")
    assert "0 to be reviewed" in done("review")
    assert one(database, "SELECT reviewed_by FROM pack_change") == "novak"
    assert ask(database, "SELECT who FROM audit WHERE action = 'pack_change_reviewed'") == [("novak",)]


def test_a_worker_takes_the_new_pack_at_its_time(database: str, hospital: Hospital, stricter: Path) -> None:
    """The same worker, with its cache: the old pack until then, the new one in the next transaction after."""
    start = datetime.now(UTC) + timedelta(seconds=6)
    done("activate", stricter, "--at", start.isoformat(), "--by", "novak", "--yes")
    hospital.take(events.report(1, {"ca_mmol": VALUE}))
    assert datetime.now(UTC) < start, "the machine was too slow for this test's six seconds"
    assert alerts(database) == []
    assert "from 20" in done()
    time.sleep(max(0.0, (start - datetime.now(UTC)).total_seconds()) + 0.1)
    hospital.take(events.report(2, {"ca_mmol": VALUE}))
    assert alerts(database) == [("CA_HIGH", "made-up.2", "active")]
    assert reasons(database) == [("opened", "yes", "first")], "a new sample under the new pack is told"
    assert "rule pack made-up.2" in done()[:60].replace("Rule", "rule")


def test_a_new_sample_is_told_after_the_change_that_was_not(database: str, hospital: Hospital, stricter: Path) -> None:
    """The event of a person who is behind: first the pack's change, silently, then what the sample itself says."""
    hospital.take(events.report(1, {"ca_mmol": VALUE}))
    done("activate", stricter, "--by", "novak", "--yes")
    hospital.take(events.report(1, {"ca_mmol": VALUE}, hours=1))
    assert reasons(database) == [("opened", "no", "pack_change"), ("updated", "yes", "first")]
    assert ask(database, "SELECT alert_version FROM delivery") == [(2,)]
    assert len(ask(database, "SELECT 1 FROM pack_change")) == 1


def test_an_alert_that_the_new_pack_takes_away_is_not_paged_either(
    database: str, hospital: Hospital, stricter: Path
) -> None:
    done("activate", stricter, "--by", "novak", "--yes")
    hospital.take(events.report(1, {"ca_mmol": VALUE}))
    sent = ask(database, "SELECT alert_version FROM delivery")
    said = done("activate", "--by", "novak", "--yes")
    assert "0 alerts would open, 0 change, 1 close" in said
    catch_up(hospital)
    assert alerts(database)[0][2] == "retracted"
    assert reasons(database)[-1] == ("retracted", "no", "pack_change")
    assert ask(database, "SELECT alert_version FROM delivery") == sent


def test_the_name_of_a_pack_alone_is_nothing_to_review(database: str, hospital: Hospital, tmp_path: Path) -> None:
    hospital.take(events.report(1, {"ca": "13.9"}))
    file = tmp_path / "renamed.toml"
    file.write_text(rule_pack.shipped().replace('version = "2026.1"', 'version = "renamed"'), "utf-8")
    assert "0 alerts would open, 0 change, 0 close" in done("activate", file, "--by", "novak", "--yes")
    assert catch_up(hospital) == 1
    assert alerts(database) == [("CA_HIGH", "renamed", "active")]
    assert ask(database, "SELECT 1 FROM pack_change") == []


def test_a_draft_does_not_silence_approved_rules(database: str, stricter: Path) -> None:
    done("approve", "--by", "novak", "--confirm-all")
    refused = run("activate", stricter, "--by", "novak", "--yes")
    assert refused.exit_code == 1
    assert "only test recipients would be told" in refused.output
    done("approve", "--by", "novak", "--confirm-all", "--rules", stricter)
    done("activate", stricter, "--by", "novak", "--yes")
    assert "approved by Novak" in done()
    assert run("activate", stricter, "--by", "novak", "--yes").exit_code == 1, "in force already"


def test_a_planned_activation_is_undone_by_another_for_the_same_time(database: str, stricter: Path) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert run("activate", "--at", later, "--by", "novak", "--yes").exit_code == 1, "it is in force then anyway"
    done("activate", stricter, "--at", later, "--by", "novak", "--yes")
    assert run("activate", stricter, "--at", later, "--by", "novak", "--yes").exit_code == 1
    done("activate", "--at", later, "--by", "novak", "--yes")
    planned = "SELECT version FROM active_version ORDER BY from_at DESC, id DESC"
    assert ask(database, planned) == [("2026.1",), ("made-up.2",)]


def test_no_means_no_and_the_past_is_refused(database: str, stricter: Path) -> None:
    assert run("activate", stricter, "--by", "novak", typed="n\n").exit_code == 1
    assert run("activate", stricter, "--by", "novak", "--at", "2020-01-01T00:00Z", "--yes").exit_code == 2
    assert run("activate", stricter, "--by", "nobody", "--yes").exit_code == 1
    assert ask(database, "SELECT 1 FROM active_version") == []


def test_an_activation_stands_in_the_audit_and_in_the_sealed_log(
    database: str, hospital: Hospital, stricter: Path
) -> None:
    done("activate", stricter, "--by", "novak", "--yes")
    ((who, detail),) = ask(database, "SELECT who, detail FROM audit WHERE action = 'rules_activated'")
    assert who == "novak"
    assert "preview: persons 0" in detail
    assert ask(database, "SELECT kind, actor FROM alert_event WHERE chain = %s", SYSTEM) == [
        ("rules_activated", "Novak (novak)")
    ]
    assert hospital.log_faults() == []
    with pytest.raises(psycopg.errors.RestrictViolation):
        ask(database, "UPDATE active_version SET from_at = now()")


def test_a_pack_that_cannot_be_run_ends_the_worker_before_anything_is_stored(database: str, hospital: Hospital) -> None:
    """Refusing is said and seen; judging by another pack than the one in force would be neither."""
    content = rule_pack.shipped().replace("per_albumin = ", "other = ")
    mark, digest = rule_pack.fingerprint(content), rule_pack.hash_of(content)
    ask(database, "INSERT INTO rule_pack (fingerprint, hash, version, content) VALUES (%s, %s, 'broken', %s)",
        mark, digest, content)  # fmt: skip
    ask(database, "INSERT INTO active_version (kind, version, hash, from_at, who)"
        " VALUES ('rule_pack', 'broken', %s, now(), 'somebody')", digest)  # fmt: skip
    with pytest.raises(PackUnusable, match=r"lacks what the rules read: calcium\.per_albumin"):
        hospital.take(events.report(1, {"ca": "13.9"}))
    assert ask(database, "SELECT 1 FROM source_message") == []
    told = ask(database, "SELECT severity, detail FROM operations_alert WHERE kind = 'pack_unusable'")
    assert told[0][0] == "CRITICAL"
    assert "all of them wait in Kafka" in told[0][1]
    done("activate", "--by", "novak", "--yes")
    hospital.take(events.report(1, {"ca": "13.9"}))
    assert alerts(database) == [("CA_HIGH", "2026.1", "active")]
    assert one(database, "SELECT closed_at IS NOT NULL FROM operations_alert WHERE kind = 'pack_unusable'")
