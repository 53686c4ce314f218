"""Whose token a request carries. Known tokens are kept in memory, so that a database that is away closes no door.

Read every `fhir_tokens_seconds`: a revoked token ends within that time while the database answers, and expiry is judged
by the clock alone. An unknown token has them read again, at most once a second. While the database cannot be asked,
what was known holds for `fhir_without_database_hours`; then senders are asked to come again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import LiteralString
from uuid import UUID

import psycopg

from services.intake.fhir import metrics
from services.intake.fhir.settings import FhirSettings
from services.shared.database import connect
from services.shared.log import get_logger

AGAIN_SECONDS = 1.0
WAIT_SECONDS = 3.0
"""How long a request with an unknown token waits for the database."""

_READ: LiteralString = """
SELECT id, name, sender, secret_hash, expires_at FROM sender_token
WHERE revoked_at IS NULL AND expires_at > clock_timestamp() ORDER BY created_at DESC LIMIT 10000
"""
_USED: LiteralString = "UPDATE sender_token SET last_used_at = clock_timestamp() WHERE id = ANY(%s)"

logger = get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A sender that proved who it is."""

    id: UUID
    name: str
    sender: str
    expires_at: datetime


class Unsure(Exception):
    """The tokens cannot be read, and what was known is too old or says nothing of this one."""


class Tokens:
    """Run `keep` beside the listener."""

    def __init__(self, settings: FhirSettings, now: Callable[[], datetime]) -> None:
        self._database, self._now, self._every = settings.database, now, settings.fhir_tokens_seconds
        self._limit = timedelta(hours=settings.fhir_without_database_hours)
        self._known: dict[bytes, Token] = {}
        self._read_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._reading = asyncio.Lock()
        self._used: set[UUID] = set()
        self._failed = False

    async def keep(self) -> None:
        """For ever."""
        while True:
            await self.read()
            await asyncio.sleep(self._every)

    async def find(self, secret: str) -> Token | None:
        """The token of this secret; None when there is none. Unsure when that cannot be told now."""
        digest = sha256(secret.encode("utf-8", "replace")).digest()
        if digest not in self._known:
            await self._look_again()
        token = self._known.get(digest)
        if self._read_at is None or self._now() - self._read_at > self._limit or (token is None and self._failed):
            raise Unsure
        if token is None or token.expires_at <= self._now():
            return None
        self._used.add(token.id)
        return token

    async def _look_again(self) -> None:
        async with self._reading:
            if self._tried_at is None or self._now() - self._tried_at >= timedelta(seconds=AGAIN_SECONDS):
                await self._read()

    async def read(self) -> None:
        """What the database says now; when it says nothing, what was known stays."""
        async with self._reading:
            await self._read()

    async def _read(self) -> None:
        self._tried_at = self._now()
        used = list(self._used)
        try:
            async with asyncio.timeout(WAIT_SECONDS), await connect(self._database, "intake", autocommit=True) as conn:
                rows = await (await conn.execute(_READ)).fetchall()
                if used:
                    await conn.execute(_USED, (used,))
        except (psycopg.Error, OSError, TimeoutError) as error:
            self._say(f"{type(error).__name__}: {error}")
            return
        self._known = {
            bytes(digest): Token(id=token, name=name, sender=sender, expires_at=expires)
            for token, name, sender, digest, expires in rows
        }
        self._used -= set(used)
        self._read_at = self._now()
        metrics.TOKENS_AT.set(self._read_at.timestamp())
        self._say("")

    def _say(self, problem: str) -> None:
        """Once at each change."""
        if bool(problem) != self._failed:
            logger.warning("fhir.tokens_not_read", problem=problem) if problem else logger.info("fhir.tokens_read")
        self._failed = bool(problem)
