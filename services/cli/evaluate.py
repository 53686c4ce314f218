"""`halo evaluate`: files in, one JSON line per patient out, without servers and with the processor's own code."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import click
import msgspec

from alerts.thresholds import Pack
from schemas.patient_event import Event, Heartbeat, Refused
from services.cli.context_csv import ContextInvalid, read_context
from services.cli.pack_file import RULES_OPTION, pack_in, pack_of
from services.cli.running import settings_of
from services.ledger import replaying, site_in_force
from services.ledger.memory import Memory
from services.ledger.opening import load_site
from services.mapping.site import Site
from services.mapping.site_file import SiteInvalid
from services.reading.adt import DISPOSITIONS
from services.reading.formats import Format, UnreadableFile, read_file
from services.shared import database, rule_pack
from services.shared.settings import Settings

PIPE_CLOSED = 141
"""128 and the number of SIGPIPE, as a shell says it."""
NEVER = "9999-12-31T00:00:00Z"
"""Reception of a message without any time of its own: no collection time is in its future."""


@click.command("evaluate")
@click.option(
    "--format", "form", type=click.Choice(["hl7v2", "fhir", "ndjson", "csv"]), help="Found out by itself when left out."
)
@click.option(
    "--now",
    help="Evaluate as of this time (ISO 8601; UTC where it names no offset) instead of the newest reception.",
)
@click.option("--site", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="The hospital's site file.")
@click.option("--context", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="CSV of patient context.")
@RULES_OPTION
@click.option("--stored", is_flag=True, help="Print what the ledger holds instead of reading files.")
@click.option(
    "--data-dir", type=click.Path(path_type=Path, file_okay=False), help="With --stored: a running `halo up`."
)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
def command(  # noqa: PLR0913 - one an option
    form: str | None, now: str | None, site: Path | None, context: Path | None, rules: Path | None, stored: bool,
    data_dir: Path | None, files: tuple[Path, ...],
) -> None:  # fmt: skip
    """Evaluate HL7 v2, FHIR, NDJSON or CSV FILES and print one JSON line per patient; nothing is stored or sent.

    Messages that are refused are named on stderr. Ends with 1 only when a file cannot be read at all.
    """
    if stored == bool(files):
        raise click.UsageError("give either FILES or --stored")
    pack = pack_of(rules)
    try:
        moment, known = _moment(now), load_site(site)
        lines = (
            _stored(data_dir, known if site else None, pack if rules else None, moment) if stored else
            _files(files, form, context, Memory(known, now=moment, pack=pack), known, moment)
        )  # fmt: skip
        for line in lines:
            click.echo(line)
    except BrokenPipeError:
        # Whoever read has enough (`| head`): as a program that the signal ended, and nothing is flushed at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(PIPE_CLOSED)
    except (OSError, UnreadableFile, SiteInvalid, ContextInvalid) as error:
        raise click.ClickException(str(error)) from error


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no ISO 8601 time", param_hint="--now") from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def _files(
    files: tuple[Path, ...], form: str | None, context: Path | None, memory: Memory, site: Site, now: datetime | None
) -> Iterator[bytes]:
    received_at = now.isoformat().replace("+00:00", "Z") if now else NEVER
    for path in files:
        for event in _events(path, form, site):
            wrong = memory.take(_received(event, received_at))
            if wrong:
                click.echo(f"{path}: {wrong}", err=True)
    for change in read_context(context, received_at) if context else ():
        wrong = memory.take(change)
        if wrong:
            raise ContextInvalid(f"{context}: {wrong}")
    yield from memory.lines()


def _events(path: Path, form: str | None, site: Site) -> Iterator[Event]:
    try:
        outcomes = read_file(
            path.read_bytes(), cast("Format | None", form), zone=site.zone, choose=site.patient_id,
            dispositions={**DISPOSITIONS, **site.file.discharge}, systems=site.file.identifier.systems,
        )  # fmt: skip
        for number, outcome in enumerate(outcomes, 1):
            if outcome.refusal is not None:
                click.echo(
                    f"{path}, message {number}: refused: {outcome.refusal.reason}: {outcome.refusal.text}", err=True
                )
            elif outcome.ignored:
                click.echo(f"{path}, message {number}: {outcome.ignored}", err=True)
            yield from (event for event in outcome.events if not isinstance(event, Refused | Heartbeat))
    except UnreadableFile as error:
        raise UnreadableFile(f"{path}: {error}") from error


def _received(event: Event, received_at: str) -> Event:
    if isinstance(event, Heartbeat) or event.source.received_at:
        return event
    return msgspec.structs.replace(event, source=msgspec.structs.replace(event.source, received_at=received_at))


def _stored(data_dir: Path | None, site: Site | None, pack: Pack | None, now: datetime | None) -> list[bytes]:
    return asyncio.run(_read_stored(settings_of(data_dir), site, pack, now))


async def _read_stored(settings: Settings, named: Site | None, pack: Pack | None, now: datetime | None) -> list[bytes]:
    async with await database.connect(settings.database, "evaluate") as conn:
        await conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        chosen = pack or pack_in((await rule_pack.read_in_force(conn))[0])
        site = named or await site_in_force.known(conn, load_site(settings.site))
        return await replaying.lines(conn, site.zone, chosen, now=now)
