"""Looks whether other rules came into force, and brings every stored person up to them, a few at a time."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
from psycopg import AsyncConnection, errors

from services.ledger.catching_up import CatchUp
from services.ledger.errors import LedgerError
from services.shared import database
from services.shared.log import logger

PAUSE = 0.05
"""Between two handfuls: results that come in go first."""


class CatchingUp:
    """One task of the clock."""

    def __init__(self, dsn: str, step: CatchUp, *, every: float) -> None:
        self._dsn, self._step, self._every = dsn, step, every
        self._conn: AsyncConnection[Any] | None = None
        self._wrong = ""

    def wrong(self) -> dict[str, str]:
        """Why nobody is brought up; nothing when all is well."""
        return {"rules": self._wrong} if self._wrong else {}

    async def run(self) -> None:
        """Until cancelled. A database that is away, or rules that cannot be run, are said and tried again."""
        while True:
            count = 0
            try:
                count = await self.once()
                self._wrong = ""
            except (errors.DeadlockDetected, errors.SerializationFailure, errors.LockNotAvailable) as error:
                logger.info("rules.catch_up_again", reason=type(error).__name__)
            except (psycopg.OperationalError, psycopg.InterfaceError, OSError, LedgerError) as error:
                self._wrong, self._conn = f"{type(error).__name__}: {error}", None
                logger.warning("rules.catch_up_waits", reason=self._wrong)
            await asyncio.sleep(PAUSE if count else self._every)

    async def once(self) -> int:
        """One handful; how many persons."""
        if self._conn is None or self._conn.closed:
            self._conn = await database.connect(self._dsn, "clock-rules", autocommit=True)
        return await self._step(self._conn)

    async def close(self) -> None:
        """Give the connection back. Harmless without one."""
        conn, self._conn = self._conn, None
        if conn is not None:
            await conn.close()
