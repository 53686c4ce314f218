"""`halo dead-letters`: what could not be stored, with its bytes and reason, and its replay."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from psycopg import AsyncConnection

from services.cli.running import settings_of
from services.ledger import dead_letters
from services.shared import database

T = TypeVar("T")
_DATA_DIR = click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Of a running `halo up`.")


@click.group("dead-letters")
def command() -> None:
    """List, show and replay records that could not be stored."""


@command.command("list")
@click.option("--all", "everything", is_flag=True, help="Replayed ones too.")
@_DATA_DIR
def show_list(data_dir: Path | None, *, everything: bool) -> None:
    """One line each: id, place, size, error, reason."""
    for item in _run(data_dir, lambda conn: dead_letters.listed(conn, everything=everything)):
        place = f"{item.topic}/{item.partition}@{item.kafka_offset}"
        state = "replayed" if item.replayed_at else "open"
        click.echo(
            f"{item.id} {item.created_at:%Y-%m-%dT%H:%M:%SZ} {place} {item.size} B {state} "
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


def _run(data_dir: Path | None, work: Callable[[AsyncConnection[Any]], Awaitable[T]]) -> T:
    async def inside() -> T:
        async with await database.connect(settings_of(data_dir).database, "dead-letters") as conn:
            return await work(conn)

    return asyncio.run(inside())
