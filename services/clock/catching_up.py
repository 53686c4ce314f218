"""Looks whether other rules or another site file came into force, and brings everybody up to them, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import AsyncConnection, errors

from services.ledger.errors import LedgerError
from services.shared import database
from services.shared.log import logger

Step = Callable[[AsyncConnection[Any]], Awaitable[int]]
"""About a second's work; how many persons."""
PAUSE = 0.05
"""Between two handfuls: results that come in go first."""


class CatchingUp:
    """One task of the clock."""

    def __init__(self, dsn: str, step: Step, *, every: float, what: str = "rules") -> None:
        """`what` is brought up: its name in probes and log."""
        self._dsn, self._step, self._every, self._what = dsn, step, every, what
        self._conn: AsyncConnection[Any] | None = None
        self._wrong = ""

    def wrong(self) -> dict[str, str]:
        """Why nobody is brought up; nothing when all is well."""
        return {self._what: self._wrong} if self._wrong else {}

    async def run(self) -> None:
        """Until cancelled. Whatever is wrong, also rules that cannot be run, is said and tried again."""
        while True:
            count = 0
            try:
                count = await self.once()
                self._wrong = ""
            except (errors.DeadlockDetected, errors.SerializationFailure, errors.LockNotAvailable) as error:
                logger.info(f"{self._what}.catch_up_again", reason=type(error).__name__)
            except Exception as error:  # noqa: BLE001 - whatever it is, the clock goes on beating; probes and log say it
                self._wrong = _said(error)
                logger.warning(f"{self._what}.catch_up_waits", reason=self._wrong)
                await self.close()
            await asyncio.sleep(PAUSE if count else self._every)

    async def once(self) -> int:
        """One handful; how many persons."""
        if self._conn is None or self._conn.closed:
            self._conn = await database.connect_writer(self._dsn, f"clock-{self._what}")
        return await self._step(self._conn)

    async def close(self) -> None:
        """Give the connection back. Harmless without one."""
        conn, self._conn = self._conn, None
        if conn is not None:
            with suppress(psycopg.Error, OSError):  # it may be gone already
                await conn.close()


def _said(error: Exception) -> str:
    """What may be told. Of an error nobody expects only the class: its text may quote a value."""
    expected = (psycopg.OperationalError, psycopg.InterfaceError, OSError, LedgerError)
    return f"{type(error).__name__}: {error}" if isinstance(error, expected) else type(error).__name__
