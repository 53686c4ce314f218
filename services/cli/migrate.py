"""`halo migrate`: bring the database's schema up to date."""

from __future__ import annotations

import click

from infra.database import migrate
from services.cli.running import settings_of
from services.cli.saying import Sayer


@click.command("migrate")
@click.option("--check", is_flag=True, help="Only list what is pending; exit 1 when something is.")
@click.pass_context
def command(context: click.Context, *, check: bool) -> None:
    """Apply pending migrations to the database of HALO_DATABASE."""
    sayer, dsn = Sayer(), settings_of().database
    if check:
        waiting = migrate.pending(dsn)
        for name in waiting:
            sayer.say(f"pending {name}")
        context.exit(1 if waiting else 0)
    for name in migrate.apply(dsn):
        sayer.say(f"applied {name}")
    sayer.say("the database is up to date", style="green")
