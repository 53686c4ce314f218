"""`halo user`: the people who may log in. There is no default password anywhere."""

from __future__ import annotations

from pathlib import Path

import click
import psycopg

from services.board.secret import UNUSABLE, PasswordTooShort, hash_password
from services.cli.login_link import one_time_link
from services.cli.running import address_of, settings_of
from services.cli.saying import Sayer
from services.shared.database import connect_blocking
from services.shared.ports import DEFAULT_BASE

ROLES = ("ward", "on_call", "steward", "admin")
PASSWORD_FILE = click.option(
    "--password-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="First line is the password."
)


@click.group("user")
def command() -> None:
    """People and their roles."""


@command.command("add")
@click.argument("login")
@click.option("--role", type=click.Choice(ROLES), required=True)
@click.option("--name", default="", help="As colleagues know them; the login when left out.")
@click.option("--language", type=click.Choice(["sl", "en"]), default="sl", show_default=True)
@click.option("--no-password", is_flag=True, help="Can enter by `halo user link` only.")
@PASSWORD_FILE
def add(login: str, role: str, name: str, language: str, password_file: Path | None, *, no_password: bool) -> None:
    """Create a person; asks for a password unless a file has it."""
    hashed = UNUSABLE if no_password else _hashed(password_file)
    with connect_blocking(settings_of().database, "user") as conn:
        try:
            conn.execute(
                "INSERT INTO person (login, name, role, password_hash, language) VALUES (%s, %s, %s, %s, %s)",
                (login, name or login, role, hashed, language),
            )
        except psycopg.errors.UniqueViolation as error:
            raise click.ClickException(f"there is already somebody called {login}") from error
        _audit(conn, "user_added", login)
    Sayer().say(f"{login} can log in as {role}", style="green")


@command.command("password")
@click.argument("login")
@PASSWORD_FILE
def password(login: str, password_file: Path | None) -> None:
    """Set a new password; every open session of the person ends."""
    _change(login, "password_hash = %s", _hashed(password_file), "password_changed")
    Sayer().say(f"{login} has a new password", style="green")


@command.command("disable")
@click.argument("login")
def disable(login: str) -> None:
    """Shut a person out at once; their record stays."""
    _change(login, "disabled_at = COALESCE(disabled_at, %s::timestamptz)", "now", "user_disabled")
    Sayer().say(f"{login} can no longer log in")


@command.command("list")
def list_people() -> None:
    """Everyone, with role and state."""
    with connect_blocking(settings_of().database, "user") as conn:
        rows = conn.execute("SELECT login, name, role, language, disabled_at FROM person ORDER BY login").fetchall()
    for login, name, role, language, disabled_at in rows:
        state = f"disabled {disabled_at:%Y-%m-%d %H:%M}Z" if disabled_at else "active"
        Sayer().say(f"{login}\t{name}\t{role}\t{language}\t{state}")


@command.command("link")
@click.argument("login")
@click.option("--board", help="Address of the board; that of the running installation if left out.")
def link(login: str, board: str | None) -> None:
    """Print an address that logs the person in once, within 15 minutes."""
    address = board or address_of("board") or f"http://127.0.0.1:{DEFAULT_BASE}"
    try:
        Sayer().say(one_time_link(settings_of().database, address.rstrip("/"), login))
    except LookupError as error:
        raise click.ClickException(str(error.args[0])) from error


def _hashed(file: Path | None) -> str:
    if file is not None:
        given = (file.read_text("utf-8").splitlines() or [""])[0]
    else:
        given = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    try:
        return hash_password(given)
    except PasswordTooShort as error:
        raise click.ClickException(str(error)) from error


def _change(login: str, assignment: str, value: str, action: str) -> None:
    """One change of a person, the end of their sessions, and the audit, together."""
    with connect_blocking(settings_of().database, "user") as conn:
        found = conn.execute(f"UPDATE person SET {assignment} WHERE login = %s RETURNING id".encode(), (value, login))  # noqa: S608 - the assignments stand above
        row = found.fetchone()
        if row is None:
            raise click.ClickException(f"there is nobody called {login}; see `halo user list`")
        conn.execute(
            "UPDATE token SET revoked_at = now() WHERE person_id = %s AND kind = 'session' AND revoked_at IS NULL", row
        )
        _audit(conn, action, login)


def _audit(conn: psycopg.Connection[object], action: str, login: str) -> None:
    conn.execute("INSERT INTO audit (who, action, route, detail) VALUES ('cli', %s, 'halo user', %s)", (action, login))
