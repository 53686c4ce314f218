"""A release from quarantine is carried out: held results are taken again through the same door; one transaction.

The timer is written with the release. What is understood under the site file in force is stored and evaluated, an old
sample as a late one; what is not stays open with the reason it has today. Either is a line of the item's log with the
version of the site file that said so.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncConnection

from services.ledger.remapping import Remapper, Taken
from services.ledger.settling import pages_over
from services.ledger.stewarding import written


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Body of a timer of kind `quarantine_release`."""

    release: UUID
    who: str
    events: dict[str, list[str]]
    """Ids in `quarantine` by source message."""


class Readmitter:
    """The action of the timer; the caller's transaction marks the timer as fired."""

    def __init__(self, remapper: Remapper) -> None:
        self._remapper = remapper

    async def __call__(
        self, conn: AsyncConnection[Any], patient_id: int | None, due_at: datetime, body: dict[str, Any]
    ) -> None:
        """Take the results again. A LedgerError leaves everything as it was: try again."""
        del patient_id, due_at  # the messages say whom they are about; what is late is late as of now
        asked = msgspec.convert(body, Asked)
        for event_id, items in asked.events.items():
            taken = await self._remapper.message(conn, event_id, items=items, by=asked.who)
            await self._write_down(conn, asked, taken)

    async def _write_down(self, conn: AsyncConnection[Any], asked: Asked, taken: Taken) -> None:
        version = self._remapper.site.version
        await written(conn, taken.closed, "taken", asked.who, site=version, release=asked.release)
        for item, reason in taken.held:
            await written(conn, [item], "still_held", asked.who, reason, site=version, release=asked.release)
        await pages_over(conn, taken.closed)
