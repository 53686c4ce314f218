"""An alert explains itself: limits with source, actual values, what is unknown, what would have stopped it."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from alerts.alert import AlertState
from alerts.condition import Node, Quantity, all_of, any_of, compare
from alerts.counterfactual import what_would_stop
from alerts.evaluate import evaluate
from alerts.explaining import explain
from alerts.logic import Interval, Operator, Truth
from alerts.result import Result
from alerts.thresholds import Limit
from tests.builders import alerts_of, points, result, view


def condition(name: str, value: str | None, operator: Operator, limit: str) -> Node:
    known = Interval.exactly(Decimal(value)) if value else None
    entry = Limit(key=f"x.{name}", value=Decimal(limit), operator=operator, source="[E] test")
    return compare(Quantity(name=name, interval=known, unit="mmol/L", results=(f"r-{name}",)), entry)


def stops(node: Node) -> list[tuple[str, str, str]]:
    return [(w.name, w.operator, str(w.threshold)) for w in what_would_stop(node)]


@pytest.mark.parametrize(
    ("operator", "value", "limit"), [(">", "3", "2.75"), (">=", "3", "3"), ("<", "1", "1.8"), ("<=", "1", "1")]
)
def test_one_limit_is_its_own_counterfactual(operator: Operator, value: str, limit: str) -> None:
    assert stops(condition("ca", value, operator, limit)) == [("ca", operator, limit)]


def test_of_alternatives_the_value_must_pass_all_limits() -> None:
    node = any_of(
        condition("ca", "3.5", ">", "3.4"), condition("ca", "3.5", ">", "2.75"), condition("ca", "3.5", ">", "2.6")
    )
    assert stops(node) == [("ca", ">", "2.6")]


def test_of_conditions_together_the_nearest_limit_is_enough_and_either_quantity_will_do() -> None:
    node = all_of(
        condition("ca", "3.2", ">", "3.0"), condition("ca", "3.2", ">", "2.6"), condition("rise", "0.4", ">", "0.25")
    )
    assert stops(node) == [("ca", ">", "3.0"), ("rise", ">", "0.25")]


def test_a_quantity_that_cannot_stop_it_alone_is_not_offered() -> None:
    assert stops(any_of(condition("ca", "3", ">", "2.75"), condition("hb", "90", "<", "100"))) == []


def test_a_condition_that_is_not_met_or_not_known_offers_nothing() -> None:
    assert stops(condition("ca", "2", ">", "2.75")) == []
    assert stops(condition("ca", None, ">", "2.75")) == []


def high(*more: Result) -> AlertState:
    return alerts_of(evaluate(view(result("ca", "3.10"), result("alb", "40"), more)), "CA_HIGH")[0]


def test_the_explanation_of_a_high_calcium() -> None:
    said = explain(high(*points("creat", "-100:80 0:120")))
    english, slovene = said["sentences"]["en"], said["sentences"]["sl"]
    assert "Adjusted calcium 3.10 mmol/L > 2.75 mmol/L: met ([S]; [R:17] calcium 2)" in english
    assert "Prilagojeni kalcij 3,10 mmol/L > 2,75 mmol/L: izpolnjeno ([S]; [R:17] calcium 2)" in slovene
    assert "Creatinine rise of stage 1 or more: yes" in english
    assert (
        "Rise of calcium in 7 days is not known (limit > 0.25 mmol/L) ([E] calcium 3: over the lowest of 7 d)"
        in english
    )
    assert "1 condition is not known." in english
    assert "No alert at or below 2.60 mmol/L (Adjusted calcium)." in english
    assert "Opozorila ne bi bilo pri vrednosti do vključno 2,60 mmol/L (Prilagojeni kalcij)." in slovene
    assert [one["name"] for one in said["unknown"]] == ["calcium_rise_7_d"]


def test_every_number_of_the_tree_has_a_source_and_every_result_is_listed() -> None:
    alert = high(*points("creat", "-100:80 0:120"))
    said = explain(alert)
    assert all(source["source"].startswith("[") for source in said["sources"])
    assert {"ca_high.halo", "ca_high.severe", "ca_high.uln"} <= {source["limit"] for source in said["sources"]}
    assert set(said["results"]) == set(alert.results)
    assert len(said["results"]) == 4


def test_it_is_json_with_numbers_as_text() -> None:
    said = json.loads(json.dumps(explain(high())))
    assert said["conditions"]["children"]
    assert '"2.75"' in json.dumps(said["conditions"])


def test_the_disclaimer_stands_in_both_languages() -> None:
    said = explain(high())["disclaimer"]
    assert said["en"] == "Threshold crossed. Whether myeloma is the cause must be judged by a clinician."
    assert "presoditi zdravnik" in said["sl"]


def test_the_tree_and_the_judgement_agree() -> None:
    assert high().reasons.truth is Truth.TRUE
