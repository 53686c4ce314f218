"""`python -m tests.mutation [GROUP ...] [--only code|limits] [--out FOLDER]`: run the check, say what survived.

Writes `GROUP.code.json` and `GROUP.limits.json` and, for reading, `survivors.txt` into the folder.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from tests.mutation import code, limits
from tests.mutation.tree import ROOT

TABLE = Path(__file__).parent / "table.toml"


def main() -> None:
    """Gives way to everything else on the machine; one process at a time."""
    table = tomllib.loads(TABLE.read_text("utf-8"))
    words = _words(table)
    os.nice(19)
    words.out.mkdir(parents=True, exist_ok=True)
    for name in words.groups or table["group"]:
        group = table["group"][name]
        for kind in (words.only,) if words.only else ("code", "limits"):
            said = _check(kind, group, [*group["tests"], *table["common"]])
            (words.out / f"{name}.{kind}.json").write_text(json.dumps(said, indent=1), "utf-8")
            _print(name, said)
    _write_survivors(words.out)


def _words(table: dict[str, Any]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("groups", nargs="*", help=f"of {', '.join(table['group'])}; all when none is named")
    parser.add_argument("--only", choices=["code", "limits"])
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "mutation")
    return parser.parse_args()


def _check(kind: str, group: dict[str, Any], tests: list[str]) -> dict[str, dict[str, tuple[str, str]]]:
    with tempfile.TemporaryDirectory(prefix="halo-mutation-") as folder:
        tree = Path(folder) / "tree"
        if kind == "code":
            return code.outcome(tree, group["files"], tests, group["rules"])
        return (
            {"alerts/thresholds.toml": limits.outcome(tree, group["sections"], tests, group["rules"])}
            if group["sections"]
            else {}
        )


def _print(group: str, said: dict[str, dict[str, tuple[str, str]]]) -> None:
    for name, mutants in said.items():
        killed = sum(status in ("killed", "timeout") for status, _ in mutants.values())
        print(
            f"{group:14} {name:40} {len(mutants):5} mutants {killed:5} killed {len(mutants) - killed:4} not", flush=True
        )


def _write_survivors(out: Path) -> None:
    lines = []
    for path in sorted(out.glob("*.json")):
        for name, mutants in json.loads(path.read_text("utf-8")).items():
            lines += [f"## {name} {m}: {s}\n{d}" for m, (s, d) in mutants.items() if s not in ("killed", "timeout")]
    (out / "survivors.txt").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
