"""Numbers of patients and orders as they come: aliases, records that may be one person, order numbers used twice.

All of it inside the event's transaction. What it finds is a question for the data steward; nothing is merged by it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection

from schemas.patient_event import Identifier
from services.ledger.bulk import Bulk
from services.ledger.operations import Technical

_IDENTIFIER = Bulk("patient_identifier", {
    "authority": "text", "value": "text", "patient_id": "int8", "type": "text", "first_at": "timestamptz",
}, tail="ON CONFLICT DO NOTHING RETURNING authority, value, patient_id",
   order="ORDER BY authority, value, patient_id")  # fmt: skip
_ORDER = Bulk("order_number", {"laboratory": "text", "number": "text", "patient_id": "int8"},
              tail="ON CONFLICT DO NOTHING RETURNING laboratory, number, patient_id",
              order="ORDER BY laboratory, number, patient_id")  # fmt: skip
_LINK = Bulk("patient_link", {"one": "int8", "other": "int8", "reason": "text", "event_id": "uuid"},
             tail="ON CONFLICT DO NOTHING RETURNING one, other", order="ORDER BY one, other")  # fmt: skip
_SHARED: LiteralString = """
SELECT DISTINCT n.patient_id, p.patient_id
FROM unnest(%s::text[], %s::text[], %s::bigint[]) AS n(authority, value, patient_id)
JOIN patient_identifier AS p ON p.authority = n.authority AND p.value = n.value AND p.patient_id <> n.patient_id
LEFT JOIN patient_alias AS a ON a.retired_id = n.patient_id
LEFT JOIN patient_alias AS b ON b.retired_id = p.patient_id
WHERE coalesce(a.root_id, n.patient_id) <> coalesce(b.root_id, p.patient_id)
"""
_REUSED: LiteralString = """
SELECT DISTINCT n.laboratory, n.number
FROM unnest(%s::text[], %s::text[], %s::bigint[]) AS n(laboratory, number, patient_id)
JOIN order_number AS o ON o.laboratory = n.laboratory AND o.number = n.number AND o.patient_id <> n.patient_id
LEFT JOIN patient_alias AS a ON a.retired_id = n.patient_id
LEFT JOIN patient_alias AS b ON b.retired_id = o.patient_id
WHERE coalesce(a.root_id, n.patient_id) <> coalesce(b.root_id, o.patient_id)
"""
_NAMES: LiteralString = "SELECT id, public_id FROM patient WHERE id = ANY(%s)"
_KNOWN: LiteralString = """
SELECT p.sent_id, coalesce(a.root_id, p.id) FROM patient AS p LEFT JOIN patient_alias AS a ON a.retired_id = p.id
WHERE p.sent_id = ANY(%s) AND p.as_of IS NOT NULL
"""

_KIND = "data_steward"
SAME_NUMBER, BY_SENDER, NOT_ALLOWED = "same_number", "linked_by_sender", "merge_not_allowed"
_WHY = {
    SAME_NUMBER: "share a number of PID-3",
    "identity_conflict": "stood in one message",
    BY_SENDER: "were linked by a sender (ADT A24)",
    NOT_ALLOWED: "were merged by a sender that may not merge",
}


class Numbers(msgspec.Struct, kw_only=True):
    """What one transaction says of numbers, by key."""

    identifiers: dict[tuple[str, str, int], tuple[Any, ...]] = {}
    orders: dict[tuple[str, str, int], None] = {}
    links: dict[tuple[int, int], tuple[str, str]] = {}
    """Two records -> why they may be one person, and the event that says so."""
    events: dict[int, str] = {}
    """Of each record with new numbers the event that brought them."""

    def link(self, one: int, other: int, reason: str, event_id: str) -> None:
        """Propose it; of several reasons the first one stays."""
        if one != other:
            self.links.setdefault((min(one, other), max(one, other)), (reason, event_id))

    def belongs(self, identifiers: Iterable[Identifier], record: int, at: datetime, event_id: str) -> None:
        """These numbers came with this record."""
        for one in identifiers:
            row = (one.authority, one.value, record, one.type, at)
            self.identifiers.setdefault((one.authority, one.value, record), row)
            self.events.setdefault(record, event_id)

    async def write(self, conn: AsyncConnection[Any]) -> list[Technical]:
        """Store what is new of it; the questions that follow."""
        await self._find_shared(conn)
        return [*await self._propose(conn), *await self._reused(conn)]

    async def _find_shared(self, conn: AsyncConnection[Any]) -> None:
        new = await _IDENTIFIER.run(conn, list(self.identifiers.values()))
        if new:
            columns = [list(column) for column in zip(*new, strict=True)]
            for record, other in await (await conn.execute(_SHARED, columns)).fetchall():
                self.link(record, other, SAME_NUMBER, self.events[record])

    async def _propose(self, conn: AsyncConnection[Any]) -> list[Technical]:
        rows = [(*pair, reason, event_id) for pair, (reason, event_id) in self.links.items()]
        new = await _LINK.run(conn, rows)
        if not new:
            return []
        names = dict(await (await conn.execute(_NAMES, ([i for pair in new for i in pair],))).fetchall())
        return [_question(names[one], names[other], *self.links[one, other], one) for one, other in new]

    async def _reused(self, conn: AsyncConnection[Any]) -> list[Technical]:
        new = await _ORDER.run(conn, list(self.orders))
        if not new:
            return []
        columns = [list(column) for column in zip(*new, strict=True)]
        found = sorted(await (await conn.execute(_REUSED, columns)).fetchall())
        return [_reuse(laboratory, found) for laboratory in dict.fromkeys(row[0] for row in found)]


async def known(conn: AsyncConnection[Any], names: Iterable[str]) -> dict[str, int]:
    """Of these numbers (`authority|value`) those that name a known patient's record, with the root of each."""
    wanted = sorted(set(names))
    return dict(await (await conn.execute(_KNOWN, (wanted,))).fetchall()) if wanted else {}


def _question(one: str, other: str, reason: str, event_id: str, record: int) -> Technical:
    detail = (
        f"patient records {one} and {other} {_WHY[reason]}; each keeps its results until a person says that they are "
        f"one: `halo patient links`, then confirm or undo. Event {event_id}."
    )
    return Technical(
        key=f"patient_link:{one}:{other}", kind=_KIND, severity="MEDIUM", patient_id=record, detail=detail,
        feed=f"patient_link:{reason}",
    )  # fmt: skip


def _reuse(laboratory: str, found: list[tuple[str, str]]) -> Technical:
    many = [number for name, number in found if name == laboratory]
    detail = (
        f"order_id_reused: {laboratory or 'a laboratory without a name'} used an order number for two patients; both "
        f"keep their results. Ask whether a tube was mixed up or numbers begin anew. Order {many[0]}"
        + (f" and {len(many) - 1} more" if many[1:] else "")
    )
    return Technical(key=f"order_id_reused:{laboratory}", kind=_KIND, severity="MEDIUM", detail=detail)
