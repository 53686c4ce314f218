"""Who is looking, what they may see, and the tokens that prove it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, LiteralString
from uuid import UUID, uuid4

import msgspec
from psycopg import AsyncConnection

from services.board.secret import digest, new_secret

Kind = Literal["person", "api", "device"]

_FIND: LiteralString = """
SELECT t.id, t.kind, t.name, t.scope, t.named, p.login, p.name, p.role, p.language
FROM token AS t LEFT JOIN person AS p ON p.id = t.person_id
WHERE t.secret_hash = %s AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())
  AND p.disabled_at IS NULL AND NOT (t.kind = 'session' AND t.scope = 'once')
"""
_USED: LiteralString = """
UPDATE token SET last_used_at = clock_timestamp()
WHERE id = %s AND (last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '1 minute')
"""
_INSERT: LiteralString = """
INSERT INTO token (id, name, kind, secret_hash, scope, named, person_id, expires_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""


class Viewer(msgspec.Struct, frozen=True, kw_only=True):
    """An authenticated reader."""

    kind: Kind
    who: str
    """As the audit names it: a login, `api:NAME` or `device:NAME`."""
    token_id: UUID
    named: bool
    """May see who a patient is."""
    ward: str = ""
    """The one ward of a device; empty means any."""
    role: str = ""
    scope: str = ""
    person: str = ""
    """Login of the person who answers for what is done; empty when nobody does."""
    display: str = ""
    language: str = ""

    @property
    def acknowledges(self) -> bool:
        """Kiosk and ward accounts cannot (behaviour 4); a program only for a named person."""
        if self.kind == "person":
            return self.role in {"on_call", "steward", "admin"}
        return self.kind == "api" and self.scope in {"write", "admin"} and bool(self.person)

    @property
    def writes_context(self) -> bool:
        """Persons who may acknowledge, and the hospital's programs with scope write or admin."""
        if self.kind == "person":
            return self.acknowledges
        return self.kind == "api" and self.scope in {"write", "admin"}

    @property
    def stewards(self) -> bool:
        """May see dead letters and quarantine, which hold raw patient data."""
        return self.role in {"steward", "admin"} if self.kind == "person" else self.scope == "admin"


async def viewer_of(conn: AsyncConnection[Any], secret: str) -> Viewer | None:
    """Whoever holds this secret, None when it is unknown, expired or revoked; its use is noted once a minute."""
    row = await (await conn.execute(_FIND, (digest(secret),))).fetchone()
    if row is None:
        return None
    await conn.execute(_USED, (row[0],))
    return _viewer(row)


def _viewer(row: tuple[Any, ...]) -> Viewer:
    token_id, kind, name, scope, named, login, person, role, language = row
    if kind == "session":
        return Viewer(
            kind="person", who=login, token_id=token_id, named=True, role=role, person=login, display=person,
            language=language,
        )  # fmt: skip
    if kind == "device":
        return Viewer(kind="device", who=f"device:{name}", token_id=token_id, named=named, ward=scope, display=name)
    return Viewer(
        kind="api", who=f"api:{name}", token_id=token_id, named=True, scope=scope, person=login or "", display=name
    )


async def still_valid(conn: AsyncConnection[Any], token_id: UUID) -> bool:
    """False once a token was revoked or expired, or its person disabled."""
    cursor = await conn.execute(
        "SELECT EXISTS (SELECT FROM token AS t LEFT JOIN person AS p ON p.id = t.person_id WHERE t.id = %s"
        " AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())"
        " AND p.disabled_at IS NULL)",
        (token_id,),
    )
    row = await cursor.fetchone()
    return bool(row and row[0])


def token_row(
    *, kind: str, name: str, scope: str, person_id: int | None, expires_at: datetime | None, named: bool = False
) -> tuple[str, UUID, tuple[Any, ...]]:
    """A new secret, its token's id, and the values for `INSERT_TOKEN`."""
    secret, token_id = new_secret(), uuid4()
    return secret, token_id, (token_id, name, kind, digest(secret), scope, named, person_id, expires_at)


INSERT_TOKEN = _INSERT
