"""What is known against a specimen stands on the alerts it decides; the values are used (result life cycle 4)."""

from __future__ import annotations

import pytest

from alerts.evaluate import evaluate
from alerts.logic import Truth
from alerts.result import Result
from alerts.specimen_notes import MARKS, edta
from services.mapping.report import map_report
from services.mapping.specimen import condition_flags
from tests.builders import alerts_of, hours, points, result, view
from tests.unit.reports import report
from tests.unit.reports import result as reported


def flags(rule: str, *results: Result | list[Result]) -> set[str]:
    outcome = evaluate(view(*results))
    assert outcome.failed == {}
    return set(alerts_of(outcome, rule)[-1].flags)


@pytest.mark.parametrize(
    ("rule", "analyte", "values"),
    [("CA_HIGH", "ca_adj", "0:3.2"), ("REN_AKI", "creat", "-30:80 0:240"), ("HV", "igm", "0:45")],
)
def test_calcium_creatinine_and_immunoglobulins_of_a_haemolysed_specimen_are_used_with_a_note(
    rule: str, analyte: str, values: str
) -> None:
    assert "haemolysed" in flags(rule, points(analyte, values, flags=("haemolysed",)))
    assert "haemolysed" not in flags(rule, points(analyte, values))
    index = result("hi", "0.5", hours(0))
    assert "haemolysed" in flags(rule, points(analyte, values), index)
    assert "haemolysed" not in flags(rule, points(analyte, values), result("hi", "0.4", hours(0)))


def test_a_low_potassium_of_a_haemolysed_specimen_is_kept_and_a_high_one_is_not_used() -> None:
    assert "haemolysed" in flags("K_LOW", result("k", "2.4", flags=("haemolysed",)))
    outcome = evaluate(view(result("k", "7.0", flags=("haemolysed",))))
    assert alerts_of(outcome, "K_HIGH") == []
    assert alerts_of(outcome, "K_REPEAT")[0].summary["en"].count("haemolysed") == 1


@pytest.mark.parametrize("mark", sorted(MARKS))
def test_every_mark_of_a_specimen_reaches_the_alert(mark: str) -> None:
    assert mark in flags("CA_HIGH", result("ca_adj", "3.2", flags=(mark,)))


def alp(value: str, low: str | None = "40") -> Result:
    return result("alp", value, reference=(low, "130"), unit="U/L")


@pytest.mark.parametrize(
    ("potassium", "calcium", "others", "truth"),
    [
        ("6.1", "1.89", [alp("39")], Truth.TRUE), ("6.0", "1.89", [alp("39")], Truth.FALSE),
        ("6.1", "1.9", [alp("39")], Truth.FALSE), ("6.1", "1.89", [alp("40")], Truth.FALSE),
        ("6.1", "1.89", [], Truth.INDETERMINATE), ("6.1", "1.89", [alp("39", None)], Truth.INDETERMINATE),
        ("6.0", "1.89", [], Truth.FALSE), ("6.1", "<1.9", [alp("<40")], Truth.TRUE),
        ("6.1", "<2.0", [alp("39")], Truth.INDETERMINATE),
    ],
)  # fmt: skip
def test_edta(potassium: str, calcium: str, others: list[Result], truth: Truth) -> None:
    for name in ("ca", "ca_adj"):  # where a laboratory reports the adjusted one only
        assert edta(view([result("k", potassium), result(name, calcium), *others]), hours(0)) is truth


def test_edta_is_said_on_potassium_and_on_calcium_and_nowhere_else() -> None:
    draw = [result("k", "6.8"), result("ca", "1.60"), result("alb", "40"), alp("20"), *points("creat", "-30:80 0:240")]
    assert "EDTA?" in flags("K_HIGH", draw)
    assert "EDTA?" in flags("CA_LOW", draw)
    assert "EDTA?" not in flags("REN_AKI", draw)
    without = [one for one in draw if one.analyte != "alp"]
    assert "edta_not_excluded" in flags("CA_LOW", without)
    other_draw = [*without, result("alp", "20", hours(1), reference=("40", "130"))]
    assert "EDTA?" not in flags("CA_LOW", other_draw)


@pytest.mark.parametrize(
    ("conditions", "comments", "found"),
    [
        (["HEM"], [], "haemolysed"), (["CLOT"], [], "clotted_specimen"), (["CON"], [], "contaminated_specimen"),
        (["AUT"], [], "specimen_condition"), (["XYZ"], [], "specimen_condition"), (["COOL", "ROOM"], [], ""),
        ([], ["Vzorec je hemoliziran."], "haemolysed"), ([], ["ni hemoliziran"], ""), ([], ["not haemolysed"], ""),
        ([], ["Lipaemic specimen"], "lipaemic"), ([], ["vzorec lipemičen"], "lipaemic"), ([], ["no lipaemia"], ""),
        ([], ["possible drip arm contamination"], "drip_contamination"), ([], ["kontaminacija z infuzijo"], "drip_contamination"),
        ([], ["old specimen"], "old_specimen"), ([], ["star vzorec"], "old_specimen"),
        ([], ["? EDTA contamination"], "EDTA?"), ([], ["strdek v vzorcu"], "clotted_specimen"),
        ([], ["gel in the specimen"], "gel_comment"), ([], ["serum gel tube"], ""), ([], ["collected in EDTA"], ""),
        ([], ["telephoned to ward"], ""),
    ],
)  # fmt: skip
def test_conditions_and_comments(conditions: list[str], comments: list[str], found: str) -> None:
    assert condition_flags(conditions, comments) == ((found,) if found else ())


def test_a_condition_that_is_not_known_is_not_kept_back() -> None:
    (made,) = map_report(report(reported("29265-6", "3.2", "mmol/L", specimen_conditions=("Q7",)))).results
    assert made.flags == ("specimen_condition",)
    assert "specimen_condition" in flags("CA_HIGH", made)
