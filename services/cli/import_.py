"""`halo import`: years of history from files, through the same way as live results, and nobody is paged for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import click

from schemas.patient_event import Purpose
from services.cli.importing import files
from services.cli.importing.kafka_side import Line
from services.cli.importing.pieces import Format, Options, Piece
from services.cli.importing.running import Import, run
from services.cli.importing.showing import Told, progress, refused_lines, summary
from services.cli.running import DATA_DIR, settings_of
from services.cli.saying import Sayer
from services.ledger import site_in_force
from services.ledger.opening import load_site
from services.ledger.record import StreamName
from services.mapping.site_file import SiteInvalid
from services.reading.csv_layout import TEMPLATE
from services.reading.formats import UnreadableFile
from services.shared import collecting, database, kafka
from services.shared.clock import SystemClock
from services.shared.settings import Settings
from services.shared.topics import PATIENT_EVENTS

BROKEN_OFF = 130
_LIVE = (
    "these results are sent as live: people are notified of what they say, however old it is. Leave --purpose out for "
    "history"
)


@click.command("import")
@click.argument("paths", metavar="FILE...", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--format", "form", type=click.Choice(["csv", "ndjson", "hl7v2", "fhir"]), help="Found out when left out."
)
@click.option("--purpose", type=click.Choice(["history", "live"]), default="history", show_default=True)
@click.option("--sender", default="", help="Who says what stands in a CSV or FHIR file; `csv` and `fhir` if left out.")
@click.option("--authority", default="", help="Of patient numbers in a CSV without a column `authority`.")
@click.option("--laboratory", default="", help="Of results in a CSV without a column `laboratory`.")
@click.option("--encoding", default="", help="windows-1250, ...; of CSV UTF-8 when left out, never guessed.")
@click.option("--refusals", type=click.Path(dir_okay=False, path_type=Path), help="Write all refused lines there too.")
@click.option("--template", is_flag=True, help="Print a CSV to begin with.")
@DATA_DIR
@click.pass_context
def command(  # noqa: PLR0913 - one an option
    context: click.Context, *, paths: tuple[Path, ...], form: Format | None, purpose: Purpose, sender: str,
    authority: str, laboratory: str, encoding: str, refusals: Path | None, template: bool, data_dir: Path | None,
) -> None:  # fmt: skip
    """Bring in history from FILES: CSV, HL7 v2, FHIR or NDJSON of events; episodes are right and nobody is paged.

    May be broken off at any time and started again: only what is not stored yet is sent. Ends with 1 if anything was
    refused or could not be read, and names file, line and reason.
    """
    if template:
        click.echo(TEMPLATE, nl=False)
        return
    if not paths:
        raise click.UsageError("give at least one FILE, or --template")
    if purpose == "live":
        click.echo(f"halo import: {_LIVE}", err=True)
    collecting.seldom()
    sayer, settings = Sayer(), settings_of(data_dir)
    options = Options(purpose=purpose, now=_now, sender=sender, authority=authority, laboratory=laboratory,
                      encoding=_codec(encoding))  # fmt: skip
    try:
        one = asyncio.run(_import(settings, paths, form, options, sayer))
    except (SiteInvalid, UnreadableFile, OSError) as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        sayer.say("broken off; what was sent is stored. Run it again for the rest")
        context.exit(BROKEN_OFF)
    _say_all(sayer, one, refusals)
    context.exit(1 if one.tally.refused or one.tally.lost or one.tally.unaccounted else 0)


def _say_all(sayer: Sayer, one: Import, refusals: Path | None) -> None:
    for line in (*refused_lines(one.refusals), *summary(one.tally)):
        sayer.say(line)
    if refusals is not None:
        refusals.write_text("".join(f"{line}\n" for line in one.refusals), "utf-8")


def _codec(name: str) -> str:
    try:
        "".encode(name or "utf-8")
    except LookupError as error:
        raise click.BadParameter(f"{name!r} is no encoding", param_hint="--encoding") from error
    return name


def _now() -> str:
    return SystemClock().now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def _import(
    settings: Settings, paths: tuple[Path, ...], form: Format | None, options: Options, sayer: Sayer
) -> Import:
    """Everything stored and counted, or an error that says how to go on."""
    stream = await asyncio.to_thread(_stream, settings)
    async with (
        await database.connect(settings.database, "import", autocommit=True) as conn,
        Line(settings.kafka) as line,
    ):
        options = replace(options, site=await site_in_force.known(conn, load_site(settings.site)))
        one = Import(conn, line, stream, sayer.say)
        with progress(sum(path.stat().st_size for path in paths), sayer) as told:
            await bring(_pieces(paths, form, options), one, told)
        return one


async def bring(pieces: Iterator[Piece], one: Import, told: Told) -> None:
    """Everything; what breaks it off says that some is stored only when some was sent."""
    try:
        await run(pieces, one, told)
    except (UnreadableFile, OSError) as error:
        if not one.sent:
            raise
        raise click.ClickException(f"{error}. What was sent before is stored; run it again") from error


def _stream(settings: Settings) -> StreamName:
    """The log that the processors count in."""
    return StreamName(
        group=settings.consumer_group, cluster_id=kafka.cluster_id(settings.kafka), topic=PATIENT_EVENTS,
        topic_id=str(kafka.topic_id(settings.kafka, PATIENT_EVENTS)),
    )  # fmt: skip


def _pieces(paths: tuple[Path, ...], form: Format | None, options: Options) -> Iterator[Piece]:
    for path in paths:
        yield from files.read(path, form, options)
