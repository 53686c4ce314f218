"""One FHIR request to events: the public entry of this folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256

from schemas.identity import event_id
from schemas.patient_event import Event, Purpose, Refused, Source
from services.reading.fhir.assembling import Assembly
from services.reading.fhir.document import NotJson, Tree, parse
from services.reading.fhir.faults import Fault, Invalid
from services.reading.fhir.message import Message, open_message
from services.reading.fhir.naming import Naming
from services.reading.fhir.reading import EntryRead, Reading
from services.reading.fhir.times import to_iso
from services.reading.refusing import RAW_LIMIT

WITHDRAWN_AS_A_WHOLE = "transaction"
"""The Bundle type of which everything is taken or nothing."""
EACH = 100
"""So many faulty entries of one request are recorded one by one."""
_TEST = "HTEST"
"""Security label of test data (v3-ActReason)."""


def read(
    data: bytes, received_at: str, *, naming: Naming, peer: str = "", purpose: Purpose = "live",
    resource_type: str = "", resource_id: str = "",
) -> Reading:  # fmt: skip
    """What `data` says. Never raises, whatever the bytes.

    `received_at` is UTC ISO text with "Z"; `resource_type` and `resource_id` are those of the address it was sent to.
    """
    source = Source(
        format="fhir", sender=naming.sender, received_at=received_at, peer=peer, sha256=sha256(data).hexdigest()
    )
    try:
        tree = parse(data)
    except NotJson as error:
        return refuse(Fault(code="structure", text=str(error)), "not_json", data, source)
    try:
        _check_address(tree, resource_type, resource_id)
        message = open_message(tree, data)
    except Invalid as error:
        fault = Fault(code=error.code, text=error.text, expression=error.place)
        return refuse(fault, "invalid", data, source, tree)
    source = _source(source, message, tree)
    return _settled(Assembly(message, source, naming, purpose).read(), message, source, tree)


def refuse(fault: Fault, reason: str, data: bytes, source: Source, tree: Tree | None = None) -> Reading:
    """Nothing is taken; the event keeps at most 64 KiB."""
    kind = str((tree or {}).get("resourceType") or "")[:64]
    event = _refused(source, f"{reason}: {fault.text}", fault.expression, data, "")
    return Reading(type=kind, events=(event,), faults=(fault,), not_json=reason == "not_json")


def _check_address(tree: Tree, resource_type: str, resource_id: str) -> None:
    kind = tree.get("resourceType")
    if not isinstance(kind, str) or not kind:
        raise Invalid("required", "resourceType is missing: this is no FHIR resource", "resourceType")
    if resource_type and kind != resource_type:
        raise Invalid("invalid", f"a {kind[:64]} was sent to the address of {resource_type}", "resourceType")
    if resource_id and tree.get("id") != resource_id:
        raise Invalid("invalid", "the id of the resource is not that of the address", f"{kind[:64]}.id")


def _source(source: Source, message: Message, tree: Tree) -> Source:
    """Its own time and number where the Bundle, or the one resource, has them."""
    meta = tree.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    sent_at = (message.bundle.timestamp if message.bundle else "") or str(meta.get("lastUpdated") or "")
    return Source(
        format="fhir", sender=source.sender, received_at=source.received_at, peer=source.peer, sha256=source.sha256,
        message_id=str(tree.get("id") or ""), message_type=str(tree["resourceType"]), sent_at=to_iso(sent_at),
        environment="T" if _is_test(message, tree) else "", charset="utf-8",
    )  # fmt: skip


def _is_test(message: Message, tree: Tree) -> bool:
    """The whole says so, or every one of its entries."""
    return _labelled(tree) or (bool(message.pieces) and all(_labelled(piece.resource) for piece in message.pieces))


def _labelled(tree: Tree) -> bool:
    meta = tree.get("meta")
    labels = meta.get("security", ()) if isinstance(meta, dict) else ()
    return isinstance(labels, list) and any(isinstance(one, dict) and one.get("code") == _TEST for one in labels)


def _settled(read_: tuple[list[EntryRead], list[Event]], message: Message, source: Source, tree: Tree) -> Reading:
    """Faulty entries become `refused` events; of a transaction one of them takes all the others with it."""
    entries, events = read_
    bundle = message.bundle.type if message.bundle else ""
    faulty = [entry for entry in entries if entry.faults]
    if faulty and bundle == WITHDRAWN_AS_A_WHOLE:
        events = []
        entries = [entry if entry.faults else _untaken(entry) for entry in entries]
    refusals = _refusals(faulty, message, source)
    return Reading(
        type=str(tree["resourceType"]), bundle=bundle, id=str(tree.get("id") or ""), events=(*events, *refusals),
        entries=tuple(entries),
    )  # fmt: skip


def _untaken(entry: EntryRead) -> EntryRead:
    return replace(entry, event_ids=(), ignored=True)


def _refusals(faulty: list[EntryRead], message: Message, source: Source) -> list[Refused]:
    """One an entry, so that each is seen by itself; of very many one for all."""
    if len(faulty) <= EACH:
        return [_refusal(entry, message, source) for entry in faulty]
    fault = faulty[0].faults[0]
    reason = f"{fault.code}: {len(faulty)} of {len(message.pieces)} entries, the first: {fault.text}"
    return [_refused(source, reason, fault.expression, message.data, "")]


def _refusal(entry: EntryRead, message: Message, source: Source) -> Refused:
    span = message.pieces[entry.number - 1].entry
    data = message.data[span.offset : span.offset + span.length]
    fault = entry.faults[0]
    number = f"entry/{entry.number}" if message.bundle else ""
    return _refused(source, f"{fault.code}: {_texts(entry.faults)}", fault.expression, data, number)


def _texts(faults: Iterable[Fault]) -> str:
    return "; ".join(fault.text for fault in faults)


def _refused(source: Source, reason: str, place: str, data: bytes, part: str) -> Refused:
    return Refused(
        event_id=event_id(source.sender, source.sha256, part), source=source, reason=reason[:1000], field=place,
        raw=data[:RAW_LIMIT],
    )  # fmt: skip
