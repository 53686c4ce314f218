"""Rules are a draft until a named clinician confirmed every line without a source; any change makes them one again.

Draft is training: test recipients only, and every text says NOT APPROVED FOR CLINICAL USE.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psycopg
import pytest

from alerts.thresholds import default_pack
from services.cli.rules_approval import lines
from services.ledger.journal import SYSTEM
from services.shared import rule_pack
from tests.real import events
from tests.real.board import bearer, board, person, token
from tests.real.ledgers import ask, one
from tests.real.rules import REAL, TEST, Hospital, done, run

pytestmark = pytest.mark.real
DRAFT = "NOT APPROVED FOR CLINICAL USE"


@pytest.fixture(autouse=True)
def named(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_DATABASE", database)
    monkeypatch.setenv("HALO_DATA_DIR", str(tmp_path))
    person(database, "novak", "on_call")
    person(database, "kiosk", "ward")


def approve() -> str:
    return done("approve", "--by", "novak", "--confirm-all")


def deliveries(database: str) -> list[tuple[object, ...]]:
    return ask(database, "SELECT alert_version, channel, reason FROM delivery ORDER BY 1, 2")


def decisions(database: str) -> list[dict[str, object]]:
    return [
        payload
        for (payload,) in ask(
            database,
            "SELECT p.payload FROM alert_event_payload AS p JOIN alert_event AS e USING (chain, number)"
            " WHERE e.alert_id IS NOT NULL ORDER BY number",
        )
    ]


# ---------------------------------------------------------------- approving


def test_approved_by_name_until_anything_changes(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = done()
    assert DRAFT in before
    assert "not approved by anybody" in before
    said = approve()
    assert [line for line in lines(default_pack()) if f"[x] {line}" not in said] == []
    after = done()
    assert "approved by Novak on 20" in after
    assert DRAFT not in after
    assert {row["standing"] for row in map(json.loads, done("--json").splitlines())} == {"approved"}
    assert one(database, "SELECT confirmed FROM rule_pack_approval") == lines(default_pack())
    assert one(database, "SELECT content FROM rule_pack") == rule_pack.shipped()
    monkeypatch.setattr(rule_pack, "_rules_and_words", lambda: "a rule or a word is another")
    assert DRAFT in done()


def test_an_approval_stands_in_the_audit_and_in_the_sealed_log(database: str, tmp_path: Path) -> None:
    approve()
    ((who, detail),) = ask(database, "SELECT who, detail FROM audit WHERE action = 'rules_approved'")
    assert who == "novak"
    assert rule_pack.fingerprint(rule_pack.shipped()) in detail
    entries = ask(database, "SELECT kind, actor FROM alert_event WHERE chain = %s", SYSTEM)
    assert entries == [("rules_approved", "Novak (novak)")]
    assert Hospital(database, tmp_path, "").log_faults() == []


def test_line_by_line_and_one_no_approves_nothing(database: str) -> None:
    count = len(lines(default_pack()))
    refused = run("approve", "--by", "novak", typed="y\n" * (count - 1) + "n\n")
    assert refused.exit_code == 1
    assert f"1 of {count} lines are not confirmed" in refused.output
    assert ask(database, "SELECT 1 FROM rule_pack_approval UNION ALL SELECT 1 FROM audit") == []
    assert run("approve", "--by", "novak", typed="y\n" * count).exit_code == 0
    assert one(database, "SELECT login FROM rule_pack_approval") == "novak"


def test_a_checklist_counts_only_as_it_reads_now(database: str, tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    whole = done("checklist").replace("[ ]", "[x]")
    for wrong in (
        whole.replace("[x]", "[ ]", 1),
        whole.replace("clearing.BIO.samples >= 1", "clearing.BIO.samples >= 2"),
        "",
    ):
        assert wrong != whole
        file.write_text(wrong, "utf-8")
        refused = run("approve", "--by", "novak", "--confirmed", file)
        assert refused.exit_code == 1
        assert "not confirmed as they are now" in refused.output
    assert ask(database, "SELECT 1 FROM rule_pack_approval") == []
    file.write_text(whole, "utf-8")
    done("approve", "--by", "novak", "--confirmed", file)


@pytest.mark.parametrize(("login", "said"), [("nobody", "not the login of an account"), ("kiosk", "has the role ward")])
def test_only_a_named_clinician_approves(database: str, login: str, said: str) -> None:
    refused = run("approve", "--by", login, "--confirm-all")
    assert refused.exit_code == 1
    assert said in refused.output
    assert ask(database, "SELECT 1 FROM rule_pack_approval") == []


def test_an_approval_is_never_changed(database: str) -> None:
    approve()
    with pytest.raises(psycopg.errors.RestrictViolation):
        ask(database, "UPDATE rule_pack_approval SET name = 'Somebody Else'")


def test_the_fingerprint_covers_numbers_rules_and_words() -> None:
    names = {name for name, _ in rule_pack.files()}
    wanted = {"alerts/rules/ca_high.py", "alerts/wording/sl.po", "alerts/myeloma/ladder.py", "alerts/calcium_basis.py"}
    assert wanted - names == set()
    assert rule_pack.fingerprint("a") != rule_pack.fingerprint("b")


# ---------------------------------------------------------------- draft: test recipients only


def test_a_draft_is_told_to_test_recipients_only(database: str, tmp_path: Path) -> None:
    Hospital(database, tmp_path, REAL + TEST).take(events.report(1, {"ca": "13.9"}))
    assert deliveries(database) == [(1, "tester", "first")]
    assert one(database, "SELECT convert_from(body, 'UTF8')::jsonb ->> 'rule_pack_status' FROM delivery") == "draft"
    assert one(database, "SELECT convert_from(value, 'UTF8')::jsonb ->> 'rule_pack_status' FROM outbox") == "draft"
    (decided,) = decisions(database)
    assert (decided["notify"], decided["draft_pack"]) == ("yes", ["real on call"])
    assert one(database, "SELECT kind FROM operations_alert") == "draft_pack"


def test_without_a_test_recipient_a_draft_is_told_to_nobody_and_says_why(database: str, tmp_path: Path) -> None:
    Hospital(database, tmp_path, REAL).take(events.report(1, {"ca": "13.9"}))
    assert deliveries(database) == []
    (decided,) = decisions(database)
    assert (decided["notify"], decided["reason"]) == ("no", "draft_pack")
    assert one(database, "SELECT told_at FROM alert") is None
    assert one(database, "SELECT count FROM operations_alert WHERE kind = 'draft_pack'") == 1


def test_once_approved_everybody_hears_of_what_is_still_true(database: str, tmp_path: Path) -> None:
    """Told by a draft is not told: the next sample of an open alert reaches the real recipients, without a restart."""
    hospital = Hospital(database, tmp_path, REAL + TEST)
    hospital.take(events.report(1, {"ca": "13.9"}))
    assert "1 alerts are open" in approve()
    assert one(database, "SELECT closed_at IS NOT NULL FROM operations_alert WHERE kind = 'draft_pack'")
    hospital.take(events.report(1, {"ca": "13.9"}, hours=1))
    assert deliveries(database)[1:] == [(2, "real", "first"), (2, "tester", "first")]
    status = (
        "SELECT DISTINCT convert_from(body, 'UTF8')::jsonb ->> 'rule_pack_status' FROM delivery WHERE alert_version = 2"
    )
    assert ask(database, status) == [("approved",)]
    hospital.take(events.report(1, {"ca": "13.9"}, hours=2))
    assert len(deliveries(database)) == 3, "told once is told"
    assert decisions(database)[-1]["reason"] == "already_told"
    assert one(database, "SELECT rule_pack_status FROM alert") == "approved"


def test_once_approved_the_clock_tells_what_was_kept_back_and_is_urgent(database: str, tmp_path: Path) -> None:
    """HIGH and CRITICAL at once and once; what is less goes with the patient's next event."""
    hospital = Hospital(database, tmp_path, REAL)
    hospital.take(events.report(1, {"ca": "13.9"}), events.report(2, {"ca": "10.8"}))
    assert hospital.catch_up() == 0, "a draft"
    approve()
    assert (hospital.catch_up(), hospital.catch_up()) == (1, 0)
    told = "SELECT a.severity, d.change, d.reason FROM delivery AS d JOIN alert AS a USING (alert_id) ORDER BY d.created_at"
    assert ask(database, told) == [("CRITICAL", "opened", "first")]
    hospital.take(events.report(2, {"hb": "130"}, hours=1))
    assert ask(database, told)[1:] == [("MEDIUM", "opened", "first")]


def test_a_withdrawal_reaches_whom_the_draft_told(database: str, tmp_path: Path) -> None:
    hospital = Hospital(database, tmp_path, REAL + TEST)
    hospital.take(events.report(1, {"ca": "13.9"}, order="a"))
    approve()
    hospital.take(events.report(1, {"ca": "9.2"}, order="a", status="C", later=1))
    assert deliveries(database) == [(1, "tester", "first"), (2, "tester", "retracted")]


@pytest.mark.parametrize(
    ("values", "reason"),
    [(("13.9", "9.2"), "retracted"), (("13.9", "11.3"), "corrected_down")],
    ids=["withdrawn", "less severe"],
)
def test_whom_approved_rules_told_hears_of_a_correction_while_they_are_a_draft_again(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: tuple[str, str], reason: str
) -> None:
    """They act on the value that was wrong; new things they hear of once the rules are approved."""
    hospital = Hospital(database, tmp_path, REAL)
    approve()
    hospital.take(events.report(1, {"ca": values[0]}, order="a"))
    draft_again(monkeypatch)
    other = Hospital(database, tmp_path, REAL)
    other.offset = hospital.offset
    other.take(events.report(1, {"ca": values[1]}, order="a", status="C", later=1))
    other.take(events.report(2, {"ca": "13.9"}, order="b"))
    assert deliveries(database)[1:] == [(one(database, "SELECT max(alert_version) FROM delivery"), "real", reason)]
    assert {d["reason"] for d in decisions(database)} == {"first", reason, "draft_pack"}
    assert one(database, "SELECT bool_or(told_draft) FROM alert") is False
    statuses = "SELECT convert_from(body, 'UTF8')::jsonb ->> 'rule_pack_status' FROM delivery ORDER BY alert_version"
    assert [status for (status,) in ask(database, statuses)] == ["approved", "draft"]


def draft_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_pack, "_rules_and_words", lambda: "a rule or a word is another")


def test_pages_and_api_say_draft_until_approved_without_a_restart(database: str, tmp_path: Path) -> None:
    Hospital(database, tmp_path, TEST).take(events.report(1, {"ca": "13.9"}))
    with board(database, tmp_path) as process:
        headers = bearer(token(database, "api", "read"))

        def page() -> str:
            return httpx.get(f"{process.url}/login?lang=en").text

        assert DRAFT in page()
        assert "NI ODOBRENO ZA KLINIČNO UPORABO" in httpx.get(f"{process.url}/login?lang=sl").text
        (alert,) = httpx.get(f"{process.url}/api/v1/alerts", headers=headers).json()
        assert alert["rule_pack_status"] == "draft"
        approve()
        assert _soon(lambda: DRAFT not in page())


def _soon(holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.1)
    return False
