"""Who is told of a change, and why not: realert.csv, corrections, late results, history."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from alerts.alert import AlertState
from alerts.condition import Node
from alerts.deciding import Decision, Told, decide
from alerts.logic import Truth
from alerts.rules import RULES
from alerts.severity import Severity
from alerts.thresholds import default_pack
from tests.builders import ORIGIN, vectors

ANALYTE = {"CA_HIGH": "ca_adj", "REN_AKI": "creat", "HB_HALO": "hb", "BIO": "mspike", "HV": "visc"}


def alert(**changed: Any) -> AlertState:
    plain = AlertState(
        alert_id="A", patient="HOSP|1", family="hypercalcaemia", rule="CA_HIGH", level="CA_HIGH", severity=Severity.HIGH,
        condition="active", flags=(), opened_at=ORIGIN, regraded_at=ORIGIN, cleared_at=None, clear_cause="", anchor="S",
        slots=("S",), results=("r",), analyte="ca_adj", value=Decimal("2.80"), unit="mmol/L", sampled_at=ORIGIN,
        delivery="now", summary={}, reasons=Node(kind="fact", truth=Truth.TRUE), facts={}, rule_pack="2026.1",
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changed)


def told(**changed: Any) -> Told:
    plain = Told(at=ORIGIN, severity=Severity.HIGH, level="CA_HIGH", value=Decimal("2.80"), analyte="ca_adj")
    return msgspec.structs.replace(plain, **changed)


SOON = ORIGIN + timedelta(hours=1)


@pytest.mark.parametrize("row", vectors("realert"), ids=lambda row: f"{row['id']} {row['note']}")
def test_every_realert_vector(row: dict[str, str]) -> None:
    rule = row["rule_family"]
    stage = (f"AKI_{row['last_aki_stage']}", f"AKI_{row['new_aki_stage']}") if row["last_aki_stage"] else (rule, rule)
    last = Told(
        at=ORIGIN, severity=Severity(row["last_notified_severity"]), level=stage[0],
        value=Decimal(row["last_notified_value"]), analyte=ANALYTE[rule],
    )  # fmt: skip
    now = ORIGIN + timedelta(days=int(row["days_since_last_notified"]))
    new = alert(
        rule=rule, level=stage[1], severity=Severity(row["new_severity"]), analyte=ANALYTE[rule],
        value=Decimal(row["new_value"]), sampled_at=now,
    )  # fmt: skip
    decision = decide(last, new, "updated", now=now, snoozed=row["snoozed"] == "yes")
    assert decision.send == (row["expected_notify"] == "yes")
    assert list(decision.reasons) == row["expected_reasons"].split()


def test_first_time_is_told_whatever_made_it_visible() -> None:
    for change in ("opened", "regraded", "updated", "reopened"):
        assert decide(None, alert(), change, now=SOON) == Decision(send=True, reason="first", reasons=("first",))


def test_info_is_shown_and_never_sent() -> None:
    assert decide(None, alert(severity=Severity.INFO), "opened", now=SOON).reason == "info_only"


def test_history_never_notifies_not_even_a_retraction() -> None:
    for change in ("opened", "retracted"):
        assert decide(told(), alert(), change, now=SOON, history=True) == Decision(send=False, reason="history_import")


def test_an_old_sample_is_told_only_if_it_still_holds() -> None:
    week = ORIGIN + timedelta(days=7)
    over = alert(condition="cleared", cleared_at=ORIGIN)
    assert decide(None, over, "opened", now=week).reason == "late_and_no_longer_true"
    assert decide(None, over, "opened", now=week - timedelta(seconds=1)).reason == "first"
    assert decide(None, alert(), "opened", now=week) == Decision(send=True, reason="late", reasons=("late",))


def test_a_retraction_goes_to_those_who_were_told_and_to_nobody_else() -> None:
    decision = decide(told(), alert(), "retracted", now=SOON)
    assert (decision.send, decision.reason, decision.only_told) == (True, "retracted", True)
    assert decide(None, alert(), "retracted", now=SOON) == Decision(send=False, reason="nobody_told")


def test_a_downgrade_is_a_note_by_a_sample_and_told_by_a_correction() -> None:
    lower = alert(severity=Severity.MEDIUM, value=Decimal("2.70"))
    assert decide(told(), lower, "regraded", now=SOON) == Decision(send=False, reason="downgrade_note")
    corrected = decide(told(), lower, "regraded", now=SOON, cause="correction")
    assert (corrected.send, corrected.reason, corrected.only_told) == (True, "corrected_down", True)


def test_another_site_file_tells_like_a_correction() -> None:
    """What the laboratory sent stands for another value than people were told."""
    for severity, value in ((Severity.MEDIUM, "2.70"), (Severity.HIGH, "3.00")):
        before, new = told(value=Decimal("3.10")), alert(severity=severity, value=Decimal(value))
        said = decide(before, new, "updated", now=SOON, cause="mapping")
        assert said == decide(before, new, "updated", now=SOON, cause="correction")
        assert said.only_told


def test_a_correction_within_the_grade_is_told_when_it_moves_the_value_far() -> None:
    decision = decide(
        told(value=Decimal("3.10")), alert(value=Decimal("3.00")), "updated", now=SOON, cause="correction"
    )
    assert (decision.reason, decision.only_told) == ("corrected_value", True)
    decision = decide(told(), alert(value=Decimal("2.79")), "updated", now=SOON, cause="correction")
    assert decision.reason == "already_told"


def test_what_becomes_true_again_is_told_again() -> None:
    assert decide(told(), alert(), "reopened", now=SOON).reason == "reopened"


def test_values_of_different_analytes_are_never_compared() -> None:
    last = told(analyte="visc", value=Decimal("2.0"))
    assert decide(last, alert(), "updated", now=SOON).reason == "already_told"


def test_still_abnormal_needs_a_new_sample() -> None:
    later = ORIGIN + timedelta(days=8)
    assert decide(told(sampled_at=ORIGIN), alert(), "updated", now=later).reason == "already_told"
    assert decide(told(sampled_at=ORIGIN), alert(sampled_at=later), "updated", now=later).reason == "still_abnormal"


def test_a_critical_alert_cannot_be_snoozed() -> None:
    last, now = told(severity=Severity.CRITICAL), ORIGIN + timedelta(days=1)
    assert decide(last, alert(severity=Severity.CRITICAL), "updated", now=now, snoozed=True).reason == "still_abnormal"


def test_a_new_rule_pack_never_pages_and_supersession_is_silent() -> None:
    assert decide(None, alert(), "opened", now=SOON, cause="pack").reason == "pack_change"
    assert decide(told(), alert(), "superseded", now=SOON).reason == "superseded"
    assert decide(told(), alert(condition="cleared"), "cleared", now=SOON).reason == "cleared_note"


def test_every_rule_has_a_clearing_row_and_a_worsening_row() -> None:
    pack = default_pack()
    names = {rule.name for rule in RULES}
    assert names - pack.clearing.keys() == set()
    assert names - pack.worsening.keys() == set()


def test_another_specimen_in_doubt_is_news_however_severe_and_shelved_or_not() -> None:
    known = told(severity=Severity.HIGH, level="SPECIMEN_MISMATCH", value=None, analyte="hb", sampled_at=ORIGIN)
    for severity in (Severity.MEDIUM, Severity.HIGH):
        doubt = alert(rule="SPECIMEN_MISMATCH", level="SPECIMEN_MISMATCH", severity=severity, value=None, analyte="hb")
        other = msgspec.structs.replace(doubt, sampled_at=SOON)
        for change in ("updated", "regraded", "reopened"):
            found = decide(known, other, change, now=SOON, snoozed=True)
            assert (found.send, found.reason) == (True, "another_draw")
        assert not decide(known, doubt, "updated", now=SOON).send
