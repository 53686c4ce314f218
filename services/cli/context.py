"""`halo context`: what people know of patients, from a file to the stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString

import click
import psycopg
from rich.progress import Progress

from schemas.patient_event import ContextChange
from services.cli.context_csv import ContextInvalid, read_context
from services.cli.running import DATA_DIR, settings_of
from services.cli.saying import Sayer
from services.shared import database
from services.shared.candidates import Listed, listed
from services.shared.clock import SystemClock
from services.shared.context_sending import ContextSender
from services.shared.kafka import KafkaUnreachable

_AUDIT: LiteralString = """
INSERT INTO audit (who, action, patient_id, route)
SELECT 'cli', 'read', p, 'halo context candidates' FROM unnest(%s::bigint[]) AS p
"""
_STORED: LiteralString = "SELECT event_id::text FROM source_message WHERE event_id = ANY(%s::text[]::uuid[])"
AT_ONCE = 200
"""Changes on their way together; after each such step it is said how far it is."""


@click.group("context")
def command() -> None:
    """Therapy lines, transfusions, dialysis, enrolment and the like."""


@command.command("import")
@DATA_DIR
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def take_file(file: Path, data_dir: Path | None) -> None:
    """Send every line of a CSV FILE (patient,kind,from,to,code,value,unit,note) as a change of context.

    Nothing is sent when any line cannot be used. The same lines are the same events: what is stored already is a double
    and is not sent, so that an import that was broken off is simply started anew.
    """
    now = SystemClock().now().isoformat().replace("+00:00", "Z")
    try:
        events = read_context(file, now)
    except (ContextInvalid, OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"nothing was sent. {error}") from error
    single = list({event.event_id: event for event in events}.values())
    settings = settings_of(data_dir)
    known = asyncio.run(_known(settings.database, [event.event_id for event in single]))
    new = [event for event in single if known is None or event.event_id not in known]
    asyncio.run(_send(settings.kafka, new))
    patients = len({event.patient.id for event in single})
    unsure = "" if known is not None else "; the database does not answer, so that what it knows already was sent again"
    said = f"lines {len(events)}, sent {len(new)}, doubles {len(events) - len(new)}, patients {patients}"
    Sayer().say(said + unsure)


@command.command("candidates")
@DATA_DIR
def show_candidates(data_dir: Path | None) -> None:
    """Who is not enrolled and has an M-protein or an abnormal light chain ratio, the newest first; audited.

    One line a finding: patient (opaque id), ward, finding, value, sample time. Enrol by a line of context
    `enrolment,enrolled`, or take off the list by `enrolment,ended`.
    """
    for one in asyncio.run(_listed(settings_of(data_dir).database)):
        value = f"{one.value} {one.unit}" if one.value is not None else "positive or a bound"
        click.echo(f"{one.patient} {one.ward or '-'} {one.reason} {value} {one.collected_at:%Y-%m-%dT%H:%M:%SZ}")


async def _listed(dsn: str) -> list[Listed]:
    async with await database.connect(dsn, "candidates") as conn:
        found = await listed(conn)
        people: list[int | None] = [*sorted({one.id for one in found})]
        await conn.execute(_AUDIT, (people or [None],))
        return found


async def _known(dsn: str, events: list[str]) -> frozenset[str] | None:
    """Which of these events are stored; None when the database does not answer: sending again does no harm."""
    try:
        async with await database.connect(dsn, "context") as conn:
            return frozenset(event for (event,) in await (await conn.execute(_STORED, (events,))).fetchall())
    except psycopg.OperationalError:
        return None


async def _send(bootstrap: str, events: Sequence[ContextChange]) -> None:
    sent = 0
    async with ContextSender(bootstrap, origin="cli") as sender:
        with _progress(len(events)) as told:
            for start in range(0, len(events), AT_ONCE):
                step = events[start : start + AT_ONCE]
                outcome = await asyncio.gather(*map(sender.send, step), return_exceptions=True)
                sent += sum(one is None for one in outcome)
                _all_confirmed(outcome, sent, len(events))
                told(sent)


def _all_confirmed(outcome: Sequence[BaseException | None], sent: int, wanted: int) -> None:
    """Stop at the first that was not; KafkaUnreachable counts what was, and anything unexpected is raised as it is."""
    wrong = [error for error in outcome if error is not None]
    for error in wrong:
        if not isinstance(error, KafkaUnreachable):
            raise error
    if wrong:
        raise KafkaUnreachable(f"{sent} of {wanted} changes were confirmed; run it again. {wrong[0]}") from wrong[0]


@contextmanager
def _progress(wanted: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, plain lines into a pipe."""
    sayer = Sayer()
    if not sayer.console.is_terminal:
        yield lambda sent: sayer.say(f"{sent} of {wanted}")
        return
    with Progress(console=sayer.console) as bar:
        task = bar.add_task("sending", total=wanted)
        yield lambda sent: bar.update(task, completed=sent)
