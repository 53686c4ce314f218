"""`halo token`: access for programs, screens and senders. A secret is printed once and stored only as its hash."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import LiteralString
from uuid import UUID, uuid4

import click
import psycopg

from services.board.secret import digest, new_secret
from services.board.viewer import INSERT_TOKEN, token_row
from services.cli.running import settings_of
from services.cli.saying import Sayer
from services.shared.database import connect_blocking

_SENDER: LiteralString = (
    "INSERT INTO sender_token (id, name, sender, secret_hash, expires_at) VALUES (%s, %s, %s, %s, %s)"
)
_REVOKE: tuple[LiteralString, ...] = (
    "UPDATE token SET revoked_at = COALESCE(revoked_at, now()) WHERE id = %s",
    "UPDATE sender_token SET revoked_at = COALESCE(revoked_at, now()) WHERE id = %s",
)
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1)}


@click.group("token")
def command() -> None:
    """Tokens of programs (api), screens (device) and systems that send results over HTTP (fhir)."""


@command.command("create")
@click.option("--name", required=True, help="What it is for; stands in the audit.")
@click.option("--kind", type=click.Choice(["api", "device", "fhir"]), required=True)
@click.option("--scope", type=click.Choice(["read", "write", "admin"]), default="read", show_default=True, help="api")
@click.option("--ward", default="", help="device: the one ward it shows")
@click.option("--person", default="", help="api: the login in whose name it acknowledges")
@click.option("--named", is_flag=True, help="device: may show names; only where no visitor sees the screen")
@click.option(
    "--sender", default="", help="fhir: whose results come with it; the name of a [[sender]] of the site file"
)
@click.option("--expires", default="365d", show_default=True, help="Hours or days: 12h, 365d")
def create(  # noqa: PLR0913 - one an option
    name: str, kind: str, scope: str, ward: str, person: str, sender: str, expires: str, *, named: bool
) -> None:
    """Print a new secret. A screen enters at BOARD/enter#device=SECRET; a sender says Authorization: Bearer SECRET."""
    if kind == "device" and not ward:
        raise click.UsageError("a device shows one ward: --ward NAME")
    if kind != "device" and (ward or named):
        raise click.UsageError("--ward and --named are for devices")
    if (kind == "fhir") != bool(sender.strip()):
        raise click.UsageError("--kind fhir needs --sender NAME" if kind == "fhir" else "--sender is for --kind fhir")
    with connect_blocking(settings_of().database, "token") as conn:
        if kind == "fhir":
            Sayer().say(_sender_token(conn, name, sender.strip(), datetime.now(UTC) + _span(expires)))
            return
        owner = _person(conn, person) if person else None
        secret, token_id, row = token_row(
            kind=kind, name=name, scope=ward if kind == "device" else scope, person_id=owner, named=named,
            expires_at=datetime.now(UTC) + _span(expires),
        )  # fmt: skip
        conn.execute(INSERT_TOKEN, row)
        _audit(conn, "token_created", f"{token_id} {kind} {name}")
    Sayer().say(secret)


def _sender_token(conn: psycopg.Connection[object], name: str, sender: str, expires_at: datetime) -> str:
    secret, token_id = new_secret(), uuid4()
    conn.execute(_SENDER, (token_id, name, sender, digest(secret), expires_at))
    _audit(conn, "token_created", f"{token_id} fhir {name} {sender}")
    return secret


@command.command("list")
def list_tokens() -> None:
    """Every token but sessions: id, kind, name, scope, ward or sender, person, expiry, last use, state."""
    with connect_blocking(settings_of().database, "token") as conn:
        rows = conn.execute(
            "SELECT t.id, t.kind, t.name, t.scope, p.login, t.expires_at, t.last_used_at,"
            " CASE WHEN t.revoked_at IS NOT NULL THEN 'revoked' WHEN t.expires_at < now() THEN 'expired'"
            " ELSE 'valid' END FROM ("
            " SELECT id, kind, name, scope, person_id, expires_at, last_used_at, revoked_at, created_at FROM token"
            " UNION ALL SELECT id, 'fhir', name, sender, NULL, expires_at, last_used_at, revoked_at, created_at"
            " FROM sender_token) AS t LEFT JOIN person AS p ON p.id = t.person_id"
            " WHERE t.kind <> 'session' ORDER BY t.created_at, t.id"
        ).fetchall()
    for row in rows:
        Sayer().say("\t".join(_shown(item) for item in row))


@command.command("revoke")
@click.argument("token", type=click.UUID)
def revoke(token: UUID) -> None:
    """End a token by its id (`halo token list`); open streams and senders end within half a minute."""
    with connect_blocking(settings_of().database, "token") as conn:
        done = sum(conn.execute(query, (token,)).rowcount for query in _REVOKE)
        if not done:
            raise click.ClickException(f"there is no token {token}; see `halo token list`")
        _audit(conn, "token_revoked", str(token))
    Sayer().say(f"{token} is revoked")


def _span(text: str) -> timedelta:
    found = re.fullmatch(r"([1-9][0-9]{0,4})([hd])", text)
    if found is None:
        raise click.UsageError(f"--expires {text}: say hours or days, such as 12h or 365d")
    return int(found[1]) * _UNITS[found[2]]


def _person(conn: psycopg.Connection[object], login: str) -> int:
    row = conn.execute("SELECT id FROM person WHERE login = %s AND disabled_at IS NULL", (login,)).fetchone()
    if not isinstance(row, tuple):
        raise click.ClickException(f"there is nobody called {login}; see `halo user list`")
    return int(row[0])


def _shown(item: object) -> str:
    return f"{item:%Y-%m-%d %H:%M}Z" if isinstance(item, datetime) else "-" if item is None else str(item)


def _audit(conn: psycopg.Connection[object], action: str, detail: str) -> None:
    conn.execute(
        "INSERT INTO audit (who, action, route, detail) VALUES ('cli', %s, 'halo token', %s)", (action, detail)
    )
