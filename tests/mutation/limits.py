"""Mutants of the rule pack: each limit with its bound shut or opened, and moved by one in its last digit either way."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from tests.mutation.tree import copied, found

SHUT = {">=": ">", ">": ">=", "<=": "<", "<": "<="}
SECONDS = 300
"""A run that takes longer is as good as a failed one: the mutant is found out."""


def outcome(folder: Path, sections: list[str], tests: list[str], rules: list[str]) -> dict[str, tuple[str, str]]:
    """By mutant (`section.key: what changed`) `killed` or `survived`, and the line that survived."""
    tree = copied(folder)
    pack, tests = tree / "alerts" / "thresholds.toml", found(tree, tests)
    said = pack.read_text("utf-8")
    if not _passes(tree, tests, rules):
        raise RuntimeError(f"the tests fail on the pack as it is: {' '.join(tests)}")
    result = {}
    for section in sections:
        for name, line, changed in mutants(said, section):
            pack.write_text(said.replace(_block(said, section), _block(said, section).replace(line, changed)), "utf-8")
            result[name] = ("survived", changed) if _passes(tree, tests, rules) else ("killed", "")
            if result[name][1]:
                print(f"  survived: {name}", flush=True)
    return result


def mutants(said: str, section: str) -> Iterator[tuple[str, str, str]]:
    """Name, the line as it is and as it becomes. Equations (`[ckd_epi_*]`) have no operator.

    Whether the bound of a span belongs to it stands in the code; a pack cannot change that (`alerts.pack_check`).
    """
    for line in _block(said, section).splitlines():
        if entry := re.match(r'(\w+) = \{ value = "([^"]+)"(?:, operator = "([<>=]+)")?', line):
            key, value, operator = entry.groups()
            spanned = re.search(r'unit = "(h|d|a)"', line) is not None
            for what, old, new in _changes(value, "" if spanned else operator or ""):
                yield f"{section}.{key}: {what}", line, line.replace(old, new, 1)


def _block(said: str, section: str) -> str:
    block = re.search(rf"^\[{section}\]\n(?:.+\n)*", said, re.MULTILINE)
    if block is None:
        raise KeyError(f"thresholds.toml has no section [{section}], which tests/mutation/table.toml names")
    return block[0]


def _changes(value: str, operator: str) -> list[tuple[str, str, str]]:
    number = Decimal(value)
    digit = Decimal(1).scaleb(int(number.as_tuple().exponent))
    moved = [(f"{value} -> {number + by}", f'value = "{value}"', f'value = "{number + by}"') for by in (digit, -digit)]
    if not operator:
        return moved
    return [(f"{operator} -> {SHUT[operator]}", f'operator = "{operator}"', f'operator = "{SHUT[operator]}"'), *moved]


def _passes(tree: Path, tests: list[str], rules: list[str]) -> bool:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "--noconftest",
        "-p",
        "no:cacheprovider",
        "-p",
        "tests.mutation.only",
        *tests,
    ]
    known = {**os.environ, "HALO_RULES": ",".join(rules)}
    try:
        return (
            subprocess.run(command, cwd=tree, env=known, capture_output=True, timeout=SECONDS, check=False).returncode
            == 0
        )
    except subprocess.TimeoutExpired:
        return False
