"""`halo demo`: `halo up` with a simulated ward and an inbox. Made-up patients only."""

from __future__ import annotations

import base64
import logging
import os
import secrets
import sys
from pathlib import Path
from time import monotonic

import click

from services.cli.demo_report import Figures, measure, show, verdict
from services.cli.demo_setup import Demo, refuse_other_data, refuse_taken_ports, write_channels
from services.cli.inbox import Inbox
from services.cli.installation import Installation, Place
from services.cli.saying import Sayer
from services.cli.stopping import Stopped, interrupting
from services.cli.up import ports_from, say_addresses
from services.shared import log, metrics
from services.shared.settings import Settings

DRAIN_SECONDS = 20.0
"""How long the last deliveries may take after the ward has stopped."""


@click.command("demo")
@click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Default: demo in HALO_DATA_DIR.")
@click.option("--ports", "base", type=click.IntRange(1024, 65_000), help="First port; moves all of them.")
@click.option("--seconds", type=click.FloatRange(min=5), envvar="HALO_DEMO_SECONDS", help="End by itself after this.")
@click.option("--speed", type=click.FloatRange(0.1, 100), default=1.0, show_default=True, help="Of the live draws.")
@click.option("--patients", type=click.IntRange(6, 2000), default=40, show_default=True)
def command(data_dir: Path | None, base: int | None, seconds: float | None, speed: float, patients: int) -> None:
    """Run everything on this machine with a made-up ward, and show where alerts arrive.

    With --seconds it ends by itself: exit 0 only if results arrived, all four families alerted and every alert was
    delivered.
    """
    settings = Settings()
    log.configure("demo", json=settings.log_json and not sys.stderr.isatty(), level=logging.WARNING)
    metrics.announce("demo")
    place = Place.from_environment(data_dir or settings.data_dir / "demo", ports_from(base), workers=1)
    demo = Demo(place=place, speed=speed, patients=patients, seconds=seconds)
    sayer = Sayer()
    sayer.say("Halo demo: made-up patients only, NOT APPROVED FOR CLINICAL USE. Ctrl-C stops it.", style="bold")
    faults: list[str] = []
    with interrupting():
        try:
            faults = run(demo, sayer)
        except Stopped:
            sayer.say("stopped; the data stay, the next start goes on with them")
    if faults:
        for fault in faults:
            sayer.say(f"FAILED: {fault}", style="bold red")
        sys.exit(1)


def run(demo: Demo, sayer: Sayer) -> list[str]:
    """Start, send, and (with a time limit) judge; what was wrong, nothing when all was well."""
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
    ports = demo.place.ports
    refuse_taken_ports(ports)
    demo.place.data_dir.mkdir(parents=True, exist_ok=True)
    environment = write_channels(demo, secret)
    with (
        Inbox(ports.smtp_sink, ports.webhook_sink, secret, f"http://127.0.0.1:{ports.board}") as inbox,
        Installation(demo.place, sayer, extra_env=environment) as installation,
    ):
        installation.start(prepare=refuse_other_data)
        installation.wait_ready()
        (demo.place.data_dir / "ward.stop").unlink(missing_ok=True)
        installation.add("ward", "services.cli.ward.app", *demo.ward_arguments())
        say_addresses(installation, sayer)
        sayer.say(f"  {'inbox':18} http://127.0.0.1:{ports.webhook_sink}")
        demo.say_login(installation.dsn, sayer)
        return _watch(demo, installation, inbox, sayer)


def _watch(demo: Demo, installation: Installation, inbox: Inbox, sayer: Sayer) -> list[str]:
    begun = monotonic()
    end = begun + demo.seconds if demo.seconds else None
    while end is None or monotonic() < end:
        _supervise(installation, 2.0 if end is None else min(2.0, max(end - monotonic(), 0)))
        sayer.say(measure(installation.dsn, inbox, demo).line(monotonic() - begun))
    (demo.place.data_dir / "ward.stop").touch()
    figures = _drained(demo, installation, inbox)
    show(figures, sayer)
    return verdict(figures)


def _drained(demo: Demo, installation: Installation, inbox: Inbox) -> Figures:
    """Figures once nothing waits any more, or after `DRAIN_SECONDS`."""
    end = monotonic() + DRAIN_SECONDS
    while True:
        _supervise(installation, 0.5)
        figures = measure(installation.dsn, inbox, demo)
        if monotonic() > end or figures.settled:
            return figures


def _supervise(installation: Installation, seconds: float) -> None:
    until = monotonic() + seconds
    installation.supervisor.run(lambda: monotonic() > until)


if __name__ == "__main__":
    os.environ.setdefault("HALO_LOG_JSON", "0")
    command()
