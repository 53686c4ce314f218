"""Every flag that the code can put on a result or an alert has words in both languages, found by reading the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.explaining import flag_words
from alerts.specimen_notes import MARKS, NOT_EXCLUDED
from alerts.wording import LANGUAGES, catalogue
from schemas.analytes import ANALYTES

ROOT = Path(__file__).parents[3]
WORD = re.compile(r"[A-Za-z][A-Za-z0-9_?]*")
NAMES = re.compile(r"flag|note|remark|doubt|contradiction|differs|_of_statuses", re.IGNORECASE)
NO_FLAGS = frozenset({
    # facts and analytes read where flags are made
    "ANNOTATE", "HOLD_NON_CRITICAL", "BIO_SIGNIFICANT", "HV_HIGH", "TRUE", "calcium", "drugs",
    "sample_flags", "why", "noted", "immunoglobulin", "infusion", "steroid", "growth_factor",
    # of derived values, shown as they are in the table of results
    "cr_not_assessable", "without_pd", "rapid", "unreliable", "high", "high_suggest_repeat", "low", "none",
    "limits_unknown", "not_adjusted", "ask_for_dilution", "abnormal_", "unconfirmed_", "preliminary_",
})  # fmt: skip


def strings(node: ast.AST) -> Iterator[str]:
    """Word-like texts below a node."""
    for one in ast.walk(node):
        if isinstance(one, ast.Constant) and isinstance(one.value, str) and WORD.fullmatch(one.value):
            yield one.value


def said(tree: ast.Module) -> Iterator[str]:
    """Texts in what is passed or assigned as a flag, and in functions that are named after them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in ("flags", "flag"):
            yield from strings(node.value)
        elif isinstance(node, ast.Call) and re.search(r"flags?\.(append|add)$", ast.unparse(node.func)):
            yield from (text for part in node.args for text in strings(part))
        elif isinstance(node, ast.FunctionDef) and NAMES.search(node.name):
            yield from (text for part in node.body for text in strings(part))
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(re.search(r"flag|MARKS|NOTES|_SAID|_CONDITIONS|UNKNOWN$", ast.unparse(t)) for t in targets):
                yield from strings(node.value)


def flags() -> list[str]:
    files = [*ROOT.glob("alerts/**/*.py"), *ROOT.glob("services/mapping/*.py")]
    found = {text for file in files if "wording" not in file.parts for text in said(ast.parse(file.read_text("utf-8")))}
    found |= MARKS | {NOT_EXCLUDED, "suppressed_dialysis", "suppressed_not_adult"}
    others = NO_FLAGS | ANALYTES.keys()
    return sorted(text for text in found - others if not text.endswith("_") and (text == "EDTA?" or not text.isupper()))


def test_the_reading_of_the_code_finds_what_is_known_to_be_there() -> None:
    known = {"date_only", "haemolysed", "near_duplicate", "silent_correction", "cross_method", "ratio_differs",
             "line_start_assumed", "EDTA?", "specimen_condition", "point_of_care", "expect_right_patient"}  # fmt: skip
    assert known <= set(flags())


@pytest.mark.parametrize("flag", flags())
def test_every_flag_has_words(flag: str) -> None:
    for language in LANGUAGES:
        assert catalogue(language).first(f"flag.{flag}", f"note.{flag}"), f"{flag} has no words in {language}.po"


def test_an_unknown_flag_is_shown_by_its_name() -> None:
    assert flag_words("no_such_flag_yet", "sl") == "no such flag yet"
