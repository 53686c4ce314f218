"""A made-up course for each level and severity of every rule. Nobody real; each stands for its alert and no more."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from alerts.context import Context, Fact
from alerts.result import Result
from alerts.specimen_notes import MARKS
from tests.builders import context, days, fact, hours, points, result


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to one made-up person."""

    name: str
    rule: str
    level: str
    severity: str
    results: list[Result]
    known: Context
    as_of: datetime | None = None
    """When it is looked at; only a late test tells a difference."""


def _course(
    name: str,
    rule: str,
    expected: str,
    *results: list[Result] | Result,
    facts: tuple[Fact, ...] = (),
    now: datetime | None = None,
) -> Course:
    """`expected` is level and severity; the person is a woman born in 1958."""
    level, severity = expected.split()
    flat = [one for item in results for one in ([item] if isinstance(item, Result) else item)]
    known = context(*facts, sex="F", birth_date=date(1958, 5, 17))
    return Course(name=name, rule=rule, level=level, severity=severity, results=flat, known=known, as_of=now)


def _days(analyte: str, text: str) -> list[Result]:
    return points(analyte, text, unit="d")


SERUM = (fact("patient_type", code="SERUM"), fact("isotype", code="IgG-kappa"), fact("line_start", days(0)))
SMOULDERING = (fact("state", code="smouldering"), fact("isotype", code="IgG-kappa"))
THERAPY = (fact("line_start", hours(0)),)
FOLLOWED = (fact("patient_type", code="SERUM"), fact("state", code="on_treatment"))
NO_ANTIBODY = fact("drug", days(0), days(100), code="lenalidomide")
REMISSION = (
    _days("mspike", "0:40 28:0 56:0"), _days("umprot", "0:0 28:0 56:0"),
    [result(name, None, days(day), coded="negative") for day in (28, 56) for name in ("sife", "uife")],
)  # fmt: skip
PLATEAU = "0:40 28:20 56:8 84:8"

COURSES = (
    _course("bio_possible", "BIO", "BIO_POSSIBLE LOW", _days("mspike", f"{PLATEAU} 112:13.2"), facts=SERUM),
    _course("bio_pd", "BIO", "BIO_PD MEDIUM", _days("mspike", f"{PLATEAU} 112:13.2 140:13.6"), facts=SERUM),
    _course("bio_significant", "BIO", "BIO_SIGNIFICANT HIGH", _days("mspike", f"{PLATEAU} 112:16.4 140:18.9"), facts=SERUM),
    _course("bio_by_immunoglobulin", "BIO", "BIO_PD MEDIUM", _days("iga", "0:32 28:12 56:12 84:17.1 112:17.5"),
            facts=(fact("isotype", code="IgA-lambda"), fact("line_start", days(0)))),
    _course("bio_clinical_possible", "BIO", "CLIN_POSSIBLE HIGH", _days("mspike", f"{PLATEAU} 112:13.2 140:13.6"),
            _days("hb", "84:124 140:95"), facts=SERUM),
    _course("bio_clinical_relapse", "BIO", "CLIN_RELAPSE HIGH", _days("mspike", f"{PLATEAU} 112:13.2 140:13.6"),
            _days("hb", "84:124 140:95"), facts=(*SERUM, fact("verdict", days(142), code="CLIN_RELAPSE"))),
    _course("light_chain_escape_possible", "LC_ESCAPE", "LC_ESCAPE_POSSIBLE LOW", _days("mspike", PLATEAU),
            _days("flck", "28:60 56:60 84:260"), _days("flcl", "28:10 56:10 84:10"), facts=SERUM),
    _course("light_chain_escape", "LC_ESCAPE", "LC_ESCAPE MEDIUM", _days("mspike", f"{PLATEAU} 112:8"),
            _days("flck", "28:60 56:60 84:260 112:310"), _days("flcl", "28:10 56:10 84:10 112:10"),
            _days("creat", "28:70 112:71"), facts=SERUM),
    _course("light_chain_escape_kidney", "LC_ESCAPE", "LC_ESCAPE HIGH", _days("mspike", f"{PLATEAU} 112:8"),
            _days("flck", "28:60 56:60 84:260 112:310"), _days("flcl", "28:10 56:10 84:10 112:10"),
            _days("creat", "28:70 112:120"), facts=SERUM),
    _course("complete_response_lost_possible", "CR_LOST", "CR_LOST_POSSIBLE INFO", *REMISSION,
            result("sife", None, days(84), coded="positive:IgG-kappa"), facts=(*SERUM, NO_ANTIBODY)),
    _course("complete_response_lost", "CR_LOST", "CR_LOST LOW", *REMISSION, _days("mspike", "112:1.2"),
            *(result("sife", None, days(day), coded="positive:IgG-kappa") for day in (84, 112)), facts=SERUM),
    _course("smouldering_rising_protein", "SMM_EVOLVING_M", "SMM_EVOLVING_M MEDIUM", _days("mspike", "0:32 90:34 150:38"),
            facts=SMOULDERING),
    _course("smouldering_falling_haemoglobin", "SMM_EVOLVING_HB", "SMM_EVOLVING_HB HIGH",
            _days("mspike", "0:20 90:24 180:27"), _days("hb", "0:128 90:124 180:121"), facts=SMOULDERING),
    _course("smouldering_defining_event", "MYELOMA_DEFINING_EVENT", "MYELOMA_DEFINING_EVENT HIGH",
            result("flck", "1240", days(0)), result("flcl", "9.8", days(0)), facts=SMOULDERING),
    _course("calcium_high_medium", "CA_HIGH", "CA_HIGH MEDIUM", points("ca", "0:2.68"), points("alb", "0:40")),
    _course("calcium_high_high", "CA_HIGH", "CA_HIGH HIGH", points("ca", "-72:2.55 0:2.71"), points("alb", "-72:38 0:32")),
    _course("calcium_high_critical", "CA_HIGH", "CA_HIGH CRITICAL", points("ca", "0:3.52"), points("alb", "0:36")),
    _course("calcium_high_with_kidney", "CA_HIGH", "CA_HIGH CRITICAL", points("ca", "0:3.10"), points("alb", "0:38"),
            points("creat", "-240:80 0:170")),
    _course("calcium_high_bound_to_protein", "CA_HIGH", "CA_HIGH HIGH", points("ca", "0:2.95"), points("alb", "0:36"),
            points("tp", "0:112")),
    _course("calcium_low_high", "CA_LOW", "CA_LOW HIGH", points("ca", "0:1.86"), points("alb", "0:40")),
    _course("calcium_low_critical", "CA_LOW", "CA_LOW CRITICAL", points("ica", "0:0.86")),
    _course("kidney_injury_1", "REN_AKI", "AKI_1 MEDIUM", points("creat", "-400:78 -160:80 0:124")),
    _course("kidney_injury_2", "REN_AKI", "AKI_2 HIGH", points("creat", "-400:78 -160:80 0:172")),
    _course("kidney_injury_3", "REN_AKI", "AKI_3 CRITICAL", points("creat", "-400:78 -160:80 0:362")),
    _course("kidney_injury_1_potassium", "REN_AKI", "AKI_1 CRITICAL", points("creat", "-160:80 0:124"), points("k", "0:6.2")),
    _course("kidney_function_low", "REN_HALO", "REN_HALO HIGH", _days("creat", "0:118 40:150")),
    _course("kidney_function_low_known", "REN_HALO", "REN_HALO LOW", _days("creat", "0:150 40:104 50:104 60:152")),
    _course("kidney_rise_since_therapy", "REN_RISE", "REN_RISE HIGH", _days("creat", "-1:85 30:265"),
            facts=(fact("line_start", days(0)),)),
    _course("kidney_decline", "REN_DECLINE", "REN_DECLINE MEDIUM", _days("creat", "0:70 60:71 120:69 200:100 215:101")),
    _course("cast_nephropathy", "REN_LCCN", "REN_LCCN CRITICAL", points("creat", "-160:80 0:172"), points("flck", "0:1850"),
            points("flcl", "0:11")),
    _course("haemoglobin_low_new", "HB_HALO", "HB_HALO HIGH", _days("hb", "0:118 60:96")),
    _course("haemoglobin_low_known", "HB_HALO", "HB_HALO LOW", _days("hb", "0:98 14:106 15:107 40:97")),
    _course("haemoglobin_low_critical", "HB_HALO", "HB_HALO CRITICAL", _days("hb", "0:92 30:68")),
    _course("haemoglobin_below_laboratory", "HB_IMWG", "HB_IMWG MEDIUM", result("hb", "101", reference=("125", "155"))),
    _course("haemoglobin_drop", "HB_DROP", "HB_DROP HIGH", _days("hb", "0:132 30:134 60:110")),
    _course("haemoglobin_acute", "HB_ACUTE", "HB_ACUTE CRITICAL", points("hb", "0:118 30:84")),
    _course("viscosity_check", "HV", "HV_CHECK MEDIUM", points("igm", "0:34")),
    _course("viscosity_high", "HV", "HV_HIGH HIGH", points("visc", "0:4.2"), points("hb", "0:94"),
            facts=(fact("isotype", code="IgA-kappa"),)),
    _course("viscosity_critical", "HV", "HV_CRITICAL CRITICAL", points("visc", "0:5.4")),
    _course("potassium_high_medium", "K_HIGH", "K_HIGH MEDIUM", points("k", "0:5.7")),
    _course("potassium_high_high", "K_HIGH", "K_HIGH HIGH", points("k", "0:6.2")),
    _course("potassium_high_critical", "K_HIGH", "K_HIGH CRITICAL", points("k", "0:6.8")),
    _course("potassium_low_high", "K_LOW", "K_LOW HIGH", points("k", "0:2.8")),
    _course("potassium_low_critical", "K_LOW", "K_LOW CRITICAL", points("k", "0:2.3")),
    _course("potassium_repeat", "K_REPEAT", "K_REPEAT HIGH", points("k", "0:6.9", specimen="S1"),
            points("hi", "0:6.1", specimen="S1")),
    _course("neutrophils_medium", "NEUT_LOW", "NEUT_LOW MEDIUM", points("neut", "0:0.8")),
    _course("neutrophils_high", "NEUT_LOW", "NEUT_LOW HIGH", points("neut", "0:0.3")),
    _course("platelets_medium", "PLT_LOW", "PLT_LOW MEDIUM", points("plt", "0:41")),
    _course("platelets_critical", "PLT_LOW", "PLT_LOW CRITICAL", points("plt", "0:17")),
    _course("tumour_lysis", "TLS", "TLS_LAB CRITICAL", points("k", "10:6.3"), points("phos", "10:1.7"), facts=THERAPY),
    _course("tumour_lysis_kidney", "TLS", "TLS_CLINICAL CRITICAL", points("k", "10:6.3"), points("phos", "10:1.7"),
            points("creat", "-1:80 10:131"), facts=THERAPY),
    _course("haemoglobin_low_high", "HB_HALO", "HB_HALO HIGH", _days("hb", "0:96 30:78")),
    _course("potassium_high_with_kidney", "K_HIGH", "K_HIGH CRITICAL", points("creat", "-100:80 0:124"), points("k", "0:6.2")),
    _course("potassium_high_preliminary", "K_HIGH", "K_HIGH CRITICAL", points("k", "0:7.1", status="P")),
    _course("potassium_repeat_medium", "K_REPEAT", "K_REPEAT MEDIUM", points("k", "0:6.2", specimen="S1"),
            points("hi", "0:0.9", specimen="S1")),
    _course("potassium_repeat_low", "K_REPEAT", "K_REPEAT LOW", points("k", "0:5.8", specimen="S1"),
            points("hi", "0:0.9", specimen="S1")),
    _course("calcium_high_fast_rise", "CA_HIGH", "CA_HIGH CRITICAL", points("ca_adj", "-96:2.58 -48:2.90 0:3.06")),
    _course("calcium_high_ionised", "CA_HIGH", "CA_HIGH CRITICAL", points("ica", "0:1.86")),
    _course("calcium_high_ionised_normal", "CA_HIGH", "CA_HIGH INFO", points("ca_adj", "0:2.85"), points("ica", "0:1.24")),
    _course("calcium_high_quiet", "CA_HIGH", "CA_HIGH INFO", points("ca_adj", "0:2.90 240:2.95"), points("ica", "0:1.24"),
            points("mspike", "0:52")),
    _course("calcium_high_without_albumin", "CA_HIGH", "CA_HIGH HIGH", points("ca", "0:2.86")),
    _course("calcium_high_albumin_too_low", "CA_HIGH", "CA_HIGH HIGH", points("ca", "0:2.86"), points("alb", "0:18")),
    _course("calcium_high_albumin_of_the_day_before", "CA_HIGH", "CA_HIGH HIGH", points("ca", "0:2.70"), points("alb", "-20:31")),
    _course("calcium_low_ionised_normal", "CA_LOW", "CA_LOW INFO", points("ca_adj", "0:1.86"), points("ica", "0:1.20")),
    _course("kidney_injury_2_methods", "REN_AKI", "AKI_2 HIGH", points("creat", "-160:80", method="Jaffe"),
            points("creat", "0:172", method="enzymatic"), points("ca_adj", "0:2.82"),
            facts=(fact("drug", hours(-200), code="zoledronic acid"), fact("drug", hours(-50), value="NSAID"),
                   fact("drug", hours(-30), code="contrast"))),
    _course("kidney_injury_2_zoledronate", "REN_AKI", "AKI_2 HIGH", points("creat", "-160:80 0:172"),
            facts=(fact("drug", hours(-200), code="zoledronate"),)),
    _course("kidney_injury_3_haemolysed_potassium", "REN_AKI", "AKI_3 CRITICAL", points("creat", "-160:80 0:362"),
            points("k", "0:6.4", specimen="S1"), points("hi", "0:2.0", specimen="S1")),
    _course("kidney_function_low_unsteady", "REN_HALO", "REN_HALO HIGH", points("creat", "-100:90 0:196")),
    _course("kidney_function_beyond_accepted", "REN_HALO", "REN_HALO HIGH", _days("creat", "0:218 40:224 80:251"),
            facts=(fact("chronic_baseline", days(0), code="creat", value="220", unit="umol/L"),)),
    _course("calcium_high_after_exchange", "CA_HIGH", "CA_HIGH HIGH", points("ca_adj", "0:2.92"),
            facts=(fact("plasma_exchange", hours(-30)), fact("infusion", hours(-1), hours(1), code="albumin"))),
    _course("kidney_rise_since_the_first", "REN_RISE", "REN_RISE HIGH", _days("creat", "0:85 30:265"), facts=()),
    _course("viscosity_critical_symptom", "HV", "HV_CRITICAL CRITICAL", points("visc", "0:4.3"),
            facts=(fact("symptom", hours(-5), code="epistaxis"),)),
    _course("viscosity_high_after_exchange", "HV", "HV_HIGH HIGH", points("visc", "0:4.3"), points("plt", "0:160"),
            facts=(fact("plasma_exchange", hours(-30)),)),
    _course("viscosity_check_isotype_unknown", "HV", "HV_CHECK MEDIUM", points("mspike", "0:66")),
    _course("smouldering_rising_both", "SMM_EVOLVING_M", "SMM_EVOLVING_M HIGH", _days("mspike", "0:20 90:24 180:27"),
            _days("hb", "0:128 90:124 180:121"), facts=SMOULDERING),
    _course("smouldering_falling_haemoglobin_alone", "SMM_EVOLVING_HB", "SMM_EVOLVING_HB MEDIUM", _days("mspike", "0:20 180:20"),
            _days("hb", "0:128 90:124 180:121"), facts=SMOULDERING),
    _course("tumour_lysis_three", "TLS", "TLS_LAB CRITICAL", points("k", "6:6.3"), points("phos", "10:1.7"),
            points("ca", "10:1.70"), points("alb", "10:40"), points("urate", "10:520"), facts=THERAPY),
    _course("haemoglobin_beyond_baseline", "HB_HALO", "HB_HALO HIGH", _days("hb", "0:79"),
            facts=(fact("chronic_baseline", days(-1), code="hb", value="92", unit="g/L"),)),
    _course("test_overdue_state_assumed", "STALE", "STALE_OVERDUE MEDIUM", _days("mspike", "0:12 28:11"), _days("hb", "28:121"),
            facts=(fact("patient_type", code="SERUM"), fact("line_start", days(-20))), now=days(120)),
    _course("bio_possible_single_band", "BIO", "BIO_POSSIBLE LOW", points("mspike", f"{PLATEAU} 112:13.2", unit="d", flags=("single_band",)),
            facts=SERUM),
    _course("bio_possible_below_imwg", "BIO", "BIO_POSSIBLE LOW", _days("mspike", "0:3 28:3 56:8 84:8.2"),
            facts=(fact("patient_type", code="NON_MEASURABLE"), *SERUM[1:])),
    _course("neutrophils_on_growth_factor", "NEUT_LOW", "NEUT_LOW HIGH", points("neut", "0:0.4"),
            facts=(fact("growth_factor", hours(-30)), fact("steroid", hours(-30)))),
    _course("viscosity_check_during_infusion", "HV", "HV_CHECK MEDIUM", points("tp", "0:113"), facts=(fact("infusion", hours(-1)),)),
    _course("platelets_spoilt_specimen", "PLT_LOW", "PLT_LOW CRITICAL", points("plt", "0:17", flags=tuple(sorted(MARKS)))),
    _course("platelets_clotted_specimen", "PLT_LOW", "PLT_LOW CRITICAL", points("plt", "0:17", flags=("clotted_specimen",))),
    _course("bio_pd_by_immunoglobulin", "BIO", "BIO_PD MEDIUM", _days("iga", "0:32 28:12 56:12 84:17.1 112:17.5"),
            facts=(fact("isotype", code="IgA-lambda"),)),
    _course("specimen_mismatch_high", "SPECIMEN_MISMATCH", "SPECIMEN_MISMATCH HIGH", points("hb", "0:131 12:94"),
            points("creat", "0:180 12:64"), points("k", "0:4.1 12:6.2")),
    _course("specimen_mismatch_low", "SPECIMEN_MISMATCH", "SPECIMEN_MISMATCH LOW", _days("mspike", f"{PLATEAU} 112:13.2"),
            _days("alb", "111:41 112:29"), _days("mcv", "111:92 112:101"), facts=SERUM),
    _course("specimen_mismatch_nothing_held", "SPECIMEN_MISMATCH", "SPECIMEN_MISMATCH MEDIUM", points("mcv", "0:92 48:99"),
            result("sife", at=hours(0), coded="positive:IgG-kappa"), result("sife", at=hours(48), coded="positive:IgA-lambda")),
    _course("specimen_mismatch_repeated", "SPECIMEN_MISMATCH", "SPECIMEN_MISMATCH HIGH",
            points("hb", "0:131 12:94 15:130 36:128"), points("creat", "0:180 12:64 15:178 36:170"),
            points("k", "0:4.1 12:6.2 15:4.2 36:4.3")),
    _course("potassium_held_back", "K_HIGH", "K_HIGH HIGH", points("hb", "0:101 12:133"), points("alb", "0:42 12:31"),
            points("k", "0:4.4 12:6.2")),
    _course("potassium_far_from_the_last", "K_HIGH", "K_HIGH HIGH", points("k", "0:4.4 12:6.2")),
    _course("calcium_high_over", "CA_HIGH", "CA_HIGH HIGH", points("ca", "0:2.9 24:2.55 48:2.5"),
            points("alb", "0:40 24:40 48:40")),
    _course("test_due", "STALE", "STALE_INFO INFO", _days("mspike", "0:12 28:11"), facts=FOLLOWED, now=days(103)),
    _course("test_overdue", "STALE", "STALE_OVERDUE MEDIUM", _days("mspike", "0:12 28:11"), _days("hb", "28:121"),
            facts=FOLLOWED, now=days(120)),
    _course("test_overdue_rising", "STALE", "STALE_OVERDUE HIGH", _days("mspike", "0:11 28:13"), facts=FOLLOWED,
            now=days(120)),
    _course("test_overdue_attempted", "STALE", "STALE_OVERDUE MEDIUM", _days("mspike", "0:12"),
            result("mspike", None, days(80), status="X", reason="not_obtained"), facts=FOLLOWED, now=days(93)),
    _course("test_ordered", "STALE", "STALE_PENDING INFO",
            result("mspike", None, days(0), status="I", slot="O", version=days(0), reason="pending"), now=days(9)),
    _course("test_overdue_long", "STALE", "STALE_OVERDUE HIGH", _days("flck", "0:310"), _days("flcl", "0:11"),
            facts=(fact("patient_type", code="FLC_ONLY"), fact("state", code="off_treatment")), now=days(190)),
)  # fmt: skip
