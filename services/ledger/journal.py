"""The alert log: a gap-free chain per patient, each row sealed with an HMAC over the one before. Chain 0 is Halo's own.

The payload lies in a table of its own and may be erased; its salted hash stays, so the chain still verifies. Whoever
appends to a patient's chain holds that patient's lock.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection

from services.ledger.bulk import Bulk

SYSTEM = 0
_HEADS: LiteralString = """
SELECT c.chain, h.number, h.mac FROM unnest(%s::bigint[]) AS c(chain), LATERAL (
    SELECT number, mac FROM alert_event WHERE alert_event.chain = c.chain ORDER BY number DESC LIMIT 1) AS h
"""
_ROWS = Bulk("alert_event", {
    "chain": "int8", "number": "int8", "alert_id": "uuid", "alert_version": "int4", "kind": "text", "actor": "text",
    "at": "timestamptz", "payload_hash": "bytea", "mac": "bytea",
})  # fmt: skip
_PAYLOADS = Bulk("alert_event_payload", {"chain": "int8", "number": "int8", "salt": "bytea", "payload": "jsonb"})
_CHAIN: LiteralString = """
SELECT e.number, e.alert_id::text, e.alert_version, e.kind, e.actor, e.at, e.payload_hash, e.mac,
       p.salt, p.payload::text
FROM alert_event AS e LEFT JOIN alert_event_payload AS p USING (chain, number) WHERE chain = %s ORDER BY number
"""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened."""

    chain: int
    """The patient record the alert belongs to, or SYSTEM."""
    kind: str
    alert_id: str | None = None
    alert_version: int | None = None
    actor: str = ""
    payload: dict[str, Any] = {}


class Journal:
    """Appends and verifies, with the installation's key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    async def append(self, conn: AsyncConnection[Any], entries: Sequence[Entry]) -> list[tuple[int, bytes]]:
        """Add the entries to the ends of their chains, in the order given, inside the caller's transaction.

        The number and the seal of each, in that order.
        """
        if not entries:
            return []
        chains = sorted({entry.chain for entry in entries})
        found = await (await conn.execute(_HEADS, (chains,))).fetchall()
        heads: dict[int, tuple[int, bytes]] = {chain: (number, bytes(mac)) for chain, number, mac in found}
        rows, payloads = self._sealed(entries, heads)
        await _ROWS.run(conn, rows)
        await _PAYLOADS.run(conn, payloads)
        return [(row[1], row[-1]) for row in rows]

    def _sealed(
        self, entries: Iterable[Entry], heads: dict[int, tuple[int, bytes]]
    ) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        now = datetime.now(UTC)
        rows, payloads = [], []
        for e in entries:
            number, previous = heads.get(e.chain, (0, b""))
            salt, payload = secrets.token_bytes(16), msgspec.json.encode(e.payload, order="sorted")
            digest = hashlib.sha256(salt + payload).digest()
            row = (e.chain, number + 1, e.alert_id, e.alert_version, e.kind, e.actor, now, digest)
            mac = self._mac(previous, row)
            heads[e.chain] = (number + 1, mac)
            rows.append((*row, mac))
            payloads.append((e.chain, number + 1, salt, payload.decode()))
        return rows, payloads

    def _mac(self, previous: bytes, row: tuple[Any, ...]) -> bytes:
        return hmac.digest(self._key, previous + msgspec.json.encode(row), "sha256")

    async def verify(self, conn: AsyncConnection[Any], chain: int) -> list[str]:
        """What is wrong with a chain, in words; empty when it holds. An erased payload is not wrong."""
        wrong, previous, expected = [], b"", 1
        for number, *row, digest, mac, salt, payload in await (await conn.execute(_CHAIN, (chain,))).fetchall():
            if number != expected:
                wrong.append(f"row {expected} of chain {chain} is missing")
            if not hmac.compare_digest(self._mac(previous, (chain, number, *_utc(row), bytes(digest))), bytes(mac)):
                wrong.append(f"row {number} of chain {chain} was changed, or sealed with another key")
            if payload is not None and hashlib.sha256(bytes(salt) + _canonical(payload)).digest() != bytes(digest):
                wrong.append(f"the payload of row {number} of chain {chain} was changed")
            previous, expected = bytes(mac), number + 1
        return wrong


def _utc(row: list[Any]) -> list[Any]:
    return [item.astimezone(UTC) if isinstance(item, datetime) else item for item in row]


def _canonical(payload: str) -> bytes:
    """Jsonb keeps no order of names; texts and whole numbers only, so that nothing else can change."""
    return msgspec.json.encode(msgspec.json.decode(payload), order="sorted")


def load_key(path: Path) -> bytes:
    """The installation's key; made at the first start, readable by its owner only. OSError names the file."""
    try:
        return bytes.fromhex(path.read_text("ascii").strip())
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    made.touch(0o600, exist_ok=False)
    made.write_text(secrets.token_hex(32) + "\n", "ascii")
    with contextlib.suppress(FileExistsError):  # another process was faster: its key is the one
        os.link(made, path)
    made.unlink()
    return load_key(path)
