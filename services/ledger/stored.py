"""What is stored of a patient: the series, the context and the alerts, read by root."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal, LiteralString
from zoneinfo import ZoneInfo

import msgspec
from psycopg import AsyncConnection

from alerts.alert import AlertState
from alerts.candidates import Candidate
from alerts.context import Context
from alerts.memo import Memo
from alerts.myeloma.disease import Disease
from alerts.result import Result
from alerts.series import Series
from schemas.patient_event import ContextEntry
from services.ledger import context, timers
from services.ledger.context import Demographics

Condition = Literal["active", "cleared", "retracted", "superseded"]
Response = Literal["unacknowledged", "acknowledged", "shelved", "closed"]
STOPPED = ("rule_off", "draft_pack")
"""Why an alert of a patient who is watched was not told: its rule was off, or the rules a draft."""

_RESULTS: LiteralString = "SELECT patient_id, body FROM result WHERE patient_id = ANY(%s)"
_CONTEXT: LiteralString = (
    "SELECT patient_id, received_at, event_id::text, number, body::text FROM context_event WHERE patient_id = ANY(%s)"
)
_SAID: LiteralString = "SELECT id, demographics FROM patient WHERE id = ANY(%s)"
_ALERTS: LiteralString = """
SELECT alert_id::text, patient_id, version, condition, response, body, late, superseded_by::text, code,
       acknowledged_by, acknowledged_at, acknowledged_version, acknowledgement_expires_at,
       told_at, told_severity, told_value, told_level, told_analyte, told_sampled_at, told_draft, withheld,
       held_until, feed, imported_until,
       ARRAY(SELECT DISTINCT ARRAY[d.channel, d.recipient] FROM delivery AS d WHERE d.alert_id = alert.alert_id
             AND NOT (d.status = 'closed' AND d.attempts = 0)) AS told
FROM alert WHERE patient_id = ANY(%s)
"""


class StoredAlert(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `alert`: the state the data made, and what people and the notifier did about it."""

    alert_id: str
    patient_id: int
    version: int
    condition: Condition
    response: Response = "unacknowledged"
    state: AlertState
    body: bytes
    """`state` as it is stored."""
    late: bool = False
    superseded_by: str | None = None
    code: str = ""
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    acknowledged_version: int | None = None
    acknowledgement_expires_at: datetime | None = None
    told_at: datetime | None = None
    told_severity: str | None = None
    told_value: Decimal | None = None
    told_level: str | None = None
    told_analyte: str | None = None
    told_sampled_at: datetime | None = None
    told_draft: bool = False
    """That notification was a draft's, so test recipients only know of it."""
    withheld: str = ""
    """Why its people were not told of what they should be (`alerts.watching.Gate`, or one of
    `STOPPED`); told once that no longer holds."""
    held_until: datetime | None = None
    """Its notification waits so long because the specimen is in doubt; of a specimen mismatch: others wait so long."""
    feed: str = ""
    """By which feed the deciding sample came (`services.shared.feeds`); empty: by none, so it counts as live."""
    imported_until: datetime | None = None
    """Newest sample that import of history judged it by, while nobody was told; None otherwise."""
    told: tuple[tuple[str, str], ...] = ()
    """Channel and recipient of everyone a delivery was made for, but of those closed before any attempt."""

    @property
    def holds(self) -> bool:
        """In the set-determined part: active or cleared."""
        return self.condition in ("active", "cleared")


class Stored(msgspec.Struct, kw_only=True):
    """One person. Replaced, never changed, outside of the transaction that owns it."""

    root: int
    patient: str
    """The root record's id as sent."""
    public_id: str
    version: int
    members: tuple[int, ...]
    series: Series
    entries: tuple[tuple[str, int, ContextEntry], ...]
    demographics: Demographics
    context: Context
    alerts: dict[str, StoredAlert]
    as_of: datetime
    incomplete: dict[str, str]
    rule_pack: str = ""
    """Fingerprint of the rules the alerts were last derived by; empty for somebody new."""
    unwatched: str = ""
    """Why nothing is sent, as last stored (`alerts.watching.Gate`)."""
    next_due: datetime | None = None
    """When the passing of time alone changes the alerts next, as the rules said last."""
    timer: datetime | None = None
    """When the stored timer fires that lets it pass; None without one."""
    live_from: Mapping[str, datetime] = {}
    """Per live feed, where somebody is judged outside of the ledger's transactions (`services.ledger.replaying`)."""
    candidates: tuple[Candidate, ...] | None = None
    """Findings that ask for enrolment, as last stored; None when not known."""
    disease: Disease | None = None
    """As last worked out, where it was: the next report takes it up from there."""
    memos: dict[str, Memo] = {}
    """What each rule said last, with the way there: only what a change reaches is asked again."""


async def read(conn: AsyncConnection[Any], rows: Mapping[int, Any], members: Mapping[int, tuple[int, ...]],
               zone: ZoneInfo) -> dict[int, Stored]:  # fmt: skip
    """The persons with these roots; `rows` are the `patients.PatientRow` of at least the roots."""
    root_of = {member: root for root, group in members.items() for member in group}
    ids = sorted(root_of)
    results: dict[int, list[Result]] = defaultdict(list)
    for record, body in await (await conn.execute(_RESULTS, (ids,), binary=True)).fetchall():
        results[root_of[record]].append(msgspec.json.decode(body, type=Result))
    entries = await _entries(conn, ids, root_of)
    stored = await read_alerts(conn, ids)
    alerts: dict[int, dict[str, StoredAlert]] = defaultdict(dict)
    for alert in stored:
        alerts[root_of[alert.patient_id]][alert.alert_id] = alert
    said = await _demographics(conn, [member for group in members.values() if len(group) > 1 for member in group])
    found = {
        root: _person(
            rows[root], group, results[root], entries[root], alerts[root],
            context.newest(rows[root].demographics, *(said[member] for member in group if member in said))
            | context.located(entries[root], zone), zone,
        )
        for root, group in members.items()
    }  # fmt: skip
    for root, due_at in (await timers.waiting(conn, members)).items():
        found[root].timer = due_at
    return found


async def _demographics(conn: AsyncConnection[Any], ids: list[int]) -> dict[int, Demographics]:
    if not ids:
        return {}
    rows = await (await conn.execute(_SAID, (ids,))).fetchall()
    return {record: msgspec.convert(said, Demographics) for record, said in rows}


def _person(row: Any, group: tuple[int, ...], results: Iterable[Result], entries: list[tuple[str, int, ContextEntry]],
            alerts: dict[str, StoredAlert], said: Demographics, zone: ZoneInfo) -> Stored:  # fmt: skip
    return Stored(
        root=row.id, patient=row.sent_id, public_id=row.public_id, version=row.series_version, members=group,
        series=Series().merge(results), entries=tuple(entries), demographics=said,
        context=context.build(entries, said, zone), alerts=alerts,
        as_of=row.as_of or datetime.min.replace(tzinfo=UTC), incomplete=dict(row.incomplete),
        rule_pack=row.rule_pack, unwatched=row.unwatched,
    )  # fmt: skip


async def _entries(
    conn: AsyncConnection[Any], ids: list[int], root_of: Mapping[int, int]
) -> dict[int, list[tuple[str, int, ContextEntry]]]:
    found: dict[int, list[tuple[str, int, ContextEntry]]] = defaultdict(list)
    for record, at, event_id, number, body in await (await conn.execute(_CONTEXT, (ids,))).fetchall():
        entry = msgspec.json.decode(body, type=ContextEntry)
        found[root_of[record]].append((context.rank(at, event_id), number, entry))
    return found


async def read_alerts(conn: AsyncConnection[Any], ids: Iterable[int]) -> list[StoredAlert]:
    """Every alert, of any condition, of these records."""
    cursor = await conn.execute(_ALERTS, (sorted(ids),))
    names = [column.name for column in cursor.description or ()]
    return [_alert(dict(zip(names, row, strict=True))) for row in await cursor.fetchall()]


def _alert(columns: dict[str, Any]) -> StoredAlert:
    body = bytes(columns.pop("body"))
    state = msgspec.json.decode(body, type=AlertState)
    told = tuple((channel, recipient) for channel, recipient in columns.pop("told"))
    return StoredAlert(**columns, state=state, body=body, told=told)
