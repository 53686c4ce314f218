"""Dead letters: the original bytes with headers and reason, in the table and on the topic. Operations hear."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection

from schemas.identity import stable_id
from services.ledger.incoming import Incoming
from services.ledger.operations import Technical
from services.ledger.record import StreamName
from services.ledger.writes import DEAD_LETTER, Writes, shard
from services.shared.metrics import halo_version
from services.shared.topics import DEAD_LETTERS

_INCOMPLETE: LiteralString = """
UPDATE patient SET incomplete = incomplete || '{"dead_letter": "an event of this patient could not be stored"}',
    series_version = series_version + 1 WHERE sent_id = ANY(%s) RETURNING id
"""


async def bury(conn: AsyncConnection[Any], stream: StreamName, items: Sequence[Incoming], writes: Writes) -> list[int]:
    """Store them, once each; the patients that are now marked incomplete."""
    by_id = {_identity(stream, item): item for item in items}
    rows = [_row(identity, stream, item) for identity, item in by_id.items()]
    new = [by_id[identity] for (identity,) in await DEAD_LETTER.run(conn, rows)]
    for item in new:
        writes.outbox.append(_outbox(item))
        writes.technical.append(_technical(stream, item))
    keys = [key for item in new if (key := _patient(item))]
    marked = await (await conn.execute(_INCOMPLETE, (sorted(set(keys)),))).fetchall() if keys else []
    return [record for (record,) in marked]


def _identity(stream: StreamName, item: Incoming) -> str:
    record = item.record
    return stable_id(stream.cluster_id, stream.topic_id, str(record.partition), str(record.offset))


def _row(identity: str, stream: StreamName, item: Incoming) -> tuple[Any, ...]:
    record, (kind, reason) = item.record, _why(item)
    headers = msgspec.json.encode([(_clean(name), _text(value)) for name, value in record.headers]).decode()
    return (
        identity, stream.topic, record.partition, record.offset, record.key, record.value, headers, kind, reason,
        halo_version(),
    )  # fmt: skip


def _outbox(item: Incoming) -> tuple[Any, ...]:
    record, (kind, reason) = item.record, _why(item)
    headers = {_clean(name): _text(value) for name, value in record.headers}
    headers |= {
        "halo_error": kind, "halo_reason": reason, "halo_partition": str(record.partition),
        "halo_offset": str(record.offset), "halo_code_version": halo_version(),
    }  # fmt: skip
    key = record.key or b""
    return (shard(key), DEAD_LETTERS, key, record.value, msgspec.json.encode(headers).decode())


def _technical(stream: StreamName, item: Incoming) -> Technical:
    record, (kind, _) = item.record, _why(item)
    place = f"{stream.topic}/{record.partition}@{record.offset}"
    detail = f"dead letter {place}: {kind}. See `halo dead-letters`; nothing of it was evaluated."
    return Technical(
        key=f"dead_letter:{stream.topic_id}:{record.partition}:{record.offset}", kind="dead_letter", detail=detail
    )


def _why(item: Incoming) -> tuple[str, str]:
    fault = item.fault
    return (fault.error_class, _clean(fault.reason)) if fault else ("Unknown", "")


def _patient(item: Incoming) -> str:
    """The key, which is the patient's id; nothing when Postgres could not hold it."""
    key = (item.record.key or b"").decode("utf-8", "replace")
    return "" if "\0" in key else key


def _clean(text: str) -> str:
    """Postgres keeps no NUL in a text."""
    return text.replace("\0", "\\u0000")


def _text(value: bytes) -> str:
    return _clean(value.decode("utf-8", "backslashreplace"))
