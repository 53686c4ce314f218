"""Another rule pack from a file, for `halo rules` and `halo evaluate`; it must hold every number that rules read."""

from __future__ import annotations

from pathlib import Path

import click

from alerts.pack_check import lacking
from alerts.thresholds import Pack, default_pack, load

RULES_OPTION = click.option(
    "--rules", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Another rule pack (TOML, as alerts/thresholds.toml) instead of the one that ships.",
)  # fmt: skip


def pack_of(path: Path | None) -> Pack:
    """The pack of the file, or the one that ships. ClickException names the file and what is wrong in it."""
    if path is None:
        return default_pack()
    try:
        pack = load(path.read_text("utf-8"))
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise click.ClickException(f"{path} is no rule pack: {type(error).__name__}: {error}") from error
    missing = lacking(pack)
    if missing:
        raise click.ClickException(f"{path} lacks what the rules read: {', '.join(missing)}")
    return pack
