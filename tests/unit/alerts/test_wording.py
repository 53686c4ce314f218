"""Headlines and catalogues: both languages complete, plural and dual right, short, and never a diagnosis."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.alert import AlertState
from alerts.evaluate import evaluate
from alerts.result import Result
from alerts.wording import LANGUAGES, catalogue, pager
from alerts.wording.figures import number
from tests.builders import alerts_of, hours, points, result, view

BANNED = re.compile(
    r"relaps|ponovit|mielom|myeloma|plazmocit|progres|napredov|cancer|\brak\b|disease|bolezen", re.IGNORECASE
)
GSM7 = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€"
)


def first(rule: str, *results: Result | list[Result]) -> AlertState:
    outcome = evaluate(view(*results))
    assert not outcome.failed
    return alerts_of(outcome, rule)[0]


def test_the_headline_of_the_reference() -> None:
    alert = first("CA_HIGH", points("ca", "-26:2.81 6:3.42"), points("alb", "-26:40 6:40"))
    assert alert.summary == {
        "en": "Calcium (adjusted) 3.42 mmol/L, +0.61 in 32 h, repeat with ionised calcium, sample 1 Mar 14:00",
        "sl": "Kalcij (prilagojeni) 3,42 mmol/L, +0,61 v 32 h, nov odvzem z ioniziranim kalcijem, odvzem 1. 3. ob 14:00",
    }


def test_the_sample_time_is_that_of_the_ward() -> None:
    alert = first("CA_HIGH", result("ica", "1.90", hours(0), collected_offset=60))
    assert alert.summary["en"].endswith("sample 1 Mar 09:00")


def test_a_date_only_sample_shows_no_hour_and_a_censored_value_its_bound() -> None:
    alert = first("CA_HIGH", result("ca_adj", ">3.5", flags=("date_only",)))
    assert alert.summary["en"] == "Calcium (adjusted) >3.5 mmol/L, repeat with ionised calcium, sample 1 Mar"
    assert alert.summary["sl"].startswith("Kalcij (prilagojeni) >3,5 mmol/L")


def test_a_cleared_alert_says_when_it_ended() -> None:
    series = points("ca_adj", "0:2.90 24:2.50 48:2.50")
    assert first("CA_HIGH", series).summary["en"].endswith("ended 3 Mar, sample 1 Mar 08:00")


@pytest.mark.parametrize(
    ("key", "forms"),
    [
        ("based_on", {1: "Podlaga je 1 izvid.", 2: "Podlaga sta 2 izvida.", 3: "Podlaga so 3 izvidi.",
                      4: "Podlaga so 4 izvidi.", 5: "Podlaga je 5 izvidov.", 11: "Podlaga je 11 izvidov.",
                      101: "Podlaga je 101 izvid.", 102: "Podlaga sta 102 izvida."}),
        ("in_days", {1: "v 1 dnevu", 2: "v 2 dneh", 5: "v 5 dneh"}),
    ],
)  # fmt: skip
def test_slovene_has_singular_dual_and_two_plurals(key: str, forms: dict[int, str]) -> None:
    assert {n: catalogue("sl").count(key, n) for n in forms} == forms


def test_no_key_is_missing_in_either_language() -> None:
    assert catalogue("en").keys == catalogue("sl").keys


def test_both_languages_take_the_same_values() -> None:
    for key in catalogue("en").keys:
        fields = [set(re.findall(r"{\w+}", catalogue(language)._messages.gettext(key))) for language in LANGUAGES]
        assert fields[0] == fields[1], key


def test_an_unknown_key_is_an_error_that_names_it() -> None:
    with pytest.raises(KeyError, match=r"nonsense is missing in alerts/wording/sl\.po"):
        catalogue("sl").text("nonsense")


EXTREMES = [
    [result("ca", "2.95"), result("alb", "28", hours(20)), result("tp", "110"), *points("creat", "-20:80 0:900")],
    [result("ca", "1.70")], [result("ica", "0.80")], points("hb", "-24:120 0:62.55"), points("hb", "-2000:140 0:112"),
    points("creat", "-47:80 0:2999.999"), [result("visc", "12.345")], [result("igm", "149.99")], [result("k", "9.99")],
    [result("k", "7.5", flags=("haemolysed",))], [result("plt", "3")], [result("neut", "0.123")],
]  # fmt: skip


@pytest.mark.parametrize("results", EXTREMES, ids=lambda results: results[-1].analyte)
def test_headlines_are_short_and_never_a_diagnosis(results: list[Result]) -> None:
    alerts = evaluate(view(results)).alerts
    assert alerts
    for alert in alerts:
        for language in LANGUAGES:
            text = alert.summary[language]
            assert 10 < len(text) < 140, text
            assert not BANNED.search(text), text
            assert "{" not in text
            assert set(pager(text)) <= GSM7, text


def test_no_catalogue_text_for_a_headline_names_a_diagnosis() -> None:
    for language in LANGUAGES:
        words = catalogue(language)
        spoken = [key for key in words.keys if key.split(".")[0] in ("analyte", "level", "flag", "ask", "rule")]
        for key in spoken:
            assert not BANNED.search(words.first(key)), key


@given(st.decimals(min_value=0, max_value=100000, places=3))
def test_numbers_keep_their_digits_and_get_a_decimal_comma(value: Decimal) -> None:
    assert number(value, "en") == f"{value:f}"
    assert number(value, "sl") == f"{value:f}".replace(".", ",")


def test_long_fractions_are_cut_to_three_decimals_in_a_headline_only() -> None:
    assert number(Decimal("2.69460"), "sl") == "2,695"
    assert number(Decimal("2.69460"), "sl", exact=True) == "2,69460"
