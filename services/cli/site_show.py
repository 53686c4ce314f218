"""`halo site show`: the site file in force, byte for byte, or who put which one in force when."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any, LiteralString

import click

from services.cli.running import DATA_DIR, settings_of
from services.shared import database

_HISTORY: LiteralString = """
SELECT from_at, version, who, second, preview FROM active_version WHERE kind = 'site' ORDER BY from_at, id
"""
_CONTENT: LiteralString = "SELECT content FROM site_file WHERE version = %s"


@click.command("show")
@click.argument("version", required=False)
@click.option("--history", is_flag=True, help="List which files were in force, since when and by whom.")
@DATA_DIR
def show(version: str | None, data_dir: Path | None, *, history: bool) -> None:
    """Print the site file in force, or the one of VERSION (as in a result's `mapping_version`)."""
    rows, content = asyncio.run(_read(settings_of(data_dir).database, version))
    if history:
        for at, name, who, second, preview in rows:
            people = f"{who} and {second}" if second else who
            figures = ", ".join(f"{key} {count}" for key, count in preview.items())
            click.echo(f"{at:%Y-%m-%d %H:%M}Z {name} by {people}{'; ' + figures if figures else ''}")
        return
    if content is None:
        raise click.ClickException(f"no site file {version} is stored" if version else "no site file is in force")
    sys.stdout.buffer.write(content)


async def _read(dsn: str, version: str | None) -> tuple[list[tuple[Any, ...]], bytes | None]:
    async with await database.connect(dsn, "site") as conn:
        rows = await (await conn.execute(_HISTORY)).fetchall()
        wanted = version or (rows[-1][1] if rows else "")
        found = await (await conn.execute(_CONTENT, (wanted,))).fetchone()
        return rows, bytes(found[0]) if found else None
