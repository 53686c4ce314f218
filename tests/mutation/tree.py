"""A copy of the checkout to break on purpose, so that the checkout itself is never touched."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("alerts", "schemas", "services", "infra", "tests")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".hypothesis")


def copied(to: Path) -> Path:
    """Code and tests as they are now, with the project file; `to` must not exist yet."""
    to.mkdir(parents=True)
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, to / folder, ignore=LEFT_OUT)
    shutil.copy(ROOT / "pyproject.toml", to)
    return to


def found(tree: Path, patterns: list[str]) -> list[str]:
    """The files of `tree` that the patterns name; a pattern that names none is an error of the table."""
    files = {pattern: sorted(str(path.relative_to(tree)) for path in tree.glob(pattern)) for pattern in patterns}
    if empty := [pattern for pattern, names in files.items() if not names]:
        raise FileNotFoundError(f"table.toml names files that are not there: {', '.join(empty)}")
    return [name for names in files.values() for name in names]
