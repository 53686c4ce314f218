"""`halo quarantine`: what was held, in groups or one by one, and what a data steward decides about it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, LiteralString, TypeVar
from uuid import UUID

import click
from psycopg import AsyncConnection

from services.cli.quarantine_advice import advice, differing
from services.cli.running import DATA_DIR, settings_of
from services.ledger import quarantine, stewarding
from services.ledger.quarantine import STATES, Group, Item, State, Wanted, WrongCursor
from services.ledger.stewarding import NotNow
from services.shared import database

T = TypeVar("T")
MAY = ("steward", "admin")
"""Roles that may decide about held results."""
_PERSON: LiteralString = "SELECT login, role FROM person WHERE login = %s AND disabled_at IS NULL"
_AUDIT: LiteralString = """
INSERT INTO audit (who, action, patient_id, route, detail)
SELECT %(who)s, %(action)s, p, 'halo quarantine', %(detail)s
FROM unnest(coalesce((SELECT array_agg(id) FROM patient WHERE public_id = ANY(%(patients)s)), ARRAY[NULL::bigint])) AS p
"""
BY = click.option("--by", "login", required=True, help="Login of the data steward who decides it.")
NOTE = click.option("--note", default="", help="Why, or who said what.")
ITEMS = click.argument("items", metavar="ID...", nargs=-1, type=click.UUID)
REASON = click.option("--reason", help="Why it is held.")
LABORATORY = click.option("--laboratory", help="As in the message; '' for a laboratory without a name.")
CODE = click.option("--code", help="As sent.")
UNIT = click.option("--unit", help="As sent; '' for none.")


@click.group("quarantine")
def command() -> None:
    """Results that are held because Halo does not understand them: list, show, release, close, ignore."""


@command.command("list")
@click.option("--items", "each", is_flag=True, help="One line a result; without it one a group.")
@click.option("--state", type=click.Choice(STATES), default="open", show_default=True)
@REASON
@LABORATORY
@CODE
@UNIT
@click.option("--cursor", default="", help="Where the list before ended.")
@DATA_DIR
def show_list(  # noqa: PLR0913 - the filters of a list
    state: State, reason: str | None, laboratory: str | None, code: str | None, unit: str | None, cursor: str,
    data_dir: Path | None, *, each: bool,
) -> None:  # fmt: skip
    """Groups of reason, laboratory, code and unit with their count, those that look urgent first."""
    wanted = Wanted(state=state, reason=reason, laboratory=laboratory, code=code, unit=unit)
    lines, more = _run(data_dir, lambda conn: _listed(conn, wanted, cursor, each=each))
    for line in lines:
        click.echo(line)
    if not lines:
        click.echo("nothing is held")
    if more:
        click.echo(f"more: --cursor {more}")


@command.command("show")
@click.argument("identity", metavar="ID", type=click.UUID)
@DATA_DIR
def show_one(identity: UUID, data_dir: Path | None) -> None:
    """Everything about one, what to do, what was done about it last; of a doubt whose it is, what differs."""
    item, likes, differs, log = _run(data_dir, lambda conn: _whole(conn, identity))
    for name, value in [*_told(item, likes), *(("differs", one) for one in differs), ("what to do", advice(item))]:
        click.echo(f"{name:<10} {value}")
    for entry in log:
        site = f" (site file {entry.site_version})" if entry.site_version else ""
        click.echo(
            f"{entry.at:%Y-%m-%dT%H:%MZ} {entry.kind} by {entry.who}{site}{': ' if entry.note else ''}{entry.note}"
        )


@command.command("release")
@ITEMS
@REASON
@LABORATORY
@CODE
@UNIT
@BY
@NOTE
@DATA_DIR
def release(  # noqa: PLR0913 - a group is named by its four parts
    items: tuple[UUID, ...], reason: str | None, laboratory: str | None, code: str | None, unit: str | None, login: str,
    note: str, data_dir: Path | None,
) -> None:  # fmt: skip
    """Take results again under the site file in force: these, or a whole group by its four parts."""

    async def work(conn: AsyncConnection[Any]) -> int:
        ids = await _chosen(conn, items, reason, laboratory, code, unit)
        await _account(conn, login)
        found = await stewarding.release(conn, ids, login, note)
        await _written(conn, login, "quarantine_release", f"{found.items} results, release {found.release}")
        return found.items

    click.echo(f"{_run(data_dir, work)} results are taken again within seconds; see `halo quarantine list`")


@command.command("close")
@ITEMS
@REASON
@LABORATORY
@CODE
@UNIT
@BY
@click.option("--note", required=True, help="The reason: who said what.")
@DATA_DIR
def close(  # noqa: PLR0913 - a group is named by its four parts
    items: tuple[UUID, ...], reason: str | None, laboratory: str | None, code: str | None, unit: str | None, login: str,
    note: str, data_dir: Path | None,
) -> None:  # fmt: skip
    """Nothing more will come of these, or of a whole group: answered, with the reason."""

    async def work(conn: AsyncConnection[Any]) -> int:
        ids = await _chosen(conn, items, reason, laboratory, code, unit)
        await _account(conn, login)
        count = await stewarding.close(conn, ids, login, note.strip())
        await _written(conn, login, "quarantine_close", f"{count} results: {note}")
        return count

    click.echo(f"{_run(data_dir, work)} results closed")


@command.command("ignore")
@click.option("--laboratory", required=True, help="As in the message.")
@click.option("--code", required=True, help="As sent.")
@BY
@click.option("--note", required=True, help="Why nobody needs it.")
@click.option("--no-longer", "heed", is_flag=True, help="Read the code again; what was closed opens.")
@DATA_DIR
def ignore(laboratory: str, code: str, login: str, note: str, data_dir: Path | None, *, heed: bool) -> None:
    """Nobody wants this unknown code of this laboratory read: held ones close, further ones count as ignored."""

    async def work(conn: AsyncConnection[Any]) -> int:
        await _account(conn, login)
        await _written(conn, login, "quarantine_heed" if heed else "quarantine_ignore", f"{laboratory} {code}: {note}")
        if heed:
            return await stewarding.heed(conn, laboratory, code, login, note)
        reason = await stewarding.reason_of(conn, laboratory, code)
        return await stewarding.ignore(conn, laboratory, code, reason, login, note)

    click.echo(f"{_run(data_dir, work)} results {'are open again' if heed else 'closed as ignored'}")


@command.command("ignored")
@DATA_DIR
def ignored(data_dir: Path | None) -> None:
    """The [[ignore]] entries that people decided on and the site file lacks."""
    for one in _run(data_dir, quarantine.ignored):
        note = " ".join(f"{one.who}, {one.at:%Y-%m-%d}: {one.note}".split())
        click.echo(f"# {note}\n[[ignore]]\nlaboratory = {_toml(one.laboratory)}\ncode = {_toml(one.code)}\n")


async def _listed(conn: AsyncConnection[Any], wanted: Wanted, cursor: str, *, each: bool) -> tuple[list[str], str]:
    try:
        if not each:
            groups, more = await quarantine.groups(conn, wanted, cursor)
            await _written(conn, "cli", "read", "groups")
            return [_group(one) for one in groups], more
        items, more = await quarantine.items(conn, wanted, cursor)
    except WrongCursor as error:
        raise click.ClickException(str(error)) from error
    await _written(conn, "cli", "read", "items", items)
    return [_item(one) for one in items], more


async def _whole(conn: AsyncConnection[Any], identity: UUID) -> tuple[Item, int, list[str], list[quarantine.Entry]]:
    item = await quarantine.one(conn, identity)
    if item is None:
        raise click.ClickException(f"there is no held result {identity}")
    await _written(conn, "cli", "read", str(identity), [item])
    likes, differs = await quarantine.more_like(conn, item), await differing(conn, item)
    return item, likes, differs, await quarantine.log(conn, identity)


async def _chosen(
    conn: AsyncConnection[Any], items: tuple[UUID, ...], reason: str | None, laboratory: str | None, code: str | None,
    unit: str | None,
) -> list[str]:  # fmt: skip
    """The named ones, or those of the group; a part that is left out would make it a larger one than was meant."""
    group = Wanted(reason=reason, laboratory=laboratory, code=code, unit=unit)
    named = [part is not None for part in (reason, laboratory, code, unit)]
    if bool(items) == any(named) or (any(named) and not all(named)):
        raise click.UsageError("name ids, or one group: --reason, --laboratory, --code and --unit, each as listed")
    return [str(item) for item in items] if items else await stewarding.members(conn, group)


async def _account(conn: AsyncConnection[Any], login: str) -> None:
    row = await (await conn.execute(_PERSON, (login,))).fetchone()
    if row is None:
        raise click.ClickException(f"{login!r} is not the login of an account that can log in; see `halo user list`")
    if row[1] not in MAY:
        raise click.ClickException(f"{login} has the role {row[1]}; this needs one of {', '.join(MAY)}")


async def _written(
    conn: AsyncConnection[Any], who: str, action: str, detail: str, items: list[Item] | None = None
) -> None:
    people = sorted({item.patient for item in items or () if item.patient})
    await conn.execute(_AUDIT, {"who": who, "action": action, "detail": detail, "patients": people})


def _group(one: Group) -> str:
    looks = f" LOOKS {one.looks}" if one.looks else ""
    name = f" ({one.analyte or one.display})" if one.analyte or one.display else ""
    return (
        f"{one.count:>6} {one.reason} laboratory={_toml(one.laboratory)} code={_toml(one.code)}{name} "
        f"unit={_toml(one.unit)} {one.first_at:%Y-%m-%dT%H:%MZ}..{one.last_at:%Y-%m-%dT%H:%MZ} "
        f"e.g. {'; '.join(one.examples)}{looks}"
    )


def _item(one: Item) -> str:
    state = f"{one.closed_as or 'answered'} by {one.closed_by}" if one.closed_at else one.assigned_to or "open"
    looks = f" LOOKS {one.would_be}" if one.would_be else ""
    return f"{one.id} {one.received_at:%Y-%m-%dT%H:%MZ} {one.reason} {one.code} {one.value} {one.unit} {state}{looks}"


def _told(one: Item, likes: int) -> list[tuple[str, str]]:
    looks = f"{one.would_be} in {one.looks_in or 'an allowed unit'}" if one.would_be else "-"
    closed = f"{one.closed_as or 'answered'} by {one.closed_by}: {one.close_reason}" if one.closed_at else "no"
    return [
        ("reason", f"{one.reason}: {one.detail}"), ("code", f"{one.code} {one.system} {one.display}".strip()),
        ("analyte", one.analyte or "unknown"), ("value", f"{one.value} {one.unit}".strip()), ("looks", looks),
        ("laboratory", one.laboratory or "-"), ("patient", one.patient or "nobody Halo knows"),
        ("collected", one.collected_at or "-"), ("received", f"{one.received_at:%Y-%m-%dT%H:%M:%SZ}"),
        ("message", f"event {one.event_id}, segment {one.segment}"), ("in hand", one.assigned_to or "-"),
        ("closed", closed), ("alike", str(likes)),
    ]  # fmt: skip


def _toml(text: str) -> str:
    """A basic string: quotes, backslashes and control characters escaped."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'


def _run(data_dir: Path | None, work: Callable[[AsyncConnection[Any]], Awaitable[T]]) -> T:
    async def inside() -> T:
        async with await database.connect(settings_of(data_dir).database, "quarantine") as conn:
            return await work(conn)

    try:
        return asyncio.run(inside())
    except NotNow as error:
        raise click.ClickException(str(error)) from error
