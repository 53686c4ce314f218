"""Files of FHIR resources: one document, an array of them, or one a line (bulk data), each read as if sent alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo

import msgspec

from schemas.patient_event import Purpose
from services.reading.fhir.document import BOM, NotJson, Tree, parse
from services.reading.fhir.naming import Naming
from services.reading.fhir.reading import Reading
from services.reading.fhir.taking_in import read
from services.reading.fhir.times import to_iso
from services.reading.outcome import Outcome, Refusal

_SPOKEN = ("timestamp", "lastUpdated")
_ISSUED = ("issued",)
_TAKEN = (
    "effectiveDateTime", "effectiveInstant", "collectedDateTime", "start", "end", "deceasedDateTime",
)  # fmt: skip
_DEPTH = 6
HEAD = 64 * 1024
_EVENT = re.compile(rb'\{\s*"type"\s*:\s*"[a-z_]+"')
"""How an event of Halo's own begins."""


class _Typed(msgspec.Struct):
    resource_type: str = msgspec.field(default="", name="resourceType")


def looks_like_fhir(data: bytes) -> bool:
    """The first JSON value is an object with a resourceType, or an array (of such objects); its beginning suffices."""
    start = data.removeprefix(BOM).lstrip()
    if start[:1] == b"[":
        return True
    if any(bool(_typed(text)) for text in (start.partition(b"\n")[0], start)):
        return True
    return not _EVENT.match(start) and b'"resourceType"' in start[:HEAD]


def _typed(text: bytes) -> str:
    try:
        return msgspec.json.decode(text, type=_Typed).resource_type
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def documents(data: bytes) -> list[bytes]:
    """Byte for byte. What is no JSON at all is one document, and refused as such."""
    start = data.removeprefix(BOM)
    if start.lstrip()[:1] == b"[":
        try:
            return [bytes(one) for one in msgspec.json.decode(start, type=list[msgspec.Raw])]
        except msgspec.DecodeError:
            return [data]
    lines = [line for line in start.splitlines() if line.strip()]
    return lines if len(lines) > 1 and _typed(lines[0]) else [data]


def read_documents(data: bytes, *, naming: Naming, zone: tzinfo = UTC, purpose: Purpose = "live") -> Iterator[Outcome]:
    """One outcome a document; an event is taken as received at its sender's time, of which `zone` is the zone."""
    for document in documents(data):
        yield outcome_of(read(document, said_at(document, zone), naming=naming, purpose=purpose))


def outcome_of(reading: Reading) -> Outcome:
    """The same as a message's: of several faults all texts, of a Bundle that was taken in part its events too."""
    faults = reading.all_faults
    ignored = "" if reading.events or faults else "ignored_type"
    if not faults:
        return Outcome(events=reading.events, ignored=ignored)
    text = "; ".join(" ".join(part for part in (fault.expression, fault.text) if part) for fault in faults)
    return Outcome(events=reading.events, refusal=Refusal(reason=faults[0].code, text=text))


def said_at(document: bytes, zone: tzinfo) -> str:
    """The newest time at which the sender spoke, as UTC text; "" without any.

    Of the Bundle or its resources, else of issuing, else of taking.
    """
    try:
        tree = parse(document)
    except NotJson:
        return ""
    for names in (_SPOKEN, _ISSUED, _TAKEN):
        moments = [found for text in _texts(tree, names, _DEPTH) if (found := _moment(text, zone))]
        if moments:
            return max(moments).isoformat().replace("+00:00", "Z")
    return ""


def _texts(tree: Tree, names: tuple[str, ...], depth: int) -> Iterator[str]:
    for name, part in tree.items():
        if name in names and isinstance(part, str):
            yield part
        for inside in part if isinstance(part, list) else (part,):
            if isinstance(inside, dict) and depth:
                yield from _texts(inside, names, depth - 1)


def _moment(text: str, zone: tzinfo) -> datetime | None:
    try:
        found = datetime.fromisoformat(to_iso(text))
    except ValueError:  # a year or a month is no moment
        return None
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
