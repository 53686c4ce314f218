"""Every potassium vector through `evaluate`, with the use of haemolysed specimens."""

from __future__ import annotations

from decimal import Decimal

import pytest

from alerts.potassium import specimen_of, use_of
from alerts.rules import k_high, k_low, k_repeat
from tests.unit.alerts.made import active, ids, lab, rows, run, view

RULES = (k_high.RULE, k_low.RULE, k_repeat.RULE)


@pytest.mark.parametrize("row", rows("potassium.csv"), ids=ids)
def test_vector(row: dict[str, str]) -> None:
    flags = ("haemolysed",) if row["haemolysis_flag"] == "yes" else ()
    results = [lab("k", row["potassium_mmol_l"], flags=flags)]
    results += [lab("hi", row["haemolysis_index_g_l"])] if row["haemolysis_index_g_l"] else []
    stage = int(row["aki_stage"])
    results += [lab("creat", str(100 * Decimal(stage + 1) / 2 + 50), -1), lab("creat", "100", -240)] if stage else []
    seen = view(results)
    point = seen.series.points("k")[0]
    alert = row["expected_alert"]
    use = use_of(specimen_of(seen, point), high=alert in ("K_HIGH", "K_REPEAT"), low=alert == "K_LOW")
    assert use == row["expected_use"]

    made = run(results, RULES)
    found = {rule: str(a.severity) for rule, a in active(made).items()}
    assert found == ({} if alert == "NONE" else {alert: row["expected_severity"]})
    assert [u.rule for u in made.undetermined] == (["K_HIGH"] if alert == "K_REPEAT" else [])


def test_a_haemolysed_sample_ends_a_high_episode_only_when_low_enough_and_never_a_low_one() -> None:
    high = lab("k", "6.2", -5)
    assert "K_HIGH" not in active(run([high, lab("k", "5.0", comments=("Hemoliza",))], RULES))
    assert "K_HIGH" in active(run([high, lab("k", "5.0"), lab("hi", "5.1")], RULES))
    low = lab("k", "2.8", -5)
    assert "K_LOW" in active(run([low, lab("k", "3.6", flags=("haemolysed",))], RULES))
    assert "K_LOW" not in active(run([low, lab("k", "3.5")], RULES))
    assert "K_LOW" in active(run([low, lab("k", "3.4")], RULES))


@pytest.mark.parametrize(
    ("comment", "haemolysed"),
    [("Specimen haemolysed", True), ("Hemolizirano", True), ("slight hemolysis", True), ("no haemolysis", False),
     ("not haemolysed", False), ("ni hemoliziran", False), ("nehemoliziran", False), ("brez hemolize", False), ("", False)],
)  # fmt: skip
def test_comments(comment: str, haemolysed: bool) -> None:
    seen = view([lab("k", "6.2", comments=(comment,))])
    assert specimen_of(seen, seen.series.points("k")[0]).haemolysed is haemolysed
