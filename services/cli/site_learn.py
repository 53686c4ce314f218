"""`halo site learn FILE...`: reads messages and proposes what the site file does not say yet, as TOML with counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, LiteralString

import click
from psycopg import AsyncConnection

from schemas.codec import decode_event
from schemas.patient_event import LabReport
from services.cli.running import DATA_DIR, settings_of
from services.cli.site_text import read_file as read_site_file
from services.ledger import site_in_force
from services.ledger.opening import load_site
from services.mapping.learning import Learned
from services.mapping.proposing import propose
from services.mapping.site import DEFAULT_SITE, Site
from services.reading.formats import UnreadableFile, read_file
from services.shared import database
from services.shared.settings import Settings

EVERY = 1000
_HELD: LiteralString = """
SELECT event FROM source_message WHERE type = 'lab_report' AND event_id IN (
    SELECT event_id FROM quarantine WHERE closed_at IS NULL)
"""


@click.command("learn")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--site", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="The site file that is to be completed; left out: the one in force, else none.")  # fmt: skip
@click.option("--from-quarantine", is_flag=True, help="Read the reports with held results of a running installation.")
@DATA_DIR
def learn(files: tuple[Path, ...], site: Path | None, data_dir: Path | None, *, from_quarantine: bool) -> None:
    """Read HL7 v2, FHIR, NDJSON or CSV FILES and print the entries that the site file lacks, as TOML.

    Codes, names of tests, units and numbers are shown, nothing of a patient. Entries that are certain by LOINC stand as
    they are, all others are commented out and marked `# confirm`. Nothing is changed.
    """
    if bool(files) == from_quarantine:
        raise click.UsageError("give either FILES or --from-quarantine")
    settings = settings_of(data_dir)
    known = read_site_file(site) if site else None
    if from_quarantine:
        learned, known = asyncio.run(_from_quarantine(settings, known))
    else:
        known = known or (load_site(settings.site) if settings.site else DEFAULT_SITE)
        learned = Learned()
        for number, report in enumerate(_reports(files, known), 1):
            learned.take(report, known)
            if number % EVERY == 0:
                click.echo(f"{number} reports", err=True)
    click.echo(propose(learned, known), nl=False)


def _reports(files: tuple[Path, ...], site: Site) -> Iterator[LabReport]:
    for path in files:
        try:
            outcomes = read_file(
                path.read_bytes(), zone=site.zone, choose=site.patient_id, systems=site.file.identifier.systems
            )
            for number, outcome in enumerate(outcomes, 1):
                if outcome.refusal is not None:
                    click.echo(f"{path}, message {number}: refused: {outcome.refusal.reason}", err=True)
                yield from (event for event in outcome.events if isinstance(event, LabReport))
        except (UnreadableFile, OSError) as error:
            raise click.ClickException(f"{path}: {error}") from error


async def _from_quarantine(settings: Settings, known: Site | None) -> tuple[Learned, Site]:
    learned = Learned()
    async with await database.connect(settings.database, "site") as conn:
        site = known or await site_in_force.in_force(conn, load_site(settings.site))
        await conn.commit()
        async for report in _held(conn):
            learned.take(report, site)
    return learned, site


async def _held(conn: AsyncConnection[Any]) -> AsyncIterator[LabReport]:
    async with conn.cursor(name="held") as cursor:
        await cursor.execute(_HELD)
        async for (event,) in cursor:
            found = decode_event(bytes(event))
            if isinstance(found, LabReport):
                yield found
