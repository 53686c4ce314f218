"""`halo site apply FILE`: first what it would change, then two people put it in force, then everybody is re-derived.

Without a change of alerts nobody is called; whoever was told a value that reads differently now is told again, old and
new (behaviour 2). A command that is killed after the file came into force is started again, or left to the clock.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import monotonic
from typing import Any, LiteralString

import click
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from alerts.thresholds import Pack
from services.cli.pack_file import pack_in
from services.cli.rules_acts import Account, Act, record, transacted
from services.cli.running import DATA_DIR, settings_of
from services.cli.saying import Sayer, counted
from services.cli.site_text import changed_entries, read_file
from services.ledger import bringing_up, remap_preview, site_in_force
from services.ledger.bringing_up import BringUp, Brought
from services.ledger.errors import AliasesChanged
from services.ledger.journal import Journal
from services.ledger.opening import load_site, open_ledger
from services.ledger.record import StreamName
from services.ledger.remap_preview import RemapPreview
from services.ledger.remapping import Remapper
from services.mapping.site import Site
from services.shared import database, rule_pack
from services.shared.settings import Settings
from services.shared.topics import PATIENT_EVENTS

MAY = ("steward", "on_call", "admin")
"""Roles that may answer for what a code means."""
EVERY = 100
"""Persons after which it is said how far the preview is."""
_PERSON: LiteralString = "SELECT login, name, role FROM person WHERE login = %s AND disabled_at IS NULL"
_ACTIVATE: LiteralString = """
INSERT INTO active_version (kind, version, hash, from_at, who, second, preview)
VALUES ('site', %s, %s, clock_timestamp(), %s, %s, %s)
"""
_ONE_WRITER: LiteralString = "SELECT pg_advisory_xact_lock(hashtext('halo site file'))"
_UNMARKED: LiteralString = """
UPDATE patient SET site_version = %(version)s
WHERE id IN (SELECT id FROM patient WHERE site_version = '' ORDER BY id LIMIT 1000 FOR NO KEY UPDATE SKIP LOCKED)
"""
_MENDED: LiteralString = (
    "UPDATE operations_alert SET closed_at = clock_timestamp() WHERE kind = 'pack_unusable' AND closed_at IS NULL"
)
LOOK, PATIENCE = 0.5, 30.0
"""Seconds between two looks how far the clock is, and without any progress until that is said."""
_LAG = 0.2
"""Seconds between two looks when somebody else holds a person's lock."""


@click.command("apply")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--by", "login", default="", help="Login of who does it; left out, only the preview is shown.")
@click.option("--second", default="", help="Login of the second person.")
@click.option("--yes", is_flag=True, help="Do not ask after the preview.")
@click.option(
    "--here", is_flag=True, help="Read everything again in this command, not in the clock; with its channels."
)
@DATA_DIR
def apply(file: Path, login: str, second: str, data_dir: Path | None, *, yes: bool, here: bool) -> None:
    """Put the site file FILE in force and read everything stored by it.

    First says which entries, results and alerts would change. Without --by nothing else happens. The clock reads
    everything again, the command shows how far it is; interrupted, it is started again with the same file.
    """
    site, settings = read_file(file), settings_of(data_dir)
    old, found, people = transacted(data_dir, lambda conn, _journal: _look(conn, settings, site, login, second))
    if old.version == site.version:
        click.echo(f"{file} ({site.version}) is in force")
    else:
        _show(old, site, found)
        if not people:
            click.echo("Nothing was changed. Put it in force with --by LOGIN --second LOGIN.")
            return
        if not yes:
            click.confirm(f"Put {file} in force, by {' and '.join(p.said for p in people)}?", abort=True)
        transacted(data_dir, lambda conn, journal: _activate(conn, journal, old, site, people, found))
        Sayer().say(f"{site.version} is in force, by {' and '.join(p.said for p in people)}", style="green")
    if not here:
        asyncio.run(_wait(settings))
        return
    brought = asyncio.run(_bring(settings))
    said = f"read again: {counted(brought.persons, 'patient')}, {brought.results} results that mean something else"
    Sayer().say(said + (f"; {brought.failed} could not be read, operations are told" if brought.failed else ""))


async def _look(
    conn: AsyncConnection[Any], settings: Settings, site: Site, login: str, second: str
) -> tuple[Site, RemapPreview, tuple[Account, ...]]:
    people = await _people(conn, login, second)
    old = await site_in_force.in_force(conn, load_site(settings.site))
    await conn.commit()
    await conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
    await conn.execute("SET LOCAL idle_in_transaction_session_timeout = 0")  # it judges longer than it reads
    pack: Pack = pack_in((await rule_pack.read_in_force(conn))[0])
    found = await remap_preview.preview(conn, _remapper(settings), old, site, pack, progress=_say_progress)
    await conn.rollback()
    return old, found, people


async def _people(conn: AsyncConnection[Any], login: str, second: str) -> tuple[Account, ...]:
    """None, or two different ones. ClickException when one is missing."""
    if not login:
        return ()
    found = [await _account(conn, name) for name in (login, second)]
    if found[0].login == found[1].login:
        raise click.ClickException(f"{found[0].said} is one person; two are needed")
    return tuple(found)


async def _account(conn: AsyncConnection[Any], login: str) -> Account:
    if not login:
        raise click.ClickException("two people are needed: name the second by --second LOGIN")
    row = await (await conn.execute(_PERSON, (login.strip(),))).fetchone()
    if row is None:
        raise click.ClickException(f"{login!r} is not the login of an account; see `halo user list`, `halo user add`")
    if row[2] not in MAY:
        raise click.ClickException(f"{login} has the role {row[2]}; this needs one of {', '.join(MAY)}")
    return Account(login=row[0], name=row[1], role=row[2])


def _remapper(settings: Settings) -> Remapper:
    nowhere = StreamName(group=settings.consumer_group, cluster_id="", topic=PATIENT_EVENTS, topic_id="")
    return open_ledger(settings, nowhere).remapper()


def _say_progress(done: int) -> None:
    if done % EVERY == 0:
        click.echo(f"{counted(done, 'patient')} read", err=True)


def _show(old: Site, new: Site, found: RemapPreview) -> None:
    say = Sayer().say
    say(f"from {old.version} to {new.version}:")
    for line in changed_entries(old, new):
        say(f"  {line}")
    say(f"over {counted(found.persons, 'stored patient')}: {found.remapped} results would read differently, of "
        f"{counted(found.affected, 'patient')}; "
        f"{found.released} held results would be read, {found.held} more would be held")  # fmt: skip
    for group, count in sorted(found.results.items()):
        laboratory = group.laboratory or "-"
        say(f"  {laboratory} {group.code}: {group.before or 'not read'} -> {group.after or 'not read'}  {count}")
    say(f"{found.total('open')} alerts would open, {found.total('change')} change, {found.total('close')} close")
    for alert, count in sorted(found.groups.items()):
        say(f"  {alert.what:6} {alert.rule:24} {alert.before or '-':>8} -> {alert.after or '-':8} {count:6}")
    if found.nameless:
        say(f"{found.nameless} reports of an authority that is not listed now would find their patient, on top of that")
    if found.failed:
        say(f"  {counted(found.failed, 'patient')} could not be judged; see `halo rebuild`")
    if found.groups:
        say("Whoever was told of such an alert is told again, old and new value.")


async def _activate(
    conn: AsyncConnection[Any], journal: Journal, old: Site, new: Site, people: tuple[Account, ...],
    found: RemapPreview,
) -> None:  # fmt: skip
    while (await conn.execute(_UNMARKED, {"version": old.version})).rowcount:
        await conn.commit()
    await conn.execute(_ONE_WRITER)
    now = await site_in_force.version_in_force(conn) or old.version
    if now != old.version:
        raise click.ClickException(f"{now} came into force meanwhile; look at the preview again")
    await site_in_force.keep(conn, new)
    figures = found.summary()
    digest = site_in_force.hash_of(new.content)
    names = [person.login for person in people]
    await conn.execute(_ACTIVATE, (new.version, digest, *names, Jsonb(figures)))
    await conn.execute(_MENDED)
    said = ", ".join(f"{name} {count}" for name, count in figures.items())
    await record(conn, journal, Act(
        kind="site_applied", route="halo site apply", people=people,
        detail=f"{old.version} -> {new.version}; preview: {said}",
        payload={"version": new.version, "hash": digest, "before": old.version, "preview": said},
    ))  # fmt: skip


async def _wait(settings: Settings) -> None:
    """Show how far the clock is, which has the channels of the installation."""
    sayer, left, since = Sayer(), -1, monotonic()
    async with await database.connect(settings.database, "site", autocommit=True) as conn:
        while now := await bringing_up.left(conn):
            if now != left:
                sayer.say(f"{counted(now, 'patient')} {'is' if now == 1 else 'are'} still to be read again")
                left, since = now, monotonic()
            elif monotonic() - since > PATIENCE:
                waiting = f"{counted(now, 'patient')} {'waits' if now == 1 else 'wait'}"
                sayer.say(f"nothing moves: is the clock running? {waiting} for it; the same command "
                          "with --here does it without", style="yellow")  # fmt: skip
                return
            await asyncio.sleep(LOOK)
    sayer.say("everybody is read by the file in force", style="green")


async def _bring(settings: Settings) -> Brought:
    """Until nobody is behind; interrupted it is simply started again."""
    total, sayer, step = Brought(), Sayer(), BringUp(_remapper(settings))
    async with await database.connect_writer(settings.database, "site") as conn:
        left = await bringing_up.left(conn)
        while left:
            try:
                done = await step.round(conn)
            except (AliasesChanged, *bringing_up.AGAIN):
                await asyncio.sleep(_LAG)
                continue
            if not done.persons and not done.failed:
                break
            total = Brought(persons=total.persons + done.persons, results=total.results + done.results,
                            failed=total.failed + done.failed)  # fmt: skip
            sayer.say(f"{total.persons} of {counted(max(left, total.persons), 'patient')}")
        total.results += await step.nameless(conn)
    return total
