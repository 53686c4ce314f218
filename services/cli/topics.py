"""`halo topics`: create missing topics and compare the rest with `schemas/topics`."""

from __future__ import annotations

import click

from services.cli.running import settings_of
from services.cli.saying import Sayer
from services.shared import kafka


@click.command("topics")
@click.option("--check", is_flag=True, help="Only compare; create nothing.")
@click.pass_context
def command(context: click.Context, *, check: bool) -> None:
    """Create or check the topics on the broker of HALO_KAFKA; exit 1 when one differs from its file."""
    sayer, settings = Sayer(), settings_of()
    if not check:
        for name in kafka.create_topics(settings.kafka, partitions=settings.partitions):
            sayer.say(f"created {name}")
    faults = kafka.check_topics(settings.kafka, partitions=settings.partitions)
    for fault in faults:
        sayer.say(f"{fault.topic}: {fault.problem}", style="red" if fault.fatal else "yellow")
    if not faults:
        sayer.say("all topics are as their files say", style="green")
    context.exit(1 if faults else 0)
