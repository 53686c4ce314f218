"""Evolving patterns and the defining event through `evaluate`, up to the newest sample."""

from __future__ import annotations

from decimal import Decimal

import pytest

from alerts.context import Context
from alerts.evaluate import evaluate
from alerts.result import Result
from alerts.rules import myeloma_defining_event, smm_evolving_hb, smm_evolving_m
from tests.builders import context, days, fact, result, view
from tests.unit.alerts.relapse import Row, ids, rows, series

RULES = (smm_evolving_m.RULE, smm_evolving_hb.RULE, myeloma_defining_event.RULE)
COLUMNS = {
    "SMM_EVOLVING_M": "expected_evolving_m",
    "SMM_EVOLVING_HB": "expected_evolving_hb",
    "MYELOMA_DEFINING_EVENT": "expected_myeloma_defining_event",
}
SMOULDERING = context(fact("state", code="smouldering"), fact("isotype", code="IgG-kappa"))
ROWS = rows("smouldering.csv")


def _results(row: Row) -> list[Result]:
    found = series("mspike", row["series_day_serum_m_g_l"]) + series("igg", row["series_day_involved_ig_g_l"])
    found += series("hb", row["series_day_hb_g_l"])
    if row["involved_flc_mg_l"]:
        found.append(result("flck", row["involved_flc_mg_l"], days(0)))
        found.append(result("flcl", row["uninvolved_flc_mg_l"], days(0)))
    return found


@pytest.mark.parametrize("row", ROWS, ids=ids)
def test_rules(row: Row) -> None:
    outcome = evaluate(view(_results(row), context=SMOULDERING), RULES)
    assert outcome.failed == {}
    for rule, column in COLUMNS.items():
        raised = [alert for alert in outcome.alerts if alert.rule == rule]
        unknown = [item for item in outcome.undetermined if item.rule == rule]
        assert (bool(raised), bool(unknown)) == (row[column] == "yes", row[column] == "indeterminate"), rule
    severities = [alert.severity for alert in outcome.alerts]
    assert max(severities, key=lambda s: s.rank, default="") == row["expected_severity"]


@pytest.mark.parametrize("known", [Context(), context(fact("state", code="on_treatment"))], ids=["unknown", "treated"])
def test_only_smouldering_patients_are_judged(known: Context) -> None:
    for row in ROWS:
        assert evaluate(view(_results(row), context=known), RULES).alerts == ()


def test_the_state_in_force_at_the_sample_counts() -> None:
    known = context(fact("state", days(-400), code="smouldering"), fact("state", days(100), code="on_treatment"))
    rising = series("mspike", "0:32 90:37 180:38")
    (alert,) = evaluate(view(rising, context=known), RULES).alerts
    assert alert.sampled_at == days(90)


def test_it_never_ends_by_itself() -> None:
    rising = series("mspike", "0:32 90:37 180:20 270:20 360:20")
    (alert,) = evaluate(view(rising, context=SMOULDERING), RULES).alerts
    assert (alert.condition, alert.value) == ("active", Decimal(37))
