"""A rule that is switched off is evaluated and shown as off, tells nobody, and comes on again by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec
import psycopg
import pytest

from schemas.patient_event import ContextEntry
from services.ledger.journal import SYSTEM
from tests.real import events
from tests.real.board import board, link, person
from tests.real.ledgers import ask, one
from tests.real.rules import REAL, Hospital, done, run

pytestmark = pytest.mark.real
BANNER = "RULE SWITCHED OFF until"


@pytest.fixture(autouse=True)
def named(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Approved rules, so that only the switch decides."""
    monkeypatch.setenv("HALO_DATABASE", database)
    monkeypatch.setenv("HALO_DATA_DIR", str(tmp_path))
    for login in ("novak", "kranjc"):
        person(database, login, "on_call")
    done("approve", "--by", "novak", "--confirm-all")


def soon(seconds: float = 3600) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def off(rule: str, *more: object, until: str = "") -> None:
    done("off", rule, "--until", until or soon(), "--reason", "calibration of the analyser", "--by", "novak", *more)


def reasons(database: str) -> list[tuple[object, object]]:
    query = """SELECT p.payload ->> 'notify', p.payload ->> 'reason' FROM alert_event_payload AS p
    JOIN alert_event AS e USING (chain, number) WHERE e.alert_id IS NOT NULL ORDER BY number"""
    return ask(database, query)  # type: ignore[return-value]


def test_its_alerts_are_stored_but_not_sent_and_the_others_are(database: str, tmp_path: Path) -> None:
    off("CA_HIGH", "--second", "kranjc")
    Hospital(database, tmp_path, REAL).take(events.report(1, {"ca": "13.9", "k": "7.0"}))
    sent = (
        "SELECT a.rule, (SELECT count(*) FROM delivery AS d WHERE d.alert_id = a.alert_id) FROM alert AS a ORDER BY 1"
    )
    assert ask(database, sent) == [("CA_HIGH", 0), ("K_HIGH", 1)]
    assert ("no", "rule_off") in reasons(database)
    assert one(database, "SELECT told_at FROM alert WHERE rule = 'CA_HIGH'") is None


def test_on_again_the_next_sample_tells(database: str, tmp_path: Path) -> None:
    hospital = Hospital(database, tmp_path, REAL)
    off("CA_HIGH", "--second", "kranjc")
    hospital.take(events.report(1, {"ca": "13.9"}))
    assert "1 open alerts of it were told to nobody" in done("on", "CA_HIGH", "--by", "kranjc")
    hospital.take(events.report(1, {"ca": "13.9"}, hours=1))
    assert reasons(database) == [("no", "rule_off"), ("yes", "first")]
    assert run("on", "CA_HIGH", "--by", "kranjc").exit_code == 1


def test_it_comes_on_by_itself(database: str, tmp_path: Path) -> None:
    hospital = Hospital(database, tmp_path, REAL)
    off("CA_HIGH", "--second", "kranjc", until=soon(1.5))
    hospital.take(events.report(1, {"ca": "13.9"}))
    assert _soon(lambda: "SWITCHED OFF" not in done())
    hospital.take(events.report(1, {"ca": "13.9"}, hours=1))
    assert reasons(database) == [("no", "rule_off"), ("yes", "first")]


@pytest.mark.parametrize("by", ["itself", "a person"])
def test_on_again_what_it_kept_back_is_told_once_without_a_sample(database: str, tmp_path: Path, by: str) -> None:
    """Off for the night, a calcium that begins in it, no further sample: the clock tells it in the morning."""
    hospital = Hospital(database, tmp_path, REAL)
    off("CA_HIGH", "--second", "kranjc", until=soon(3) if by == "itself" else "")
    hospital.take(events.report(1, {"ca": "13.9"}))
    assert hospital.catch_up() == 0, "it is off"
    if by == "a person":
        done("on", "CA_HIGH", "--by", "kranjc")
    assert _soon(lambda: "SWITCHED OFF" not in done())
    assert (hospital.catch_up(), hospital.catch_up()) == (1, 0)
    assert reasons(database) == [("no", "rule_off"), ("yes", "first")]
    assert ask(database, "SELECT alert_version, change, reason FROM delivery") == [(2, "opened", "first")]
    hospital.take(events.report(1, {"ca": "13.9"}, hours=1))
    assert reasons(database)[2:] == [("no", "already_told")]
    assert hospital.log_faults(one(database, "SELECT patient_id FROM alert")) == []


def test_any_event_of_the_patient_tells_it_too(database: str, tmp_path: Path) -> None:
    hospital = Hospital(database, tmp_path, REAL)
    off("CA_HIGH", "--second", "kranjc")
    hospital.take(events.report(1, {"ca": "13.9"}))
    hospital.take(events.report(1, {"hb": "130"}, hours=1))
    assert reasons(database) == [("no", "rule_off")]
    done("on", "CA_HIGH", "--by", "kranjc")
    hospital.take(events.report(1, {"hb": "130"}, hours=2))
    assert reasons(database) == [("no", "rule_off"), ("yes", "first")]
    assert hospital.catch_up() == 0


def test_on_again_a_worse_value_is_told_and_what_ended_or_was_imported_is_not(database: str, tmp_path: Path) -> None:
    hospital = Hospital(database, tmp_path, REAL)
    hospital.take(events.report(1, {"ca": "11.3"}, order="a"), events.report(4, {"ca": "11.3"}, order="d"))
    off("CA_HIGH", "--second", "kranjc")
    hospital.take(
        events.report(1, {"ca": "13.9"}, order="b", hours=1),
        events.report(2, {"ca": "13.9"}, order="c"),
        msgspec.structs.replace(events.report(3, {"ca": "13.9"}, order="h"), purpose="history"),
        events.report(4, {"ca": "11.3"}, order="e", hours=1),
    )
    hospital.take(events.report(2, {"ca": "9.2"}, order="c", status="C", later=1))
    before = len(ask(database, "SELECT 1 FROM delivery"))
    done("on", "CA_HIGH", "--by", "kranjc")
    assert hospital.catch_up() == 1
    fresh = "SELECT p.sent_id LIKE '%%1', d.reason FROM delivery AS d JOIN patient AS p ON p.id = d.patient_id"
    assert ask(database, fresh + " ORDER BY d.created_at DESC, d.id LIMIT 1") == [(True, "higher_severity")]
    assert len(ask(database, "SELECT 1 FROM delivery")) == before + 1


def test_on_again_what_came_back_is_told_though_its_value_is_the_one_told_before(database: str, tmp_path: Path) -> None:
    """Told, withdrawn and told so, true again while the rule is off: people still believe it is over."""
    hospital = Hospital(database, tmp_path, REAL)
    hospital.take(events.report(1, {"ca": "13.9"}, order="a"))
    hospital.take(events.report(1, {"ca": "9.2"}, order="a", status="C", later=1))
    off("CA_HIGH", "--second", "kranjc")
    hospital.take(events.report(1, {"ca": "13.9"}, order="a", status="C", later=2))
    done("on", "CA_HIGH", "--by", "kranjc")
    assert (hospital.catch_up(), hospital.catch_up()) == (1, 0)
    assert reasons(database) == [("yes", "first"), ("yes", "retracted"), ("no", "rule_off"), ("yes", "kept_back")]


def test_of_somebody_not_watched_it_waits_on(database: str, tmp_path: Path) -> None:
    hospital = Hospital(database, tmp_path, REAL)
    off("CA_HIGH", "--second", "kranjc")
    hospital.take(events.report(1, {"ca": "13.9"}))
    hospital.take(events.context_change(1, ContextEntry(kind="enrolment", value="ended", from_="2026-01-01")))
    done("on", "CA_HIGH", "--by", "kranjc")
    assert (hospital.catch_up(), hospital.catch_up()) == (1, 0)
    assert ask(database, "SELECT withheld FROM alert") == [("not_enrolled",)]
    assert ask(database, "SELECT 1 FROM delivery") == []


def test_whoever_was_told_hears_of_a_withdrawal(database: str, tmp_path: Path) -> None:
    """An old value that was wrong is not kept from those who act on it."""
    hospital = Hospital(database, tmp_path, REAL)
    hospital.take(events.report(1, {"ca": "13.9"}, order="a"))
    off("CA_HIGH", "--second", "kranjc")
    hospital.take(events.report(1, {"ca": "9.2"}, order="a", status="C", later=1))
    assert reasons(database) == [("yes", "first"), ("yes", "retracted")]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("CA_HIGH",), "can say CRITICAL: name a second person"),
        (("CA_HIGH", "--second", "novak"), "two are needed"),
        (("CA_HIGH", "--second", "somebody"), "not the login of an account"),
    ],
)
def test_a_critical_rule_needs_two_different_accounts(database: str, arguments: tuple[str, ...], said: str) -> None:
    refused = run("off", *arguments, "--until", soon(), "--reason", "r", "--by", "novak")
    assert refused.exit_code == 1
    assert said in refused.output
    assert ask(database, "SELECT 1 FROM rule_switch") == []


def test_another_rule_needs_one(database: str) -> None:
    off("REN_RISE")
    assert ask(database, "SELECT rule, who, second FROM rule_switch") == [("REN_RISE", "novak", "")]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--until", "2026-01-01T10:00", "--reason", "r"), "says no zone"),
        (("--until", "2020-01-01T10:00Z", "--reason", "r"), "is over already"),
        (("--until", "tomorrow", "--reason", "r"), "is no time such as"),
        (("--until", "2999-01-01T10:00Z", "--reason", " "), "say why"),
        (("--reason", "r"), "Missing option '--until'"),
    ],
)
def test_it_has_an_end_and_a_reason(database: str, more: tuple[str, ...], said: str) -> None:
    refused = run("off", "REN_RISE", "--by", "novak", *more)
    assert refused.exit_code == 2
    assert said in refused.output
    assert ask(database, "SELECT 1 FROM rule_switch") == []


def test_both_people_stand_in_the_audit_and_in_the_sealed_log(database: str, tmp_path: Path) -> None:
    off("CA_HIGH", "--second", "kranjc")
    audited = (
        "SELECT who, detail LIKE 'CA_HIGH until % calibration of the analyser' FROM audit WHERE action = 'rule_off'"
    )
    assert ask(database, audited) == [("novak", True), ("kranjc", True)]
    entries = ask(database, "SELECT kind, actor FROM alert_event WHERE chain = %s ORDER BY number", SYSTEM)
    assert entries[-1] == ("rule_off", "Novak (novak) and Kranjc (kranjc)")
    assert Hospital(database, tmp_path, "").log_faults() == []
    with pytest.raises(psycopg.errors.RestrictViolation):
        ask(database, "DELETE FROM rule_switch")


def test_every_page_says_so_and_the_alert_is_shown_as_off(database: str, tmp_path: Path) -> None:
    Hospital(database, tmp_path, REAL).take(events.report(1, {"ca": "13.9"}))
    with board(database, tmp_path) as process, httpx.Client(base_url=process.url, follow_redirects=True) as client:
        client.post("/enter", data={"once": link(database, process.url, "novak").partition("#once=")[2]})
        alert = one(database, "SELECT alert_id FROM alert")
        pages = [f"{path}?lang=en" for path in ("/", "/alerts", "/patients", f"/alerts/{alert}")]
        assert [page for page in pages if BANNER in client.get(page).text] == []
        off("CA_HIGH", "--second", "kranjc")
        assert _soon(lambda: BANNER in client.get("/?lang=en").text)
        assert [page for page in pages if BANNER not in client.get(page).text] == []
        assert [page for page in pages[1::2] if "rule off" not in client.get(page).text] == []
        assert "PRAVILO IZKLOPLJENO do" in client.get("/?lang=sl").text
        done("on", "CA_HIGH", "--by", "novak")
        assert _soon(lambda: BANNER not in client.get("/?lang=en").text)


def _soon(holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.1)
    return False
