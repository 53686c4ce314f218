"""Logging in: by password, by a link that works once; throttled; a session is a token in a cookie."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

from psycopg import AsyncConnection, Connection

from services.board.audit import record
from services.board.secret import UNUSABLE, digest, password_matches
from services.board.viewer import INSERT_TOKEN, token_row

ROUTE = "/login"
WINDOW = timedelta(minutes=15)
PER_LOGIN, PER_ADDRESS = 5, 30
"""Failures within WINDOW after which a login, or an address, has to wait [E]."""
ONCE_VALID = timedelta(minutes=15)
DEMO_LOGIN = "demo"

_FAILURES: LiteralString = """
SELECT count(*) FILTER (WHERE who = %(login)s AND at > COALESCE((
           SELECT max(at) FROM audit
           WHERE action = 'login' AND who = %(login)s AND at > clock_timestamp() - %(window)s), '-infinity')),
       count(*) FILTER (WHERE detail = %(address)s)
FROM audit WHERE action = 'login_failed' AND at > clock_timestamp() - %(window)s
"""
_USE_ONCE: LiteralString = """
UPDATE token AS t SET revoked_at = clock_timestamp() FROM person AS p
WHERE t.secret_hash = %s AND t.kind = 'session' AND t.scope = 'once' AND t.revoked_at IS NULL
  AND t.expires_at > clock_timestamp() AND p.id = t.person_id AND p.disabled_at IS NULL RETURNING p.id, p.login
"""
_DEMO_PERSON: LiteralString = """
INSERT INTO person (login, name, role, password_hash) VALUES (%s, 'Demo (made up)', 'admin', %s)
ON CONFLICT (login) DO NOTHING
"""


class LoginRefused(Exception):
    """Login or password is wrong; which one is not said."""


class TooManyFailures(Exception):
    """Too many wrong passwords; wait a quarter of an hour."""


async def by_password(conn: AsyncConnection[Any], login: str, password: str, address: str, hours: int) -> str:
    """A new session's secret. LoginRefused, TooManyFailures. Every try is audited, and stays so when refused."""
    values = {"login": login, "address": address, "window": WINDOW}
    row = await (await conn.execute(_FAILURES, values)).fetchone()
    if row and (row[0] >= PER_LOGIN or row[1] >= PER_ADDRESS):
        raise TooManyFailures
    person = await (
        await conn.execute("SELECT id, password_hash FROM person WHERE login = %s AND disabled_at IS NULL", (login,))
    ).fetchone()
    stored = person[1] if person else None
    if not await asyncio.to_thread(password_matches, stored, password) or person is None:
        await record(conn, login[:100], "login_failed", ROUTE, detail=address)
        await conn.commit()
        raise LoginRefused
    return await _open(conn, person[0], login, hours, address)


async def by_link(conn: AsyncConnection[Any], secret: str, address: str, hours: int) -> str:
    """A new session's secret for a link that works once. LoginRefused when it is used, old or unknown."""
    row = await (await conn.execute(_USE_ONCE, (digest(secret),))).fetchone()
    if row is None:
        raise LoginRefused
    return await _open(conn, row[0], row[1], hours, address)


async def _open(conn: AsyncConnection[Any], person_id: int, login: str, hours: int, address: str) -> str:
    expires = datetime.now(UTC) + timedelta(hours=hours)
    secret, _, row = token_row(kind="session", name=login, scope="session", person_id=person_id, expires_at=expires)
    await conn.execute(INSERT_TOKEN, row)
    await record(conn, login, "login", ROUTE, detail=address)
    return secret


def one_time_link(conn: Connection[Any], base: str, login: str = DEMO_LOGIN) -> str:
    """An address that logs `login` in once, within a quarter of an hour; its secret stands behind the `#`.

    In a database of the demo the made-up person `demo` is created; elsewhere the person must exist. LookupError if not.
    """
    realm = conn.execute("SELECT realm FROM installation").fetchone()
    if login == DEMO_LOGIN and realm == ("demo",):
        conn.execute(_DEMO_PERSON, (DEMO_LOGIN, UNUSABLE))
    person = conn.execute("SELECT id FROM person WHERE login = %s AND disabled_at IS NULL", (login,)).fetchone()
    if person is None:
        raise LookupError(f"there is nobody called {login}; create one with `halo user add {login} --role ROLE`")
    expires = datetime.now(UTC) + ONCE_VALID
    secret, _, row = token_row(kind="session", name=login, scope="once", person_id=person[0], expires_at=expires)
    conn.execute(INSERT_TOKEN, row)
    conn.commit()
    return f"{base}/enter#once={secret}"
