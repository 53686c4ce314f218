"""`halo doctor`: is everything as it must be, and what to do where it is not."""

from __future__ import annotations

from pathlib import Path

import click

from services.cli.checks import Finding, run_all
from services.cli.running import DATA_DIR, settings_of
from services.cli.saying import Sayer

STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


@click.command("doctor")
@DATA_DIR
@click.pass_context
def command(context: click.Context, data_dir: Path | None) -> None:
    """Check settings, disk, broker, topics, database, clock and migrations; exit 1 when something fails."""
    findings = run_all(settings_of(data_dir))
    sayer = Sayer()
    for finding in findings:
        sayer.say(line(finding), style=STYLES[finding.level])
    context.exit(1 if any(finding.level == "fail" for finding in findings) else 0)


def line(finding: Finding) -> str:
    """One finding as a line."""
    todo = f" -> {finding.todo}" if finding.todo else ""
    return f"{finding.level:4} {finding.what:12} {finding.text}{todo}"
