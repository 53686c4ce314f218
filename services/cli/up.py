"""`halo up`: everything on this machine, until Ctrl-C."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from services.cli.installation import Installation, Place
from services.cli.saying import Sayer
from services.cli.stopping import Stopped, interrupting
from services.shared import log, metrics
from services.shared.ports import DEFAULT_BASE, Ports
from services.shared.settings import Settings


def ports_from(base: int | None) -> Ports:
    """The ports of `--ports BASE`, or the usual ones."""
    return Ports(base=DEFAULT_BASE if base is None else base, moved=base is not None)


@click.command("up")
@click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Folder of everything embedded.")
@click.option("--ports", "base", type=click.IntRange(1024, 65_000), help="First port; moves all of them.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processors side by side.")
def command(data_dir: Path | None, base: int | None, workers: int) -> None:
    """Start all processes and keep them running; print the addresses.

    Kafka and PostgreSQL are embedded unless HALO_KAFKA / HALO_DATABASE name real ones.
    """
    settings = Settings()
    log.configure("up", json=settings.log_json and not sys.stderr.isatty())
    metrics.announce("up")
    sayer = Sayer()
    place = Place.from_environment(data_dir or settings.data_dir, ports_from(base), workers)
    with interrupting():
        try:
            with Installation(place, sayer) as installation:
                run(installation, sayer)
        except Stopped:
            sayer.say("stopped")


def run(installation: Installation, sayer: Sayer) -> None:
    """Start, say where everything is, supervise until Stopped is raised; says when the stop begins."""
    try:
        installation.start()
        installation.wait_ready()
        say_addresses(installation, sayer)
        installation.supervisor.run(lambda: False)
    except Stopped as wish:
        sayer.say(f"{wish}: stopping, intake first")
        raise


def say_addresses(installation: Installation, sayer: Sayer) -> None:
    """Where to go now. The database's address holds a password and stays in addresses.json."""
    for name, address in installation.addresses().items():
        if name != "database":
            sayer.say(f"  {name:18} {address}")
    sayer.say(f"  {'logs':18} {installation.place.data_dir / 'logs'}")
    sayer.say("Halo is up. Ctrl-C stops it.", style="bold green")
