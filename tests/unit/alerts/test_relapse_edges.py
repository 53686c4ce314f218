"""Edges of the relapse rules that no vector reaches."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from alerts.evaluate import evaluate
from alerts.logic import Interval
from alerts.myeloma.patient_type import PatientType
from alerts.myeloma.response import Assessment, Category, category
from alerts.rules import lc_escape
from alerts.severity import Severity
from alerts.thresholds import default_pack
from tests.builders import alerts_of, context, days, fact, judge, result, view
from tests.unit.alerts.relapse import bio_alerts, light, of_type, series, serum, state


def _exactly(text: str) -> Interval:
    return Interval.exactly(Decimal(text))


def test_one_specimen_is_one_assessment_even_with_two_collection_times() -> None:
    assert state(bio_alerts(serum("0:40 28:8 56:8 84:13.1#s4 85:13.4#s4"))) == "BIO_POSSIBLE"
    assert state(bio_alerts(serum("0:40 28:8 56:8 84:13.1#s4 85:13.4#s5"))) == "BIO_PD"


def test_a_specimen_number_used_again_is_another_specimen() -> None:
    """Laboratories begin their numbers anew every year: a later sample must not be lost for it."""
    assert state(bio_alerts(serum("0:40#1 28:8#2 56:8#3 365:13.1#1 393:13.5#2"))) == "BIO_PD"
    assert state(bio_alerts(serum("0:40 28:8 56:8 84:13.1#7 114:13.5#7"))) == "BIO_POSSIBLE"
    assert state(bio_alerts(serum("0:40 28:8 56:8 84:13.1#7 115:13.5#7"))) == "BIO_PD"


def test_a_specimen_number_of_another_laboratory_is_another_specimen() -> None:
    first = result("mspike", "13.1", days(84), specimen="7", laboratory="A")
    second = result("mspike", "13.4", days(85), specimen="7", laboratory="B")
    assert state(bio_alerts(serum("0:40 28:8 56:8"), [first, second])) == "BIO_PD"
    same = [result("mspike", "13.4", days(85), specimen="7", laboratory=name) for name in ("A", "")]
    for other in same:
        assert state(bio_alerts(serum("0:40 28:8 56:8"), [first, other])) == "BIO_POSSIBLE"


def test_chains_of_a_number_used_again_make_no_pair() -> None:
    draws = [result("flck", "900", days(0), specimen="1"), result("flcl", "10", days(365), specimen="1")]
    assert [v for v in evaluate(view(draws), ()).derived if v.name == "flc_ratio"] == []


def test_a_preliminary_value_is_no_nadir() -> None:
    low = [result("mspike", "3", days(day), status="P") for day in (30, 40)]
    assert bio_alerts(serum("0:40 28:8 56:8 84:9"), low) == []


def test_without_measurable_disease_a_confirmed_rise_is_never_progression() -> None:
    (alert,) = bio_alerts(serum("0:3 28:3 56:8 84:8.2"), known=of_type("NON_MEASURABLE"))
    assert (alert.level, "rise_not_imwg" in alert.flags) == ("BIO_POSSIBLE", True)
    assert "pd_date" not in alert.facts


def test_two_modifiers_raise_a_possible_by_one_level() -> None:
    both = [fact("modifier", code="aggressive_onset"), fact("modifier", code="high_organ_risk")]
    (alert,) = bio_alerts(serum("0:40 28:8 56:8 84:13.1"), known=of_type("SERUM", *both))
    assert alert.severity is Severity.MEDIUM


@pytest.mark.parametrize(("calcium", "level"), [("2.70", "BIO_POSSIBLE"), ("2.80", "CLIN_POSSIBLE")])
def test_only_a_calcium_above_the_organ_limit_is_an_organ_finding(calcium: str, level: str) -> None:
    organ = [result("ca", calcium, days(84)), result("alb", "40", days(84))]
    (alert,) = bio_alerts(serum("0:40 28:8 56:8 84:13.1"), organ)
    assert alert.level == level


@pytest.mark.parametrize(
    ("organ", "finding", "texts"),
    [
        ("ca:2.76", "CA_HALO", "R:5"),
        ("ca:2.874", "CA_HALO", "R:5"),
        ("ca:2.875", "CA_HALO", "R:3 R:5"),
        ("ica:2.90", "CA_HALO", ""),  # neither text names ionised calcium
        ("hb:95", "HB_HALO", "R:3"),
        ("creat:300", "REN_HALO", ""),  # the limit of the mnemonic, not of a relapse text
        ("visc:4.2", "HV_HIGH", "R:5"),
    ],
)
def test_which_text_of_clinical_relapse_matched_is_recorded(organ: str, finding: str, texts: str) -> None:
    analyte, value = organ.split(":")
    found = [result(analyte, value, days(84)), result("alb", "40", days(84))]
    (alert,) = bio_alerts(serum("0:40 28:8 56:8 84:13.1"), found)
    assert (alert.level, alert.facts["organ_finding"]) == ("CLIN_POSSIBLE", finding)
    assert alert.facts.get("organ_texts", "") == texts


def test_a_fall_of_haemoglobin_and_a_rise_of_creatinine_match_both_texts() -> None:
    (alert,) = bio_alerts(serum("0:40 28:8 56:8 84:13.1"), series("hb", "56:135 84:114"))
    assert (alert.facts["organ_finding"], alert.facts["organ_texts"]) == ("HB_DROP", "R:3 R:5")


def test_an_organ_finding_of_a_refuted_possible_is_no_clinical_one() -> None:
    organ = [result("hb", "95", days(120))]
    (alert,) = bio_alerts(serum("0:40 28:8 56:8 84:13.1 112:9"), organ)
    assert (alert.level, alert.clear_cause) == ("BIO_POSSIBLE", "not_confirmed")


def test_a_single_better_assessment_confirms_only_what_the_one_before_reached() -> None:
    outcome = evaluate(view(serum("0:40 28:18 56:3.9"), series("umprot", "0:0 28:0 56:0")), ())
    last = [value for value in outcome.derived if value.name == "response"][-1]
    assert (last.value, last.flag) == ("PR", "unconfirmed_VGPR")


def test_missing_urine_that_was_measurable_costs_one_category() -> None:
    seen = Assessment(
        kind=PatientType.SERUM_URINE,
        serum=_exactly("18"),
        serum_baseline=_exactly("40"),
        urine_baseline=_exactly("800"),
    )
    assert category(default_pack(), seen) is Category.MR


@pytest.mark.parametrize(
    ("serum", "urine", "expected"),
    [
        ("0.6", "0", Category.CR_LAB),  # what immunofixation does not find is no clone
        ("1.4", "30", Category.CR_LAB),
        ("9.9", "199", Category.CR_LAB),
        ("10", "0", Category.PR),  # a measurable M beside a negative immunofixation contradicts it
        ("0.6", "200", Category.SD),
    ],
)
def test_negative_immunofixations_make_a_complete_response(serum: str, urine: str, expected: Category) -> None:
    seen = Assessment(
        kind=PatientType.SERUM, serum=_exactly(serum), serum_baseline=_exactly("40"), urine=_exactly(urine),
        serum_ife="negative", urine_ife="negative",
    )  # fmt: skip
    assert category(default_pack(), seen) is expected


def test_a_pack_may_drop_the_minimal_response() -> None:
    seen = Assessment(kind=PatientType.SERUM, serum=_exactly("28"), serum_baseline=_exactly("40"), urine=_exactly("0"))
    pack = default_pack()
    assert category(pack, seen) is Category.MR
    dropped = msgspec.structs.replace(pack.limits["response.mr"], value=Decimal(0))
    without = msgspec.structs.replace(pack, limits={**pack.limits, "response.mr": dropped})
    assert category(without, seen) is Category.SD


def test_negative_immunofixations_do_not_outweigh_a_measured_m_protein() -> None:
    seen = Assessment(
        kind=PatientType.SERUM,
        serum=_exactly("18"),
        serum_baseline=_exactly("40"),
        urine=_exactly("0"),
        serum_ife="negative",
        urine_ife="negative",
    )
    assert category(default_pack(), seen) is Category.PR


ESCAPE = series("mspike", "0:12 200:12") + light("0:50/10 100:50/10 200:160/10")


def test_escape_goes_on_past_a_fall_after_plasma_exchange() -> None:
    known = context(fact("isotype", code="IgG-kappa"), fact("plasma_exchange", days(229), days(229)))
    samples = ESCAPE + light("230:20/10 231:20/10 260:170/10")
    (alert,) = alerts_of(judge(lc_escape.RULE, samples, context=known), "LC_ESCAPE")
    assert (alert.level, alert.condition, alert.facts["nadir"]) == ("LC_ESCAPE", "active", "40")


@pytest.mark.parametrize(("creatinine", "severity"), [("80", "MEDIUM"), ("160", "HIGH"), ("", "MEDIUM")])
def test_the_kidney_raises_a_confirmed_escape(creatinine: str, severity: str) -> None:
    known = context(fact("isotype", code="IgG-kappa"), sex="M", birth_date=date(1960, 1, 1))
    kidney = series("creat", f"10:80 50:80 229:{creatinine}") if creatinine else []
    (alert,) = alerts_of(judge(lc_escape.RULE, ESCAPE, light("230:170/10"), kidney, context=known), "LC_ESCAPE")
    assert (alert.level, alert.severity) == ("LC_ESCAPE", severity)
    assert ("egfr_unknown" in alert.flags) == (not creatinine)


def test_progression_in_serum_ends_the_escape_alert() -> None:
    known = context(fact("isotype", code="IgG-kappa"))
    m_protein = series("mspike", "100:12 228:17.1 258:17.5")
    (alert,) = alerts_of(
        judge(lc_escape.RULE, ESCAPE, m_protein, light("230:170/10 260:180/10"), context=known), "LC_ESCAPE"
    )
    assert alert.condition == "cleared"
