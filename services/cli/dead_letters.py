"""`halo dead-letters`: what could not be stored, with its bytes and reason, its replay, and the end of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, LiteralString, TypeVar
from uuid import UUID

import click
from psycopg import AsyncConnection

from services.cli.running import settings_of
from services.ledger import dead_letters
from services.shared import database

T = TypeVar("T")
MAY = ("steward", "admin")
"""Roles that may decide about dead letters."""
_PERSON: LiteralString = "SELECT role FROM person WHERE login = %s AND disabled_at IS NULL"
_AUDIT: LiteralString = "INSERT INTO audit (who, action, route, detail) VALUES (%s, %s, %s, %s)"
_DATA_DIR = click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Of a running `halo up`.")


@click.group("dead-letters")
def command() -> None:
    """List, show, replay and close records that could not be stored."""


@command.command("list")
@click.option("--all", "everything", is_flag=True, help="Those that were answered too.")
@_DATA_DIR
def show_list(data_dir: Path | None, *, everything: bool) -> None:
    """One line each: id, place, size, error, reason."""
    for item in _run(data_dir, lambda conn: dead_letters.listed(conn, everything=everything)):
        place = f"{item.topic}/{item.partition}@{item.kafka_offset}"
        click.echo(
            f"{item.id} {item.created_at:%Y-%m-%dT%H:%M:%SZ} {place} {item.size} B {item.state} "
            f"{item.error_class}: {item.reason}"
        )


@command.command("show")
@click.argument("identity", metavar="ID")
@click.option("--raw", is_flag=True, help="Only the original bytes.")
@_DATA_DIR
def show_one(identity: str, data_dir: Path | None, *, raw: bool) -> None:
    """Everything about one, its bytes last."""
    item = _run(data_dir, lambda conn: dead_letters.shown(conn, identity))
    if item is None:
        raise click.ClickException(f"there is no dead letter {identity}")
    if not raw:
        click.echo(
            f"place    {item.topic}/{item.partition}@{item.kafka_offset}\nerror    {item.error_class}: {item.reason}"
        )
        click.echo(f"version  {item.code_version}\nstored   {item.created_at:%Y-%m-%dT%H:%M:%SZ}")
        if item.state != "open":
            click.echo(f"state    {item.state} {item.replayed_by or item.closed_by} {item.close_reason}".rstrip())
        for name, value in item.headers:
            click.echo(f"header   {name}: {value}")
    click.get_binary_stream("stdout").write(item.value + b"\n")


@command.command("replay")
@click.argument("identities", metavar="ID...", nargs=-1, required=True)
@_DATA_DIR
def replay(identities: tuple[str, ...], data_dir: Path | None) -> None:
    """Send the original bytes through the topic once more; what is stored already stays as it is."""
    for identity in identities:
        try:
            _run(data_dir, lambda conn, i=identity: dead_letters.replay(conn, i))  # type: ignore[misc] # the default binds i
        except (LookupError, dead_letters.NotReplayable) as error:
            raise click.ClickException(str(error)) from error
        click.echo(f"{identity} queued")


@command.command("close")
@click.argument("identities", metavar="ID...", nargs=-1, required=True, type=click.UUID)
@click.option("--by", "login", required=True, help="Login of who decides it.")
@click.option("--note", required=True, help="The reason.")
@_DATA_DIR
def close(identities: tuple[UUID, ...], login: str, note: str, data_dir: Path | None) -> None:
    """Nothing will come of them: the bytes stay, their patients count as complete again."""

    async def work(conn: AsyncConnection[Any]) -> None:
        await _account(conn, login)
        for identity in identities:
            await dead_letters.close(conn, str(identity), login, note.strip())
            await conn.execute(_AUDIT, (login, "dead_letter_close", "halo dead-letters", f"{identity}: {note}"))

    try:
        _run(data_dir, work)
    except dead_letters.NotOpen as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{len(identities)} closed")


async def _account(conn: AsyncConnection[Any], login: str) -> None:
    row = await (await conn.execute(_PERSON, (login,))).fetchone()
    if row is None or row[0] not in MAY:
        raise click.ClickException(
            f"{login!r} is no account with one of the roles {', '.join(MAY)}; see `halo user list`"
        )


def _run(data_dir: Path | None, work: Callable[[AsyncConnection[Any]], Awaitable[T]]) -> T:
    async def inside() -> T:
        async with await database.connect(settings_of(data_dir).database, "dead-letters") as conn:
            return await work(conn)

    return asyncio.run(inside())
