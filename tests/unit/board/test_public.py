"""A public screen never gives away who it is or what the disease is, whatever the data hold (agreed behaviour 6)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.rules import RULES
from alerts.severity import Severity
from services.board import cards
from services.board.records import AlertRow, Dot, PatientRow, Trend
from services.board.rendering import render
from services.board.rules_now import shipped
from services.board.words import Words

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = "Zaupnorek"
DISEASE = (
    "elapse",
    "onovitev",
    "yeloma",
    "lazmocitom",
    "M-protein",
    "iperviskoz",
    "yperviscos",
    "IMWG",
    "ight chain",
    "ahkih verig",
    "umour",
    "umorsk",
)


def patient(given: str = SECRET) -> PatientRow:
    return PatientRow(
        id=1, public_id="p1", family=f"Q{SECRET}", given=f"W{given}", birth_date="1950-02-03", sex="F", ward="H2", bed="7",
        place_at=NOW, series_version=1, incomplete={"BIO": SECRET},
    )  # fmt: skip


def alert(rule: str, family: str, analyte: str, severity: Severity = Severity.HIGH) -> AlertRow:
    return AlertRow(
        alert_id=uuid4(), patient_id=1, public_id="p1", version=1, family=family, rule=rule, level=rule, severity=severity,
        condition="active", response="unacknowledged", flags=[SECRET], opened_at=NOW, regraded_at=NOW, cleared_at=None,
        sampled_at=NOW, analyte=analyte, value=Decimal("31.4"), unit="g/L", summary={"en": SECRET, "sl": SECRET},
        rule_pack="t", rule_pack_status="draft", late=False, superseded_by=None, code="K7F3", acknowledged_by=None, acknowledged_at=None,
        acknowledged_version=None, acknowledgement_expires_at=None, changed_at=NOW,
    )  # fmt: skip


def trends(names: list[str]) -> dict[str, Trend]:
    return {
        n: Trend(analyte=n, unit="g/L", dots=(Dot(at=NOW - timedelta(hours=3), value=Decimal("27.7")),)) for n in names
    }


def shown(card: cards.Card, language: str) -> str:
    words = Words("sl" if language == "sl" else "en", ZoneInfo("Europe/Ljubljana"))
    return render("_card.html", {"t": words, "now": NOW, "card": card, "rules": shipped()})


rules = st.sampled_from(
    [(r.name, r.family) for r in RULES] + [("NEW_RULE", "renal_failure"), ("STALE_OVERDUE", "overdue_test")]
)
analytes = st.sampled_from(["ca", "creat", "hb", "mspike", "flck", "flc_ratio", "visc", "", "k"])


@settings(max_examples=150)
@given(
    st.lists(st.tuples(rules, analytes, st.sampled_from(Severity)), max_size=5),
    st.lists(analytes, max_size=6),
    st.sampled_from(["sl", "en"]),
)
def test_no_name_and_no_disease(
    raised: list[tuple[tuple[str, str], str, Severity]], measured: list[str], language: str
) -> None:
    alerts = [alert(rule, family, analyte, severity) for (rule, family), analyte, severity in raised]
    html = shown(cards.public(patient(), alerts, trends([name for name in measured if name])), language)
    for word in (SECRET, *DISEASE, "1950", "K7F3", "/alerts/", "/patients/"):
        assert word not in html
    assert "W.Q." in html


@pytest.mark.parametrize("rule", [r for r in RULES if r.name not in cards.PUBLIC_RULES], ids=lambda r: r.name)
def test_rules_that_are_not_listed_are_a_neutral_review(rule: object) -> None:
    line = cards.public(patient(), [alert(rule.name, rule.family, "creat")], {}).lines[0]  # type: ignore[attr-defined]
    assert (line.finding, line.rule, line.value, line.analyte, line.alert_id, line.summary) == (
        "review",
        "",
        None,
        "",
        "",
        {},
    )


def test_a_listed_rule_about_an_unlisted_analyte_is_a_review_too() -> None:
    assert cards.public(patient(), [alert("REN_AKI", "renal_failure", "flck")], {}).lines[0].finding == "review"


def test_the_named_card_does_name() -> None:
    html = shown(cards.named(patient(), [alert("BIO", "relapse", "mspike")], trends(["mspike"])), "en")
    assert SECRET in html
    assert "M-protein" in html


def test_worst_first_then_unanswered_then_bed() -> None:
    def card(bed: str, *severities: Severity) -> cards.Card:
        row = patient()
        made = cards.named(row, [alert("CA_HIGH", "hypercalcaemia", "ca", s) for s in severities], {})
        return cards.Card(**{f: getattr(made, f) for f in made.__struct_fields__} | {"bed": bed, "public_id": bed})

    made = [
        card("10"),
        card("2"),
        card("3", Severity.LOW),
        card("4", Severity.CRITICAL),
        card("1", Severity.INFO),
        card("5", Severity.LOW, Severity.HIGH),
    ]
    assert [c.bed for c in sorted(made, key=lambda c: c.order)] == ["4", "5", "3", "1", "2", "10"]
