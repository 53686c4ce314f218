"""What `halo rules approve`, `off`, `on` and `activate` share: named accounts, one transaction, audit and alert log."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString, TypeVar

import click
import msgspec
from psycopg import AsyncConnection

from services.cli.running import settings_of
from services.ledger.journal import SYSTEM, Entry, Journal
from services.ledger.opening import open_journal
from services.shared import database

T = TypeVar("T")
MAY = ("on_call", "admin")
"""Roles that may answer an alert: the same may answer for the rules."""
_PERSON: LiteralString = "SELECT login, name, role FROM person WHERE login = %s AND disabled_at IS NULL"
_AUDIT: LiteralString = "INSERT INTO audit (who, action, route, detail) VALUES (%s, %s, %s, %s)"
_ONE_WRITER: LiteralString = "SELECT pg_advisory_xact_lock(hashtext('halo system chain'))"
"""Of Halo's own chain in the alert log."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A person who stands up for an act."""

    login: str
    name: str
    role: str

    @property
    def said(self) -> str:
        """Name and login, as it stands in the log."""
        return self.name if self.name == self.login else f"{self.name} ({self.login})"


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """What was done, for the audit and for the alert log."""

    kind: str
    route: str
    detail: str
    people: tuple[Account, ...]
    payload: dict[str, str] = {}
    """Texts only: the seal is over their JSON."""


def transacted(data_dir: Path | None, work: Callable[[AsyncConnection[Any], Journal], Awaitable[T]]) -> T:
    """Run `work` in one transaction on the installation's database; nothing of it stays when it raises."""
    settings = settings_of(data_dir)
    journal = open_journal(settings)

    async def run() -> T:
        async with await database.connect(settings.database, "rules") as conn:
            return await work(conn, journal)

    return asyncio.run(run())


async def account(conn: AsyncConnection[Any], login: str) -> Account:
    """The enabled account of a clinician or administrator. ClickException says what is missing."""
    row = await (await conn.execute(_PERSON, (login.strip(),))).fetchone()
    if row is None:
        raise click.ClickException(
            f"{login!r} is not the login of an account that can log in; see `halo user list`, `halo user add`"
        )
    if row[2] not in MAY:
        raise click.ClickException(f"{login} has the role {row[2]}; this needs one of {', '.join(MAY)}")
    return Account(login=row[0], name=row[1], role=row[2])


async def record(conn: AsyncConnection[Any], journal: Journal, act: Act) -> None:
    """Every person in the audit, the act in the alert log, and a hint to the screens."""
    for person in act.people:
        await conn.execute(_AUDIT, (person.login, act.kind, act.route, act.detail))
    await conn.execute(_ONE_WRITER)
    actor = " and ".join(person.said for person in act.people)
    await journal.append(conn, [Entry(chain=SYSTEM, kind=act.kind, actor=actor, payload=act.payload)])
    await conn.execute("SELECT pg_notify('halo_live', '')")


def moment(text: str, option: str) -> datetime:
    """A time with its offset. BadParameter when it has none or is no time: nobody's zone is guessed."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no time such as 2026-03-01T18:00+01:00", param_hint=option) from error
    if found.tzinfo is None:
        raise click.BadParameter(f"{text!r} says no zone: end it with Z or an offset (+01:00)", param_hint=option)
    return found.astimezone(UTC)
