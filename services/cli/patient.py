"""`halo patient`: records that may be one person, merged and parted by a named person through the stream."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, LiteralString

import click
from psycopg import AsyncConnection

from services.cli.running import DATA_DIR, settings_of
from services.shared import database, linking
from services.shared.clock import SystemClock
from services.shared.context_sending import ContextSender
from services.shared.linking import Link, Record
from services.shared.settings import Settings

MAY = ("steward", "admin")
"""Roles that decide who is who."""
_PERSON: LiteralString = "SELECT role FROM person WHERE login = %s AND disabled_at IS NULL"
_AUDIT: LiteralString = "INSERT INTO audit (who, action, patient_id, route, detail) VALUES (%s, %s, %s, %s, %s)"
BY = click.option("--by", "login", required=True, help="Login of the steward or administrator who decides.")


@click.group("patient")
def command() -> None:
    """Which patient records are one person: questions, and what people decided."""


@command.command("links")
@click.option("--all", "everything", is_flag=True, help="Decided ones too.")
@DATA_DIR
def show_links(data_dir: Path | None, *, everything: bool) -> None:
    """One line each: two records (opaque ids, authority of their numbers), why, since when, what was decided."""
    for link in asyncio.run(_listed(settings_of(data_dir), everything)):
        click.echo(_line(link))


@command.command("confirm")
@click.argument("survivor")
@click.argument("other")
@BY
@DATA_DIR
def confirm(survivor: str, other: str, login: str, data_dir: Path | None) -> None:
    """SURVIVOR and OTHER (opaque id or `authority|value`) are one person: OTHER's results are the survivor's too."""
    _decide(settings_of(data_dir), survivor, other, login, undo=False)


@command.command("undo")
@click.argument("one")
@click.argument("other")
@BY
@DATA_DIR
def undo(one: str, other: str, login: str, data_dir: Path | None) -> None:
    """ONE and OTHER are two people: the link is taken off the list, a merge of the two is undone."""
    _decide(settings_of(data_dir), one, other, login, undo=True)


@command.command("unmerge")
@click.argument("retired")
@BY
@DATA_DIR
def unmerge(retired: str, login: str, data_dir: Path | None) -> None:
    """The merge of RETIRED into whomever is undone, whoever merged it; both are evaluated anew."""
    _decide(settings_of(data_dir), "", retired, login, undo=True)


def _line(link: Link) -> str:
    decided = f" by {link.decided_by} {link.decided_at:%Y-%m-%dT%H:%M:%SZ}" if link.decided_at else ""
    return (
        f"{link.one} ({link.one_authority}) {link.other} ({link.other_authority}) {link.reason} "
        f"{link.found_at:%Y-%m-%dT%H:%M:%SZ} {link.state}{decided}"
    )


async def _listed(settings: Settings, everything: bool) -> list[Link]:
    async with await database.connect(settings.database, "patient") as conn:
        found = await linking.links(conn, everything=everything)
        await conn.execute(_AUDIT, ("cli", "read", None, "halo patient links", f"{len(found)} links"))
        return found


def _decide(settings: Settings, into: str, other: str, login: str, *, undo: bool) -> None:
    asyncio.run(_send(settings, into, other, login, undo=undo))
    done = "are two people" if undo else "are one person"
    click.echo(f"sent: {into or 'the survivor'} and {other} {done}; the alerts of both follow within seconds")


async def _send(settings: Settings, into: str, other: str, login: str, *, undo: bool) -> None:
    async with await database.connect(settings.database, "patient") as conn:
        await _check(conn, login)
        retired = await _found(conn, other)
        survivor = await _found(conn, into) if into else await linking.survivor(conn, retired)
        if survivor is None:
            raise click.ClickException(f"{other} was never merged into anybody")
        if survivor.id == retired.id:
            raise click.ClickException(f"{into} and {other} are the same record")
        kind = "patient_parted" if undo else "patient_merged"
        for one in (survivor, retired):
            await conn.execute(
                _AUDIT, (login, kind, one.id, "halo patient", f"{survivor.public_id} {retired.public_id}")
            )
    at = SystemClock().now().isoformat().replace("+00:00", "Z")
    event = linking.decision(survivor.sent_id, retired.sent_id, undo=undo, who=login, at=at)
    async with ContextSender(settings.kafka, origin="cli") as sender:
        await sender.send(event)


async def _check(conn: AsyncConnection[Any], login: str) -> None:
    row = await (await conn.execute(_PERSON, (login.strip(),))).fetchone()
    if row is None or row[0] not in MAY:
        raise click.ClickException(f"{login!r} is not the login of a {' or '.join(MAY)}; see `halo user list`")


async def _found(conn: AsyncConnection[Any], name: str) -> Record:
    found = await linking.record(conn, name)
    if found is None:
        raise click.ClickException(f"there is no patient record {name!r}; write its opaque id or authority|value")
    return found
