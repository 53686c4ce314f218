"""Data of people who were never enrolled are deleted 400 days after they were stored (behaviour 3).

Only where the site file says that who is watched is listed. A message with a held result that nobody decided about is
kept until somebody does. Of somebody of whom nothing is left the record goes too; where a merge names it, its number
and name go and an empty record stays. The alert log keeps its sealed rows, their payload is deleted. Each person is a
transaction, and a line of the audit says how much went.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection

from alerts.series import Series
from services.ledger import context
from services.ledger.applying import Work
from services.ledger.errors import AliasesChanged, PackUnusable
from services.ledger.operations import Technical, report
from services.ledger.remapping import Remapper
from services.ledger.stored import Stored
from services.ledger.telling import Cause

DAYS = 400
CHUNK, SPAN = 20, 1.0
"""Persons at most, and seconds after which no further one is begun."""
_OLD: LiteralString = """
SELECT p.id, p.sent_id FROM patient AS p
WHERE p.id > %(last)s AND p.unwatched = 'not_enrolled' AND p.id NOT IN (SELECT retired_id FROM patient_alias)
  AND EXISTS (SELECT FROM source_message AS s WHERE s.stored_at < %(before)s AND (s.patient_id = p.id
      OR s.patient_id IN (SELECT retired_id FROM patient_alias WHERE root_id = p.id)))
ORDER BY p.id LIMIT %(most)s
"""
_EVENTS: LiteralString = """
SELECT s.event_id::text FROM source_message AS s
WHERE s.patient_id = ANY(%(records)s) AND s.stored_at < %(before)s AND NOT EXISTS (
    SELECT FROM quarantine AS q WHERE q.event_id = s.event_id AND q.closed_at IS NULL)
"""
_OF_EVENTS: tuple[LiteralString, ...] = (
    "DELETE FROM quarantine WHERE event_id = ANY(%(events)s::text[]::uuid[])",
    "DELETE FROM context_event WHERE event_id = ANY(%(events)s::text[]::uuid[])",
    "DELETE FROM source_message WHERE event_id = ANY(%(events)s::text[]::uuid[])",
)
_RESULTS: LiteralString = """
WITH gone AS (DELETE FROM result WHERE patient_id = ANY(%(records)s) AND event_id = ANY(%(events)s::text[]::uuid[])
              RETURNING result_id)
DELETE FROM result_key WHERE result_id IN (SELECT result_id FROM gone)
"""
_LEFT: LiteralString = "SELECT EXISTS (SELECT FROM source_message WHERE patient_id = ANY(%(records)s))"
_OF_PERSON: tuple[LiteralString, ...] = (
    """DELETE FROM delivery_attempt WHERE delivery_id IN (
        SELECT id FROM delivery WHERE alert_id IN (SELECT alert_id FROM alert WHERE patient_id = ANY(%(records)s)))""",
    "DELETE FROM delivery WHERE alert_id IN (SELECT alert_id FROM alert WHERE patient_id = ANY(%(records)s))",
    "DELETE FROM pack_change WHERE alert_id IN (SELECT alert_id FROM alert WHERE patient_id = ANY(%(records)s))",
    "DELETE FROM alert WHERE patient_id = ANY(%(records)s)",
    "DELETE FROM alert_event_payload WHERE chain = ANY(%(records)s)",
    "DELETE FROM candidate WHERE patient_id = ANY(%(records)s)",
    "DELETE FROM timer WHERE patient_id = ANY(%(records)s)",
    "DELETE FROM live_event WHERE patient_id = ANY(%(records)s)",
    "DELETE FROM context_event WHERE patient_id = ANY(%(records)s)",
    "DELETE FROM patient_identifier WHERE patient_id = ANY(%(records)s)",
    "DELETE FROM patient_link WHERE one = ANY(%(records)s) OR other = ANY(%(records)s)",
    "DELETE FROM order_number WHERE patient_id = ANY(%(records)s)",
    "DELETE FROM outbox WHERE published_at IS NOT NULL AND key = ANY(%(keys)s)",
)
_NAMES: LiteralString = "SELECT sent_id FROM patient WHERE id = ANY(%s)"
_RECORD: LiteralString = """
DELETE FROM patient AS p WHERE p.id = ANY(%(records)s) AND NOT EXISTS (
    SELECT FROM patient_merge AS m WHERE p.id IN (m.retired_id, m.survivor_id))
"""
_EMPTY: LiteralString = """
UPDATE patient SET sent_id = 'deleted|' || public_id, identifiers = '[]', family = '', given = '', birth_date = '',
    sex = '', ward = '', bed = '', place_at = NULL, demographics = '{}', incomplete = '{}', as_of = NULL,
    series_version = series_version + 1
WHERE id = ANY(%(records)s)
"""
_AUDIT: LiteralString = """
INSERT INTO audit (who, action, patient_id, detail) VALUES ('halo', 'never_enrolled_deleted', %s, %s)
"""
_ENROLLED = "enrolled"


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """What of one person was deleted."""

    messages: int
    results: int
    whole: bool
    """Nothing is left of the person."""

    @property
    def said(self) -> str:
        """As the audit says it."""
        rest = "; nothing is left" if self.whole else ""
        return f"{self.messages} messages with {self.results} results older than {DAYS} days{rest}"


class Forget:
    """A round of the clock."""

    def __init__(self, remapper: Remapper, *, days: int = DAYS) -> None:
        self._remapper, self._days = remapper, days
        self._last = 0

    async def __call__(self, conn: AsyncConnection[Any]) -> int:
        """About a second's work: how many persons were looked at; 0 when all were, then it begins anew."""
        before, end, number = datetime.now(UTC) - timedelta(days=self._days), monotonic() + SPAN, 0
        for record, sent in await self._old(conn, before):
            self._last, number = record, number + 1
            await self._try(conn, record, sent, before)
            if monotonic() >= end:
                return number
        if not number:
            self._last = 0
        return number

    async def _old(self, conn: AsyncConnection[Any], before: datetime) -> list[tuple[int, str]]:
        async with conn.transaction():
            if (await self._remapper.govern(conn)).file.enrolment.watch != "listed":
                return []
            asked = {"last": self._last, "before": before, "most": CHUNK}
            return await (await conn.execute(_OLD, asked)).fetchall()

    async def _try(self, conn: AsyncConnection[Any], record: int, sent: str, before: datetime) -> None:
        try:
            async with conn.transaction():
                await self._forget(conn, sent, before)
        except (AliasesChanged, PackUnusable):
            raise
        except Exception as error:  # one person must not stop the others
            if conn.closed:
                raise
            detail = (
                f"old data of patient record {record}, never enrolled, could not be deleted: {type(error).__name__}"
            )
            await report(conn, [Technical(key=f"forget_failed:{record}", kind="forget_failed", patient_id=record,
                                          detail=detail)])  # fmt: skip

    async def _forget(self, conn: AsyncConnection[Any], sent: str, before: datetime) -> Forgotten | None:
        work = await self._remapper.work_on(conn, sent)
        person = work.persons[work.locked.root(sent)]
        if ever_enrolled(person):
            return None
        asked: dict[str, Any] = {"records": list(person.members), "before": before}
        events = [event for (event,) in await (await conn.execute(_EVENTS, asked)).fetchall()]
        if not events:
            return None
        asked["events"] = events
        results = (await conn.execute(_RESULTS, asked)).rowcount
        for query in _OF_EVENTS:
            await conn.execute(query, asked)
        row = await (await conn.execute(_LEFT, asked)).fetchone()
        whole = row is not None and not row[0]
        done = Forgotten(messages=len(events), results=results, whole=whole)
        await conn.execute(_AUDIT, (person.root, done.said))
        if whole:
            await self._whole(conn, person)
        else:
            await self._rest(conn, work, person, events)
        return done

    async def _whole(self, conn: AsyncConnection[Any], person: Stored) -> None:
        rows = await (await conn.execute(_NAMES, (list(person.members),))).fetchall()
        asked = {"records": list(person.members), "keys": [sent.encode() for (sent,) in rows]}
        for query in (*_OF_PERSON, _RECORD, _EMPTY):
            await conn.execute(query, asked)

    async def _rest(self, conn: AsyncConnection[Any], work: Work, person: Stored, events: Sequence[str]) -> None:
        gone = set(events)
        series = Series().merge(r for r in person.series.results() if r.source.event_id not in gone)
        person.entries = tuple(one for one in person.entries if one[0].partition(" ")[2] not in gone)
        person.context = context.build(person.entries, person.demographics, work.zone)
        cause = Cause(event_id=None, received_at=datetime.now(UTC), kind="mapping", history=True)
        work.remapped(person, series, cause, moved=True)
        await self._remapper.flush(conn, work)


def ever_enrolled(person: Stored) -> bool:
    """Whether anybody ever said so, also if it was taken back or ended."""
    said = (entry for _, _, entry in person.entries if entry.kind == "enrolment")
    return any((entry.code or entry.value).strip().casefold() == _ENROLLED for entry in said)
