"""`halo rebuild`: derives every alert anew from the stored results and names what differs. There must be nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from alerts.thresholds import default_pack
from services.cli.running import settings_of
from services.ledger import replaying, site_in_force
from services.ledger.opening import load_site
from services.shared import database
from services.shared.settings import Settings


@click.command("rebuild")
@click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Folder of a running `halo up`.")
@click.pass_context
def command(context: click.Context, data_dir: Path | None) -> None:
    """Compare all stored alerts with what the stored results make; exit 1 when any differs. Changes nothing."""
    found = asyncio.run(_differences(settings_of(data_dir)))
    for difference in found:
        click.echo(f"patient {difference.patient} {difference.rule} {difference.alert_id} {difference.problem}")
    click.echo(f"{len(found)} differences", err=True)
    context.exit(1 if found else 0)


async def _differences(settings: Settings) -> list[replaying.Difference]:
    async with await database.connect(settings.database, "rebuild") as conn:
        await conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        site = await site_in_force.known(conn, load_site(settings.site))
        return [found async for found in replaying.differences(conn, site.zone, default_pack())]
