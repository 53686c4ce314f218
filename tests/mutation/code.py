"""Mutants of the code, made and run by mutmut: each operator, argument, constant and text changed on its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.mutation.tree import copied, found

Outcome = dict[str, tuple[str, str]]
"""By mutant: `killed`, `survived` or what else mutmut says, and for those not killed the change as a diff."""


def outcome(folder: Path, files: list[str], tests: list[str], rules: list[str]) -> dict[str, Outcome]:
    """By file, every mutant. `folder` is made and may be deleted afterwards."""
    tree = copied(folder)
    files, tests = found(tree, files), found(tree, tests)
    with (tree / "pyproject.toml").open("a", encoding="utf-8") as project:
        project.write(_settings(files, tests))
    _python(tree, "mutmut", "run", "--max-children", "1", rules=rules)
    return {name: _of(tree, name) for name in files}


def _settings(files: list[str], tests: list[str]) -> str:
    """JSON lists of strings are TOML ones too."""
    return (
        '\n[tool.mutmut]\nsource_paths = ["alerts"]\nalso_copy = ["schemas", "services", "infra"]\n'
        f"only_mutate = {json.dumps(files)}\n"
        f"pytest_add_cli_args_test_selection = {json.dumps(tests)}\n"
        'pytest_add_cli_args = ["-x", "-q", "--noconftest", "-p", "no:cacheprovider", "-p", "tests.mutation.only"]\n'
        "use_git_change_detection = false\ntrack_dependencies = false\nuse_setproctitle = false\n"
    )


def _of(tree: Path, name: str) -> Outcome:
    module = name.removesuffix(".py").replace("/", ".")
    said = re.findall(r"^ +(\S+): (.+)$", _python(tree, "mutmut", "results", "--all", "true"), re.MULTILINE)
    ours = {mutant: status for mutant, status in said if mutant.rpartition(".")[0] == module}
    left = [mutant for mutant, status in ours.items() if status != "killed"]
    shown = json.loads(_python(tree, "tests.mutation.shown", name, *left)) if left else {}
    return {mutant: (status, shown.get(mutant, "")) for mutant, status in ours.items()}


def _python(tree: Path, *words: str, rules: Iterable[str] = ()) -> str:
    known = {**os.environ, "HALO_RULES": ",".join(rules)}
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=tree, env=known, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} failed: {done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout
