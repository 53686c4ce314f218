"""CA_HIGH and CA_LOW by calcium.csv, and what one row cannot show: ionised alone, suppression, preliminary values."""

from __future__ import annotations

from decimal import Decimal

import pytest

from alerts.alert import Evaluation
from alerts.calcium_basis import sample_at
from alerts.evaluate import evaluate
from alerts.logic import Truth
from alerts.result import Result
from alerts.rules import ca_high, ca_low
from tests.builders import alerts_of, hours, judge, points, result, vectors, view

JUDGED = [row for row in vectors("calcium") if row["expected_alert"] != "QUARANTINE"]  # a matter of mapping
HYSTERESIS = [row for row in vectors("hysteresis") if row["rule"] == "CA_HIGH"]


def both(*results: Result) -> Evaluation:
    outcome = evaluate(view(results), (ca_high.RULE, ca_low.RULE))
    assert not outcome.failed
    return outcome


def story(row: dict[str, str]) -> list[Result]:
    """The sample of hour 0 with everything around it that the row knows."""

    def near(analyte: str, column: str, apart: str = "0", **more: object) -> list[Result]:
        value = row[column]
        return [result(analyte, value, hours(apart or "0"), **more)] if value else []  # type: ignore[arg-type]

    limits = (None, row["ca_uln_mmol_l"])
    found = near("ca", "total_ca_mmol_l", reference=limits)
    found += near("alb", "albumin_g_l", row["albumin_hours_apart"])
    found += near("ca_adj", "lab_adjusted_ca_mmol_l") + near("ica", "ionised_ca_mmol_l", row["ionised_hours_apart"])
    found += near("tp", "total_protein_g_l") + near("mspike", "serum_m_g_l")
    if row["aki_stage"]:
        now = {"0": "80", "1": "120", "2": "170"}[row["aki_stage"]]
        found += points("creat", f"-100:80 0:{now}", reference=("59", "104"))
    if row["lowest_same_basis_prior_7d_mmol_l"]:
        found += points("ca", f"-72:{row['lowest_same_basis_prior_7d_mmol_l']}", reference=limits)
        found += points("alb", "-72:40")
    return found


@pytest.mark.parametrize("row", JUDGED, ids=lambda row: f"{row['id']} {row['note']}")
def test_every_calcium_vector(row: dict[str, str]) -> None:
    outcome = both(*story(row))
    rule = row["expected_alert"]
    newest = [a for a in outcome.alerts if a.sampled_at >= hours(0)]
    if rule == "NONE":
        assert newest == []
        assert outcome.undetermined == ()
    elif rule == "INDETERMINATE":
        assert newest == []
        assert {u.rule for u in outcome.undetermined} == {"CA_HIGH", "CA_LOW"}
        assert {u.missing for u in outcome.undetermined} <= {("alb",), ("ica",)}
    else:
        (alert,) = [a for a in newest if a.rule == rule]
        assert newest == [alert]
        assert alert.severity == row["expected_severity"]
        assert alert.facts["basis"] == row["expected_basis"]
        assert list(alert.flags) == row["expected_flags"].split()


@pytest.mark.parametrize("row", [r for r in JUDGED if r["expected_payne_ca_mmol_l"]], ids=lambda row: row["id"])
def test_payne_value_is_exact_and_kept_beside_every_basis(row: dict[str, str]) -> None:
    seen, expected = view(story(row)), Decimal(row["expected_payne_ca_mmol_l"])
    sample = sample_at(seen, hours(0), preliminary=True)
    assert sample is not None
    assert [reading.exact for reading in sample.readings if reading.basis == "PAYNE"] == [expected]
    judged = [j for rule in (ca_high, ca_low) for j in rule.RULE.judge(seen) if j.at == hours(0)]
    assert {Decimal(j.facts["payne"]) for j in judged if j.truth is not Truth.FALSE} <= {expected}


@pytest.mark.parametrize("row", HYSTERESIS, ids=lambda row: row["id"])
def test_every_clearing_vector(row: dict[str, str]) -> None:
    raised = points("ca", "-48:2.90") + points("alb", "-48:40")
    after = points("ca", row["samples_hour_value"])
    (alert, *more) = alerts_of(both(*raised, *after, *points("alb", _same_times(row))), "CA_HIGH")
    assert more == []
    assert alert.condition == ("cleared" if row["expected_cleared"] == "yes" else "active")
    assert alert.cleared_at == (hours(row["expected_clear_hour"]) if row["expected_clear_hour"] else None)


def _same_times(row: dict[str, str]) -> str:
    return " ".join(f"{pair.split(':')[0]}:40" for pair in row["samples_hour_value"].split())


def test_low_calcium_clears_at_exactly_2_10_twice_and_total_alone_does_not_count() -> None:
    low = points("ca", "0:1.85 24:2.10 48:2.10") + points("alb", "0:40")
    assert alerts_of(both(*low), "CA_LOW")[0].condition == "active"
    (alert,) = alerts_of(both(*low, *points("alb", "24:40 48:40")), "CA_LOW")
    assert (alert.condition, alert.cleared_at) == ("cleared", hours(48))
    (alert,) = alerts_of(both(*points("ca", "0:1.85 24:2.09 48:2.10"), *points("alb", "0:40 24:40 48:40")), "CA_LOW")
    assert alert.condition == "active"


@pytest.mark.parametrize(("value", "severity"), [("1.81", "CRITICAL"), ("1.8", "HIGH"), ("1.31", "MEDIUM")])
def test_ionised_alone_raises_an_alert(value: str, severity: str) -> None:
    (alert,) = alerts_of(both(result("ica", value)), "CA_HIGH")
    assert (alert.severity, alert.analyte, alert.value) == (severity, "ica", Decimal(value))


@pytest.mark.parametrize(
    ("ionised", "severity", "flags"),
    [("0.89", "CRITICAL", ()), ("0.99", "HIGH", ()), ("1.0", "HIGH", ()), ("1.14", "HIGH", ()), ("1.15", "INFO", ("ionised_not_low",))],
)  # fmt: skip
def test_ionised_weighs_on_a_low_adjusted_value(ionised: str, severity: str, flags: tuple[str, ...]) -> None:
    (alert,) = alerts_of(both(result("ca", "1.85"), result("alb", "40"), result("ica", ionised)), "CA_LOW")
    assert (alert.severity, alert.flags) == (severity, flags)


def test_an_ionised_value_taken_later_speaks_for_the_sample_before_it_and_does_not_clear() -> None:
    outcome = both(result("ca", "2.90"), result("alb", "40"), *points("ica", "5:1.20"))
    (alert,) = alerts_of(outcome, "CA_HIGH")
    assert (alert.severity, alert.condition, alert.flags) == ("INFO", "active", ("ionised_not_raised",))


def test_unknown_kidney_function_is_said_when_it_would_make_the_difference() -> None:
    (alert,) = alerts_of(both(result("ca", "3.10"), result("alb", "40")), "CA_HIGH")
    assert (alert.severity, alert.flags) == ("HIGH", ("aki_unknown",))
    (alert,) = alerts_of(both(result("ca", "3.00"), result("alb", "40")), "CA_HIGH")
    assert alert.flags == ()


def test_the_rise_looks_back_exactly_seven_days_and_stays_on_one_basis() -> None:
    now = [result("ca", "3.06"), result("alb", "40"), *points("creat", "-100:80 0:80")]
    week = points("ca", "-168:2.80") + points("alb", "-168:40")
    assert alerts_of(both(*now, *week), "CA_HIGH")[-1].severity == "CRITICAL"
    older = points("ca", "-168.1:2.80") + points("alb", "-168.1:40")
    assert alerts_of(both(*now, *older), "CA_HIGH")[-1].severity == "HIGH"
    total_only = points("ca", "-100:2.50")
    assert alerts_of(both(*now, *total_only), "CA_HIGH")[-1].severity == "HIGH"


def test_what_the_missing_albumin_could_mean_is_listed() -> None:
    (high,) = [u for u in both(result("ca", "2.45")).undetermined if u.rule == "CA_HIGH"]
    assert (high.missing, high.possible) == (("alb",), ("MEDIUM", "HIGH"))
    (high,) = [u for u in both(result("ca", "2.20")).undetermined if u.rule == "CA_HIGH"]
    assert high.possible == ()


def pretended(*more: Result) -> list[str]:
    """Severity after a flagged sample of hour 0 (3.00, ionised 1.20, gap 65) and further ones."""
    first = [result("ca", "3.00"), result("alb", "40"), result("tp", "105"), result("ica", "1.20")]
    kidney = points("creat", "-100:80 0:80 300:80 600:80")
    judged = ca_high.RULE.judge(view(first, kidney, more))
    return [str(j.severity) if j.severity else "none" for j in judged]


def pair(hour: str, value: str) -> list[Result]:
    return points("ca", f"{hour}:{value}") + points("alb", f"{hour}:40")


def test_pseudohypercalcaemia_is_quiet_until_the_value_or_ionised_calcium_rises_or_thirty_days_pass() -> None:
    assert pretended() == ["INFO"]
    assert pretended(*pair("200", "3.25")) == ["INFO", "INFO"]  # +0.25 is not more than 0.25
    assert pretended(*pair("200", "3.26")) == ["INFO", "HIGH"]
    assert pretended(*pair("200", "3.26"), *pair("400", "3.00")) == ["INFO", "HIGH", "HIGH"]  # ended for good
    assert pretended(*pair("720", "3.00")) == ["INFO", "INFO"]
    assert pretended(*pair("720.1", "3.00")) == ["INFO", "HIGH"]
    risen = points("ica", "100:1.40")
    assert pretended(*risen, *pair("200", "3.00")) == ["INFO", "MEDIUM", "HIGH"]


def _preliminary(hour: str, value: str) -> list[Result]:
    return points("ca", f"{hour}:{value}", status="P") + points("alb", f"{hour}:40")


def test_a_preliminary_total_calcium_is_quiet_too_and_changes_nothing_of_the_quiet() -> None:
    first = [result("ca", "3.30"), result("alb", "40"), result("tp", "105"), result("ica", "1.22")]
    for value, severity in (("3.45", "INFO"), ("3.55", "INFO"), ("3.56", "CRITICAL")):  # > 0.25 above 3.30 ends it
        (alert,) = alerts_of(both(*first, *_preliminary("120", value)), "CA_HIGH")
        assert (value, alert.severity) == (value, severity)
    (alert,) = alerts_of(both(*first, *_preliminary("720.1", "3.45")), "CA_HIGH")
    assert alert.severity == "CRITICAL"
    (alert,) = alerts_of(both(*first, *_preliminary("120", "3.45"), *points("ica", "120:1.40")), "CA_HIGH")
    assert alert.severity == "CRITICAL"  # ionised calcium has risen
    judged = ca_high.RULE.judge(view(first, _preliminary("120", "3.60"), pair("200", "3.45")))
    assert [str(j.severity) for j in judged] == ["INFO", "CRITICAL", "INFO"]  # only a final one ends it for good


def test_beside_a_preliminary_albumin_the_final_total_calcium_is_quiet_as_ever() -> None:
    first = [result("ca", "3.30"), result("alb", "40"), result("tp", "105"), result("ica", "1.22")]
    more = [*points("ca", "120:3.45"), *points("alb", "120:40", status="P")]
    (alert,) = alerts_of(both(*first, *more), "CA_HIGH")
    assert (alert.severity, alert.sampled_at) == ("INFO", hours(120))
    assert "preliminary" not in alert.flags


def test_a_preliminary_calcium_alerts_only_when_critical() -> None:
    albumin = result("alb", "40")
    assert alerts_of(both(result("ca", "2.90", status="P"), albumin), "CA_HIGH") == []
    (alert,) = alerts_of(both(result("ca", "3.50", status="P"), albumin), "CA_HIGH")
    assert (alert.severity, alert.flags) == ("CRITICAL", ("preliminary",))


def test_a_preliminary_albumin_counts_only_for_a_critical_alert() -> None:
    (alert,) = alerts_of(both(result("ca", "3.10"), result("alb", "22", status="P")), "CA_HIGH")
    assert (alert.severity, alert.facts["basis"], alert.flags) == ("CRITICAL", "PAYNE", ("preliminary",))
    (alert,) = alerts_of(both(result("ca", "2.70"), result("alb", "36", status="P")), "CA_HIGH")
    assert (alert.severity, alert.facts["basis"]) == ("MEDIUM", "TOTAL")


def test_a_preliminary_sample_does_not_bring_an_episode_nearer_to_its_end() -> None:
    raised = pair("0", "2.90")
    good = pair("24", "2.50") + points("ca", "48:2.50", status="P") + points("alb", "48:40")
    assert alerts_of(both(*raised, *good), "CA_HIGH")[0].condition == "active"


def test_censored_values_decide_only_what_they_can() -> None:
    assert alerts_of(judge(ca_high.RULE, result("ca_adj", ">3.5")), "CA_HIGH")[0].severity == "CRITICAL"
    (open_question,) = judge(ca_high.RULE, result("ca_adj", "<3.0")).undetermined
    assert open_question.missing == ("ca_adj",)
