"""What operations must hear of from intake. Kept until the database has taken it: intake works without one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import psycopg

from services.intake import metrics
from services.ledger import operations
from services.ledger.operations import Technical
from services.shared.database import connect
from services.shared.log import get_logger

AGAIN_SECONDS = 10.0

logger = get_logger()


class Tell(Protocol):
    """Takes a fault; never waits, never fails."""

    def __call__(self, fault: Technical, /) -> None:
        """See `Operations`."""
        ...


class Operations:
    """Run `keep` beside the listener."""

    def __init__(self, database: str, *, again: Callable[[], float] = lambda: AGAIN_SECONDS) -> None:
        self._database, self._again = database, again
        self._waiting: dict[str, Technical] = {}
        self._something = asyncio.Event()

    def __call__(self, fault: Technical, /) -> None:
        """The newest of the same key counts."""
        self._waiting[fault.key] = fault
        metrics.UNTOLD.set(len(self._waiting))
        self._something.set()

    async def keep(self) -> None:
        """For ever."""
        while True:
            await self._something.wait()
            self._something.clear()
            if not await self._told():
                self._something.set()
                await asyncio.sleep(self._again())

    async def _told(self) -> bool:
        faults = dict(self._waiting)
        try:
            async with await connect(self._database, "intake") as connection:
                await operations.report(connection, faults.values())
        except (psycopg.Error, OSError) as error:
            logger.warning("operations.not_told", faults=sorted(faults), error=str(error))
            return False
        self._waiting = {key: fault for key, fault in self._waiting.items() if fault is not faults.get(key)}
        metrics.UNTOLD.set(len(self._waiting))
        return True
