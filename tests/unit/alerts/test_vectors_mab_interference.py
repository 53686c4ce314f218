"""An immunofixation under or after an antibody, as a derived value and beside the criterion of progression."""

from __future__ import annotations

import pytest

from alerts.context import Context
from alerts.evaluate import evaluate
from alerts.rules import bio
from tests.builders import context, days, fact, result, view
from tests.unit.alerts.relapse import Row, ids, rows, series


def _known(row: Row) -> Context:
    facts = [fact("isotype", code=row["original_isotype"].replace("_", "-")), fact("patient_type", code="SERUM")]
    drug = row["anti_clonal_antibody"]
    if drug == "none":
        facts.append(fact("drug", days(-100), days(-50), code="lenalidomide"))
    elif drug != "unknown":
        last = days(-int(row["days_since_last_dose"]))
        facts.append(fact("drug", days(-300), last, code=drug))
    return context(*facts)


@pytest.mark.parametrize("row", rows("mab_interference.csv"), ids=ids)
def test_vector(row: Row) -> None:
    band = row["serum_ife_isotype"]
    coded = "negative" if band == "neg" else f"positive:{band.replace('_', '-')}"
    nadir = row["confirmed_nadir_g_l"]
    serum = series("mspike", f"-200:{nadir} -100:{nadir} 0:{row['serum_m_g_l']}")
    seen = view(serum, result("sife", None, days(0), coded=coded), context=_known(row))
    outcome = evaluate(seen, (bio.RULE,))
    (found,) = [value for value in outcome.derived if value.name == "antibody_interference"]
    assert outcome.failed == {}
    assert found.value == row["expected_status"]
    assert (found.flag == "cr_not_assessable") == (row["expected_relapse_from_cr_blocked"] == "yes")
    assert bool(outcome.alerts) == (row["expected_pd_criterion_met"] == "yes")


def test_a_course_without_an_end_is_still_going_on() -> None:
    known = context(fact("isotype", code="IgG-kappa"), fact("drug", days(-900), value="Daratumumab s.c."))
    seen = view(result("sife", None, days(0), coded="positive:IgG-kappa"), context=known)
    (found,) = [value for value in evaluate(seen, ()).derived if value.name == "antibody_interference"]
    assert found.value == "MAB_INTERFERENCE_POSSIBLE"
