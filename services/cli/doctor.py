"""`halo doctor`: is everything as it must be, and what to do where it is not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from services.cli.checks import Finding, run_all
from services.cli.saying import Sayer
from services.shared.settings import Settings

STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def settings_of(data_dir: Path | None) -> Settings:
    """The environment's settings; servers not named there are those of a running `halo up` on the data folder."""
    settings = Settings() if data_dir is None else Settings(data_dir=data_dir)
    running = settings.data_dir / "addresses.json"
    if not running.exists():
        return settings
    addresses = json.loads(running.read_text("utf-8"))
    found = {name: addresses[name] for name in ("kafka", "database") if f"HALO_{name.upper()}" not in os.environ}
    return settings.model_copy(update=found)


@click.command("doctor")
@click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Folder of a running `halo up`.")
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
