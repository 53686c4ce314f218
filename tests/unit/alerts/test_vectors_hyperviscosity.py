"""Every hyperviscosity vector through `evaluate`: level, limbs of that level, or what stays open."""

from __future__ import annotations

from decimal import Decimal

import pytest

from alerts.result import Result
from alerts.rules import hb_halo, hv
from tests.unit.alerts.made import active, fact, ids, lab, patient, rows, run

SEVERITY = {"HV_CHECK": "MEDIUM", "HV_HIGH": "HIGH", "HV_CRITICAL": "CRITICAL"}
COLUMNS = {
    "visc": "viscosity_mpa_s", "tp": "total_protein_g_l", "alb": "albumin_g_l", "plt": "platelets_10e9_l",
    "igg": "igg_g_l", "iga": "iga_g_l", "igm": "igm_g_l", "igg3": "igg3_g_l", "mspike": "m_protein_g_l",
}  # fmt: skip


def results(row: dict[str, str]) -> list[Result]:
    age = Decimal(row["protein_age_days"] or 0) * 24
    old = {"igg", "iga", "igm", "igg3", "mspike"}
    return [lab(name, row[column], -age if name in old else 0) for name, column in COLUMNS.items() if row[column]]


@pytest.mark.parametrize("row", rows("hyperviscosity.csv"), ids=ids)
def test_vector(row: dict[str, str]) -> None:
    facts = [fact("isotype", value=row["m_isotype"])] if row["m_isotype"] else []
    facts += [fact("symptom", 0, code="blurred_vision")] if row["symptom"] == "yes" else []
    made = run(results(row), [hv.RULE], patient(*facts))
    alert = active(made).get("HV")
    if row["expected_level"] in SEVERITY:
        assert alert is not None
        assert (alert.level, alert.severity) == (row["expected_level"], SEVERITY[row["expected_level"]])
        assert alert.facts["triggers"] == row["expected_triggers"].replace(" ", ",")
        assert alert.reasons.truth == "TRUE"
        return
    assert alert is None
    assert [u.missing for u in made.undetermined] == ([("alb",)] if row["expected_level"] == "INDETERMINATE" else [])


@pytest.mark.parametrize(("tp", "open_question"), [("74.9", False), ("75", True), ("109.9", True), ("110", False)])
def test_total_protein_without_albumin(tp: str, open_question: bool) -> None:
    made = run([lab("tp", tp)], [hv.RULE])
    assert bool(made.undetermined) is open_question
    assert bool(made.alerts) is (tp == "110")


@pytest.mark.parametrize(
    ("m", "level", "undetermined"),
    [("29.9", "", False), ("30", "", True), ("59.9", "", True), ("60", "HV_CHECK", False), ("100", "HV_HIGH", False)],
)
def test_m_of_unknown_isotype(m: str, level: str, undetermined: bool) -> None:
    made = run([lab("mspike", m)], [hv.RULE])
    assert "".join(a.level for a in made.alerts) == level
    assert bool(made.undetermined) is undetermined
    if undetermined:
        assert made.undetermined[0].missing == ("isotype",)


def test_isotype_from_immunofixation_and_the_larger_of_the_two() -> None:
    fixation = lab("sife", None, -500, kind="CODED", coded="positive:IgM-kappa")
    made = run([fixation, lab("mspike", "61"), lab("igm", "40")], [hv.RULE])
    assert [(a.level, a.facts["triggers"]) for a in made.alerts] == [("HV_HIGH", "igm")]
    assert "igm_check_waldenstrom" in made.alerts[0].flags


def test_a_symptom_entered_after_the_draw_raises_the_alert() -> None:
    sample, late = lab("visc", "4.2"), patient(fact("symptom", 5, code="bleeding"))
    assert run([sample], [hv.RULE], late).alerts[0].level == "HV_CRITICAL"
    again = [sample, lab("visc", "4.1", 4)]
    levels = [a.level for a in run([*again, lab("visc", "4.0", 6)], [hv.RULE], patient(fact("symptom", 5, 5.5))).alerts]
    assert levels == ["HV_HIGH"]


def test_an_open_anaemia_is_linked() -> None:
    low = lab("hb", "75", -24)
    assert "anaemia_open" in active(run([low, lab("visc", "4.2")], [hv.RULE, hb_halo.RULE]))["HV"].flags
    assert "anaemia_open" not in active(run([lab("hb", "120", -24), lab("visc", "4.2")], [hv.RULE]))["HV"].flags


def test_after_plasma_exchange_a_high_value_still_alerts() -> None:
    exchanged = patient(fact("plasma_exchange", -72, -72))
    alert = run([lab("visc", "4.2")], [hv.RULE], exchanged).alerts[0]
    assert (alert.level, "post_exchange" in alert.flags) == ("HV_HIGH", True)
    alert = run([lab("visc", "4.2", 0.5)], [hv.RULE], exchanged).alerts[0]
    assert "post_exchange" not in alert.flags


def test_clumped_platelets_do_not_raise() -> None:
    clumps = lab("plt", "20", comments=("Platelet clumps seen",))
    assert run([lab("visc", "4.2"), clumps], [hv.RULE]).alerts[0].level == "HV_HIGH"
