"""What each rule says when a number is missing or known only as a bound: what is lacking, and what it could have been."""

from __future__ import annotations

from datetime import date

import pytest

from alerts.logic import Truth
from alerts.result import Result
from alerts.rules import RULES
from tests.builders import context, fact, hours, points, view

BY_NAME = {rule.name: rule for rule in RULES}
ADULT = {"sex": "F", "birth_date": date(1958, 5, 17)}
STARTED = fact("line_start", hours(0))
I = "INDETERMINATE"  # noqa: E741 - short in the table below

ROWS = [
    ("K_HIGH", "k 0:>4", "k", "MEDIUM HIGH CRITICAL", I),
    ("K_HIGH", "k 0:6.2#S, hi 0:2#S", "k", "HIGH", I),
    ("K_LOW", "k 0:<3.2", "k", "HIGH CRITICAL", "FALSE"),
    ("K_REPEAT", "k 0:>4#S, hi 0:2#S", "k", "LOW MEDIUM HIGH", I),
    ("NEUT_LOW", "neut 0:<1.5", "neut", "MEDIUM HIGH", I),
    ("PLT_LOW", "plt 0:<60", "plt", "MEDIUM CRITICAL", I),
    ("HB_HALO", "hb 0:<110", "hb", "HIGH CRITICAL", I),
    ("HB_HALO", "hb 0:98 24:106 48:106 72:<110", "hb", "LOW HIGH CRITICAL", I),
    ("HB_IMWG", "hb 0:104", "hb_lln", "MEDIUM", I),
    ("HB_DROP", "hb 0:130 24:<120", "hb", "HIGH", I),
    ("HB_ACUTE", "hb 0:130 24:<120", "hb", "CRITICAL", I),
    ("HV", "mspike 0:35", "isotype", "MEDIUM", I),
    ("HV", "visc 0:>2", "visc", "MEDIUM HIGH CRITICAL", I),
    ("HV", "tp 0:100", "alb", "MEDIUM", I),
    ("REN_AKI", "creat 0:80 24:<130", "creat", "MEDIUM", I),
    ("REN_HALO", "creat 0:130", "sex birth_date", "HIGH", I),
    ("REN_HALO", "creat 0:<200", "creat", "HIGH", I),
    ("REN_RISE", "creat -24:80 30:<300", "creat", "HIGH", I),
    ("REN_LCCN", "creat -160:80 0:172", "flck flcl", "CRITICAL", I),
    ("REN_LCCN", "creat -160:80 0:172, flck 0:700", "flcl", "CRITICAL", I),
    ("TLS", "k 0:6.3, phos 0:1.7", "line_start", "CRITICAL", I),
    ("TLS", "k 0:6.3#S, hi 0:2#S, phos 0:1.7", "k phos", "CRITICAL", I),
    ("CA_HIGH", "ca 0:2.5", "alb", "MEDIUM HIGH", I),
    ("CA_HIGH", "ca_adj 0:>2.5", "ca_adj", "MEDIUM HIGH CRITICAL", I),
    ("CA_HIGH", "ca 0:2.5, alb 0:15", "ica", "MEDIUM HIGH", I),
    ("CA_LOW", "ca 0:2.0", "alb", "HIGH", "FALSE"),
]  # fmt: skip
"""Rule, values (`#S` of one specimen), what is missing, what it could be, whether the sample counts towards the end."""
KNOWN = {
    "REN_HALO creat 0:130": context(), "REN_RISE": context(STARTED), "HV": context(),
    "TLS k 0:6.3#S, hi 0:2#S, phos 0:1.7": context(STARTED),
}  # fmt: skip


def results(text: str) -> list[Result]:
    """`analyte hour:value ...` separated by commas."""
    found = []
    for series in text.split(", "):
        analyte, _, values = series.partition(" ")
        for pair in values.split():
            value, _, specimen = pair.partition("#")
            found += points(analyte, value, specimen=specimen)
    return found


@pytest.mark.parametrize(
    ("rule", "values", "missing", "possible", "clears"), ROWS, ids=[f"{r[0]} {r[1]}" for r in ROWS]
)
def test_what_is_open_is_said(rule: str, values: str, missing: str, possible: str, clears: str) -> None:
    known = KNOWN.get(f"{rule} {values}", KNOWN.get(rule, context() if rule == "TLS" else context(**ADULT)))
    said = BY_NAME[rule].judge(view(results(values), context=known))[-1]
    assert (said.truth, said.level, said.severity) == (Truth.INDETERMINATE, "", None)
    assert (" ".join(said.missing), " ".join(said.possible), said.clears) == (missing, possible, clears)


def test_of_a_minor_the_kidney_rule_cannot_say_anything() -> None:
    said = BY_NAME["REN_AKI"].judge(view(points("creat", "0:400"), context=context(birth_date=date(2010, 1, 1))))[-1]
    assert (said.truth, said.missing, said.clears) == (Truth.INDETERMINATE, ("adult",), Truth.INDETERMINATE)
    assert said.possible == ("MEDIUM", "HIGH", "CRITICAL")
