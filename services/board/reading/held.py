"""The message that carried a held result, with its segment marked and, in HL7 v2, the field that is in doubt."""

from __future__ import annotations

from typing import Any

import msgspec
from psycopg import AsyncConnection

from alerts.wording.catalogue import Language
from alerts.wording.unverified import Held, page
from schemas.codec import decode_event
from schemas.errors import UndecodableEvent
from schemas.patient_event import LabReport, ReportedResult, Where
from services.board.reading.rows import record_row
from services.board.reading.sources import Message, decoded
from services.board.records import PatientRow
from services.ledger.quarantine import Item

_MESSAGE = """
SELECT event_id, format, sender, message_id, message_type, sent_at, received_at, stored_at, sha256, charset, raw
FROM source_message WHERE event_id = %s
"""
_EVENT = "SELECT event FROM source_message WHERE event_id = %s"
OF_THE_PATIENT = frozenset({"patient_missing", "placeholder_identity", "unlisted_authority", "identity_conflict"})
_FIELDS = {
    "unit_missing": 6, "unit_not_allowed": 6, "outside_hard_limit": 5, "looks_like_mg_dl": 5, "looks_like_g_dl": 5,
    "looks_like_umol_l": 5, "ambiguous_number": 5, "local_code_needed": 3, "different_quantity": 3,
    "total_light_chain_code": 3, "needs_wbc": 3, "unknown_status": 11,
}  # fmt: skip
"""Field of OBX that the reason is about."""
_PID = 3
"""Field of PID with the identifiers."""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A run of bytes of the message."""

    offset: int
    length: int


class HeldSource(msgspec.Struct, frozen=True, kw_only=True):
    """The message, and what to look at in it."""

    message: Message
    segment: Mark | None
    field: Mark | None

    @property
    def pieces(self) -> tuple[tuple[str, str], ...]:
        """The whole message as text, in runs that are plain (``), of the segment, or of the field."""
        raw, charset = self.message.raw, self.message.charset
        if self.segment is None:
            return (("", decoded(raw, charset)),)
        end = self.segment.offset + self.segment.length
        inner = self.field or Mark(offset=end, length=0)
        after = inner.offset + inner.length
        runs = (
            ("", raw[: self.segment.offset]), ("segment", raw[self.segment.offset : inner.offset]),
            ("field", raw[inner.offset : after]), ("segment", raw[after:end]), ("", raw[end:]),
        )  # fmt: skip
        return tuple((kind, decoded(run, charset)) for kind, run in runs if run or (kind == "field" and self.field))


async def source(conn: AsyncConnection[Any], item: Item) -> HeldSource | None:
    """None when the message is not kept."""
    async with conn.cursor(row_factory=record_row(Message)) as cursor:
        await cursor.execute(_MESSAGE, (item.event_id,))
        message = await cursor.fetchone()
    if message is None:
        return None
    row = await (await conn.execute(_EVENT, (item.event_id,))).fetchone()
    segment = _segment(bytes(row[0]) if row else b"", message.raw, item)
    field = _field(message, segment, item.reason) if segment and message.format == "hl7v2" else None
    return HeldSource(message=message, segment=segment, field=field)


def unverified(item: Item, patient: PatientRow | None, language: Language) -> str:
    """What a clinician reads of a held value that looks urgent; empty for others."""
    if not item.would_be:
        return ""
    held = Held(
        analyte=item.analyte, value=item.value, unit=item.unit, laboratory=item.laboratory, reason=item.reason,
        units=tuple(filter(None, item.looks_in.split(", "))), severity=item.would_be,
        known=item.patient is not None, ward=patient.ward if patient else "",
    )  # fmt: skip
    return page(held, language)


def _segment(event: bytes, raw: bytes, item: Item) -> Mark | None:
    if item.reason in OF_THE_PATIENT:
        return _pid(raw)
    try:
        report = decode_event(event)
    except UndecodableEvent:  # kept by a version that wrote another form: shown without a mark
        return None
    sent = _result(report.results, item) if isinstance(report, LabReport) else None
    if sent is None or not _inside(sent.where, raw):
        return None
    return Mark(offset=sent.where.offset, length=sent.where.length)


def _result(results: tuple[ReportedResult, ...], item: Item) -> ReportedResult | None:
    if 0 <= item.place < len(results):
        return results[item.place]
    return next((one for one in results if one.where.segment == item.segment), None)


def _inside(where: Where, raw: bytes) -> bool:
    return where.offset >= 0 and where.length > 0 and where.offset + where.length <= len(raw)


def _pid(raw: bytes) -> Mark | None:
    for begin in (b"\rPID", b"\nPID"):
        offset = raw.find(begin)
        if offset >= 0:
            ends = [end for mark in (b"\r", b"\n") if (end := raw.find(mark, offset + 1)) >= 0]
            return Mark(offset=offset + 1, length=min(ends, default=len(raw)) - offset - 1)
    return None


def _field(message: Message, segment: Mark, reason: str) -> Mark | None:
    """The field's bytes, which may be none: then the place where they are missing."""
    wanted = _PID if reason in OF_THE_PATIENT else _FIELDS.get(reason)
    text = message.raw[segment.offset : segment.offset + segment.length]
    separator = text[3:4]
    if wanted is None or not separator:
        return None
    fields = text.split(separator)
    if wanted >= len(fields):
        return None
    before = sum(len(one) + 1 for one in fields[:wanted])
    return Mark(offset=segment.offset + before, length=len(fields[wanted]))
