"""`halo site check FILE`: whether a site file can be used, with the line of each mistake, and what looks wrong."""

from __future__ import annotations

from pathlib import Path

import click

from services.cli.site_text import read_file
from services.mapping.site_warnings import warnings


@click.command("check")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--strict", is_flag=True, help="End with 1 for warnings too.")
@click.pass_context
def check(context: click.Context, file: Path, *, strict: bool) -> None:
    """Check the site file FILE. Ends with 0 when it can be used, 1 when it cannot; nothing is changed."""
    site = read_file(file)
    found = warnings(site)
    for one in found:
        click.echo(f"{file}, {one}", err=True)
    parts = (("senders", site.senders), ("laboratories", site.file.laboratory), ("codes", site.file.code),
             ("ignored codes", site.file.ignore))  # fmt: skip
    counts = ", ".join(f"{len(entries)} {name}" for name, entries in parts)
    click.echo(f"{file}: can be used, version {site.version}: {counts}; {len(found)} warnings")
    context.exit(1 if strict and found else 0)
