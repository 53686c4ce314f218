"""`halo site`: the site file of the hospital, for the data steward: check it, learn what is missing, apply it."""

from __future__ import annotations

import click

from services.cli.site_apply import apply
from services.cli.site_check import check
from services.cli.site_learn import learn
from services.cli.site_show import show


@click.group("site")
def command() -> None:
    """Check the hospital's site file, learn what is missing in it, put another one in force. Its keys: docs/site.md."""


for part in (check, learn, apply, show):
    command.add_command(part)
