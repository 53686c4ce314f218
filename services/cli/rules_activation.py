"""`halo rules activate`: another pack from a named time on, by a named person, after a look at what it would change.

What changes only because of the pack goes to a review list (`halo rules review`), never to a page (behaviour 5).
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString

import click
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from alerts.thresholds import Pack
from services.cli.pack_file import content_of, pack_in
from services.cli.rules_acts import Account, Act, account, moment, record, transacted
from services.cli.running import DATA_DIR, settings_of
from services.cli.saying import Sayer
from services.ledger import previewing, site_in_force
from services.ledger.journal import Journal
from services.ledger.opening import load_site
from services.ledger.previewing import Preview
from services.shared import rule_pack

_ACTIVATE: LiteralString = """
INSERT INTO active_version (kind, version, hash, from_at, who, preview)
VALUES ('rule_pack', %s, %s, %s, %s, %s)
"""
_THEN: LiteralString = """
SELECT hash FROM active_version WHERE kind = 'rule_pack' AND from_at <= %s ORDER BY from_at DESC, id DESC LIMIT 1
"""
_MENDED: LiteralString = (
    "UPDATE operations_alert SET closed_at = clock_timestamp() WHERE kind = 'pack_unusable' AND closed_at IS NULL"
)
EVERY = 500


@click.command("activate")
@click.argument("file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--at", default="", help="From when, with its zone: 2026-03-01T06:00+01:00; at once when left out.")
@click.option("--by", "login", required=True, help="Login of who decides it.")
@click.option("--training", is_flag=True, help="Put a draft in force although approved rules are: nobody real is told.")
@click.option("--yes", is_flag=True, help="Do not ask after the preview.")
@DATA_DIR
def activate(file: Path | None, at: str, login: str, data_dir: Path | None, *, training: bool, yes: bool) -> None:
    """Put the pack of FILE, or without FILE the one that ships, in force from a time on.

    First says how many alerts of the stored patients would open, change and close.
    """
    content = content_of(file) or rule_pack.shipped()
    pack, start = pack_in(content), moment(at, "--at") if at else None
    if start is not None and start < datetime.now(UTC):
        raise click.BadParameter(f"{at} is over already; leave it out for at once", param_hint="--at")
    started_with = load_site(settings_of(data_dir).site)

    async def look(conn: AsyncConnection[Any], _journal: Journal) -> tuple[Account, Preview]:
        await conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        await conn.execute("SET LOCAL idle_in_transaction_session_timeout = 0")  # it judges longer than it reads
        person = await account(conn, login)
        await _may(conn, content, pack, start or datetime.now(UTC), training=training)
        zone = (await site_in_force.known(conn, started_with)).zone
        return person, await previewing.preview(conn, zone, pack, progress=_say_progress)

    person, found = transacted(data_dir, look)
    _show(pack, found)
    if not yes:
        click.confirm(f"Put {pack.version} in force {f'from {at}' if at else 'at once'}?", abort=True)

    async def write(conn: AsyncConnection[Any], journal: Journal) -> None:
        await _write(conn, journal, person, content, pack, start or datetime.now(UTC), found)

    transacted(data_dir, write)
    Sayer().say(f"{pack.version} is in force {f'from {at}' if at else 'now'}, by {person.said}", style="green")


async def _may(conn: AsyncConnection[Any], content: str, pack: Pack, start: datetime, *, training: bool) -> None:
    """ClickException when it is in force then anyway, or is a draft that would silence approved rules."""
    row = await (await conn.execute(_THEN, (start,))).fetchone()
    if (row[0] if row else rule_pack.hash_of(rule_pack.shipped())) == rule_pack.hash_of(content):
        raise click.ClickException(f"{pack.version} ({rule_pack.hash_of(content)[:12]}) is in force then already")
    _, standing = await rule_pack.read_in_force(conn)
    new = await rule_pack.read(conn, rule_pack.fingerprint(content))
    if standing.status == "approved" and new.status == "draft" and not training:
        raise click.ClickException(
            f"{pack.version} is a draft: from then on only test recipients would be told. Approve it first "
            "(halo rules approve --rules FILE), or say --training"
        )


def _say_progress(done: int) -> None:
    if done % EVERY == 0:
        click.echo(f"{done} patients judged", err=True)


def _show(pack: Pack, found: Preview) -> None:
    say = Sayer().say
    say(f"rule pack {pack.version} over {found.persons} stored patients: {found.total('open')} alerts would open, "
        f"{found.total('change')} change, {found.total('close')} close")  # fmt: skip
    for group, count in sorted(found.groups.items()):
        say(f"  {group.what:6} {group.rule:24} {group.before or '-':>8} -> {group.after or '-':8} {count:6}")
    if found.failed:
        say(f"  for {found.failed} patients a rule failed; see `halo rebuild`")
    if found.groups:
        say("They go to the review list (halo rules review); nobody is paged for them.")


async def _write(
    conn: AsyncConnection[Any], journal: Journal, person: Account, content: str, pack: Pack, start: datetime,
    found: Preview,
) -> None:  # fmt: skip
    mark, digest, figures = rule_pack.fingerprint(content), rule_pack.hash_of(content), found.summary()
    await conn.execute(rule_pack.KEEP, (mark, digest, pack.version, content))
    await conn.execute(_ACTIVATE, (pack.version, digest, start, person.login, Jsonb(figures)))
    await conn.execute(_MENDED)
    said = ", ".join(f"{name} {count}" for name, count in figures.items())
    await record(conn, journal, Act(
        kind="rules_activated", route="halo rules activate", people=(person,),
        detail=f"{pack.version} {digest} from {start.isoformat()}; preview: {said}",
        payload={"version": pack.version, "hash": digest, "from": start.isoformat(), "preview": said},
    ))  # fmt: skip
