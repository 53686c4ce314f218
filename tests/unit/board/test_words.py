"""Every text exists in both languages, every key that is used exists, and numbers keep their digits."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import resources
from string import Formatter
from zoneinfo import ZoneInfo

import pytest

from alerts.rules import RULES
from alerts.severity import Severity
from services.board.pages.login import inside
from services.board.words import LANGUAGES, Words, age, catalogue, preferred
from services.ledger.quarantine import REASONS
from services.ledger.querying import _ASKED

ZONE = ZoneInfo("Europe/Ljubljana")
FOLDER = resources.files("services.board")


def used_keys() -> set[str]:
    templates = [f.read_text("utf-8") for f in FOLDER.joinpath("templates").iterdir()]
    found = {key for text in templates for key in re.findall(r'\bt\("([a-z0-9_.]+)"[),]', text)}
    code = [
        f.read_text("utf-8")
        for folder in ("", "pages", "rest")
        for f in FOLDER.joinpath(folder).iterdir()
        if f.name.endswith(".py")
    ]
    return found | {
        key
        for text in code
        for key in re.findall(r'"((?:problem|login)\.[a-z0-9_]+)"', text)
        if not key.endswith(".html")
    }


def test_every_key_in_both_languages_with_the_same_fields() -> None:
    for key, texts in catalogue().items():
        assert set(texts) == set(LANGUAGES), key
        fields = [{name for _, name, _, _ in Formatter().parse(texts[language]) if name} for language in LANGUAGES]
        assert fields[0] == fields[1], key


def test_every_used_key_exists() -> None:
    assert len(used_keys()) > 60
    assert used_keys() <= set(catalogue())


def test_every_severity_family_and_rule_has_words() -> None:
    wanted = (
        {f"severity.{s}" for s in Severity} | {f"family.{r.family}" for r in RULES} | {f"rule.{r.name}" for r in RULES}
    )
    assert wanted <= set(catalogue())


def test_numbers_keep_every_digit() -> None:
    assert Words("sl", ZONE).number(Decimal("1000.50")) == "1000,50"
    assert Words("en", ZONE).number(Decimal("1000.50")) == "1000.50"
    assert Words("en", ZONE).number(Decimal("1E+3")) == "1000"


def test_times_are_local() -> None:
    summer, winter = datetime(2026, 7, 1, 10, tzinfo=UTC), datetime(2026, 1, 1, 10, tzinfo=UTC)
    assert Words("sl", ZONE).stamp(summer) == "1. 7. 2026 12:00"
    assert Words("en", ZONE).stamp(winter) == "1 Jan 2026 11:00"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("en-GB,en;q=0.9,sl;q=0.8", "en"),
        ("de, sl;q=0.5, en;q=0.4", "sl"),
        ("", "sl"),
        ("de", "sl"),
        ("en;q=0", "sl"),
        ("en;q=x,sl", "sl"),
    ],
)
def test_browser_language(header: str, expected: str) -> None:
    assert preferred(header, "sl") == expected


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(minutes=-3), "0 min"),
        (timedelta(minutes=59), "59 min"),
        (timedelta(hours=1), "1 h"),
        (timedelta(hours=47), "47 h"),
        (timedelta(hours=48), "2 d"),
    ],
)
def test_ages(span: timedelta, text: str) -> None:
    assert age(span) == text


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "/\n/evil"]
)
def test_login_leads_nowhere_else(target: str) -> None:
    assert inside(target) == "/"


def test_login_leads_back() -> None:
    assert inside("/alerts?state=all") == "/alerts?state=all"


def reasons_in_code() -> set[str]:
    """Every reason to hold a result that the code or the table of analytes names."""
    text = "".join(
        f.read_text("utf-8") for f in resources.files("services.mapping").iterdir() if f.name.endswith(".py")
    )
    text += "".join(f.read_text("utf-8") for f in resources.files("schemas").iterdir() if f.name.endswith(".py"))
    table = resources.files("schemas").joinpath("analytes.toml").read_text("utf-8")
    found = set(re.findall(r'(?:UnitRefused|Refusal)\("([a-z_]+)"', text)) | set(
        re.findall(r'reason = "([a-z_]+)"', table)
    )
    found |= set(re.findall(r'"(collected_in_future|placeholder_identity|patient_missing|unlisted_authority)"', text))
    return found


def test_everything_that_is_held_or_asked_says_why_and_what_to_do() -> None:
    assert reasons_in_code() <= set(REASONS) - {"identity_conflict"}
    assert len(reasons_in_code()) > 15
    asked = {*_ASKED, "antigen_excess", "order_id_reused", "identity_conflict", "patient_link", "unmerge", "storm"}
    wanted = {f"{part}.{name}" for part in ("held", "todo") for name in (*REASONS, *asked)}
    assert wanted <= set(catalogue())
