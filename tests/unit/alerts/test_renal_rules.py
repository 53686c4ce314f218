"""The kidney rules from creatinine to alert, through `evaluate`."""

from __future__ import annotations

import pytest

from alerts.alert import Evaluation
from alerts.result import Result, Status
from alerts.rules import ren_aki, ren_decline, ren_halo, ren_lccn, ren_rise
from tests.unit.alerts.made import active, at, fact, lab, pairs, patient, run

RULES = (ren_aki.RULE, ren_halo.RULE, ren_rise.RULE, ren_lccn.RULE, ren_decline.RULE)


def creatinines(text: str) -> list[Result]:
    return [lab("creat", value, hour) for hour, value in pairs(text)]


def one(made: Evaluation, rule: str) -> tuple[str, str, str]:
    alert = next(a for a in made.alerts if a.rule == rule)
    return alert.level, alert.severity, alert.condition


@pytest.mark.parametrize(
    ("creatinine", "potassium", "level", "severity"),
    [
        ("120", None, "AKI_1", "MEDIUM"), ("160", None, "AKI_2", "HIGH"), ("240", None, "AKI_3", "CRITICAL"),
        ("120", "6.0", "AKI_1", "MEDIUM"), ("120", "6.1", "AKI_1", "CRITICAL"), ("160", "6.1", "AKI_2", "CRITICAL"),
    ],
)  # fmt: skip
def test_aki_levels(creatinine: str, potassium: str | None, level: str, severity: str) -> None:
    results = creatinines(f"-240:80 0:{creatinine}") + ([lab("k", potassium, 3)] if potassium else [])
    made = run(results, RULES)
    assert one(made, "REN_AKI") == (level, severity, "active")
    alert = active(made)["REN_AKI"]
    assert alert.reasons.truth == "TRUE"
    assert alert.facts["baseline"] == "80"
    assert alert.delivery == ("working_hours" if severity == "MEDIUM" else "now")


def test_a_haemolysed_potassium_does_not_raise_aki_and_says_so() -> None:
    alert = active(run([*creatinines("-240:80 0:120"), lab("k", "6.4", flags=("haemolysed",))], RULES))["REN_AKI"]
    assert (alert.severity, "potassium_not_usable" in alert.flags) == ("MEDIUM", True)


def test_potassium_a_day_away_counts_no_more() -> None:
    results = creatinines("-240:80 0:120")
    assert active(run([*results, lab("k", "6.4", 24)], RULES))["REN_AKI"].severity == "CRITICAL"
    assert active(run([*results, lab("k", "6.4", 24.1)], RULES))["REN_AKI"].severity == "MEDIUM"


def test_aki_clears_on_two_samples() -> None:
    assert one(run(creatinines("-240:80 0:160 24:115"), RULES), "REN_AKI")[2] == "active"
    alert = next(a for a in run(creatinines("-240:80 0:160 24:115 25:116"), RULES).alerts if a.rule == "REN_AKI")
    assert (alert.condition, alert.cleared_at) == ("cleared", at(25))


def test_dialysis_neither_stages_nor_clears() -> None:
    dialysis = patient(fact("dialysis", 1))
    made = run(creatinines("-240:80 0:240 24:90 48:90 72:300"), [ren_aki.RULE], dialysis)
    assert one(made, "REN_AKI") == ("AKI_3", "CRITICAL", "active")
    assert made.alerts[0].sampled_at == at(0)


@pytest.mark.parametrize(("value", "severity"), [("240", "CRITICAL"), ("160", None)])
def test_a_preliminary_creatinine_raises_critical_only(value: str, severity: str | None) -> None:
    early = lab("creat", value, status=Status.PRELIMINARY)
    alerts = active(run([*creatinines("-240:80"), early], [ren_aki.RULE]))
    assert (alerts["REN_AKI"].severity if alerts else None) == severity
    assert all("preliminary" in alert.flags for alert in alerts.values())


def test_a_preliminary_creatinine_brings_no_end_nearer() -> None:
    early = lab("creat", "100", 30, status=Status.PRELIMINARY)
    assert one(run([*creatinines("-240:80 0:160 24:110"), early], RULES), "REN_AKI")[2] == "active"


def test_ren_halo_is_high_when_new_and_low_when_known() -> None:
    grades = [
        one(run(creatinines(text), RULES), "REN_HALO")[1]
        for text in ("0:159.5", "0:159.5 2160:160", "0:159.5 2160.5:160")
    ]
    assert grades == ["HIGH", "LOW", "HIGH"]
    assert run(creatinines("0:159"), RULES).alerts == ()


def test_ren_halo_marks_an_egfr_during_aki() -> None:
    alert = active(run(creatinines("-240:80 0:178"), RULES))["REN_HALO"]
    assert alert.flags == ("egfr_unreliable", "imwg177")
    assert alert.facts["equation"] == "ckd-epi-2021"


def test_without_sex_the_egfr_limb_is_open_and_creatinine_still_speaks() -> None:
    unknown = patient(sex="")
    made = run(creatinines("0:150"), [ren_halo.RULE], unknown)
    assert [(u.missing, u.possible) for u in made.undetermined] == [(("sex",), ("HIGH",))]
    assert one(run(creatinines("0:173.1"), [ren_halo.RULE], unknown), "REN_HALO")[1] == "HIGH"
    assert one(run(creatinines("0:180 24:150 48:150"), [ren_halo.RULE], unknown), "REN_HALO")[2] == "active"


def test_a_reported_egfr_counts_only_without_a_creatinine() -> None:
    assert one(run([lab("egfr", "35")], [ren_halo.RULE]), "REN_HALO")[1] == "HIGH"
    assert run([lab("egfr", "35"), lab("creat", "80", 24)], [ren_halo.RULE]).alerts == ()
    assert run([lab("egfr", ">60")], [ren_halo.RULE]).undetermined == ()
    assert run([lab("egfr", "<60")], [ren_halo.RULE]).undetermined[0].rule == "REN_HALO"


def test_a_rise_counts_from_the_start_of_the_line_in_force() -> None:
    results = creatinines("-100:60 1000:150 3000:260")
    first, second = fact("line_start", 0), fact("line_start", 1500)
    assert active(run(results, [ren_rise.RULE], patient(first)))["REN_RISE"].severity == "HIGH"
    assert run(results, [ren_rise.RULE], patient(first, second)).alerts == ()
    assumed = active(run(results, [ren_rise.RULE]))["REN_RISE"]
    assert assumed.flags == ("line_start_assumed",)


def test_cast_nephropathy_ends_when_neither_kidney_rule_is_open() -> None:
    light = [lab("flck", "2000", -24), lab("flcl", "5", -24)]
    ill = creatinines("-240:80 0:180")
    assert one(run([*light, *ill], RULES), "REN_LCCN") == ("REN_LCCN", "CRITICAL", "active")
    aki_gone = creatinines("24:110 25:110")  # REN_HALO needs eGFR >= 45 twice: 110 gives 62
    made = run([*light, *ill, *aki_gone], RULES)
    assert {a.rule: a.condition for a in made.alerts if a.rule != "REN_DECLINE"} == {
        "REN_AKI": "cleared", "REN_HALO": "cleared", "REN_LCCN": "cleared",
    }  # fmt: skip
    assert one(run([*light, *ill, *aki_gone[:1]], RULES), "REN_LCCN")[2] == "active"


@pytest.mark.parametrize(
    ("kappa", "lambda_", "isotype", "outcome"),
    [
        ("600", "5", "", "CRITICAL"),
        ("600", "500", "", "CRITICAL"),  # both over: whichever is involved
        ("600", "480", "", "open"),  # ratio normal, clone unknown
        ("600", "480", "IgG-lambda", ""),
        ("600", "480", "IgG-kappa", "CRITICAL"),
        (">499", "5", "", "open"),
        (None, None, "", "open"),
    ],
)
def test_the_involved_chain(kappa: str | None, lambda_: str | None, isotype: str, outcome: str) -> None:
    results = creatinines("0:200")
    results += [lab(name, value) for name, value in (("flck", kappa), ("flcl", lambda_)) if value]
    made = run(results, [ren_lccn.RULE], patient(*([fact("isotype", value=isotype)] if isotype else [])))
    found = "open" if made.undetermined else "".join(a.severity for a in made.alerts)
    assert found == outcome


def test_decline_needs_a_second_sample_14_days_later() -> None:
    stable = "-2000:90 -1500:90 -1000:90"
    assert "REN_DECLINE" not in active(run(creatinines(f"{stable} 0:125"), RULES))
    assert "REN_DECLINE" not in active(run(creatinines(f"{stable} 0:125 335:125"), RULES))
    made = run(creatinines(f"{stable} 0:125 100:125 336:125"), RULES)
    assert one(made, "REN_DECLINE") == ("REN_DECLINE", "MEDIUM", "active")
    assert active(made)["REN_DECLINE"].delivery == "working_hours"
    assert "REN_DECLINE" not in active(run(creatinines(f"{stable} 0:125 100:95 336:125"), RULES))


def test_drugs_and_calcium_are_added_to_the_text() -> None:
    context = patient(fact("drug", -24, code="zoledronic acid"), fact("drug", -24, value="NSAID"))
    alert = active(run([*creatinines("-240:80 0:120"), lab("ca", "2.80")], [ren_aki.RULE], context))["REN_AKI"]
    assert (alert.facts["drugs"], alert.facts["calcium"]) == ("zoledronate,nsaid", "2.80")


def test_the_age_limit_of_the_rules_is_said_not_swallowed() -> None:
    made = run(creatinines("-24:80 0:240"), RULES, patient(age=17))
    assert {u.rule for u in made.undetermined} >= {"REN_AKI"}


def test_the_headline_names_egfr_and_equation() -> None:
    alert = active(run(creatinines("0:180"), [ren_halo.RULE]))["REN_HALO"]
    assert "eGFR 34 (CKD-EPI 2021)" in alert.summary["en"]
    assert "oGF 34 (CKD-EPI 2021)" in alert.summary["sl"]
    unknown = active(run(creatinines("0:180"), [ren_halo.RULE], patient(age=None)))["REN_HALO"]
    assert "CKD-EPI" not in unknown.summary["en"]
