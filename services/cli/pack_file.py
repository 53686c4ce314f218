"""Another rule pack from a file, for `halo rules` and `halo evaluate`; it must hold every number that rules read."""

from __future__ import annotations

from pathlib import Path

import click

from alerts.pack_check import lacking, rebound, strange
from alerts.thresholds import Pack, default_pack, load

RULES_OPTION = click.option(
    "--rules", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Another rule pack (TOML, as alerts/thresholds.toml) instead of the one that ships.",
)  # fmt: skip


def pack_of(path: Path | None) -> Pack:
    """The pack of the file, or the one that ships. ClickException names the file and what is wrong in it."""
    if path is None:
        return default_pack()
    return pack_in(path.read_text("utf-8"), str(path))


def content_of(path: Path | None) -> str:
    """The text of a file that is a rule pack, empty without a file. ClickException as `pack_of`."""
    if path is None:
        return ""
    pack_of(path)
    return path.read_text("utf-8")


def pack_in(content: str, name: str = "the rule pack in force") -> Pack:
    """The pack of a text. ClickException names it and what is wrong in it."""
    try:
        pack = load(content)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise click.ClickException(f"{name} is no rule pack: {type(error).__name__}: {error}") from error
    missing = lacking(pack)
    if missing:
        raise click.ClickException(f"{name} lacks what the rules read: {', '.join(missing)}")
    changed = rebound(pack)
    if changed:
        said = f"{name} changes whether the bound of a span belongs to it, which the rules do not read"
        raise click.ClickException(f"{said}: {', '.join(changed)}")
    wrong = strange(pack)
    if wrong:
        raise click.ClickException(
            f"{name} has limits in other units than the rules read, or below 0: {'; '.join(wrong)}"
        )
    return pack
