"""Technical alerts: our own health, for operations. The same again is counted, and told anew once it was closed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection

_RAISE: LiteralString = """
INSERT INTO operations_alert (key, kind, severity, detail, patient_id)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[])
ON CONFLICT (key) DO UPDATE SET count = operations_alert.count + 1, last_at = clock_timestamp(),
    detail = excluded.detail, closed_at = NULL,
    told_at = CASE WHEN operations_alert.closed_at IS NULL THEN operations_alert.told_at END
"""


class Technical(msgspec.Struct, frozen=True, kw_only=True):
    """One fault. `detail` says what, where and what to do, without a patient's data."""

    key: str
    kind: str
    detail: str
    severity: str = "HIGH"
    patient_id: int | None = None


async def report(conn: AsyncConnection[Any], faults: Iterable[Technical]) -> None:
    """Open or count them, inside the caller's transaction."""
    once = sorted({fault.key: fault for fault in faults}.values(), key=lambda fault: fault.key)
    if once:
        columns = [[getattr(f, n) for f in once] for n in ("key", "kind", "severity", "detail", "patient_id")]
        await conn.execute(_RAISE, columns)
        await conn.execute("SELECT pg_notify('halo_delivery', '')")
