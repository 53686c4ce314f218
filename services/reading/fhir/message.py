"""One request cut into its entries: a Bundle of any kind, or a resource alone as the only entry."""

from __future__ import annotations

from dataclasses import dataclass

from services.reading.fhir.document import Span, Tree, entry_spans, resource_span
from services.reading.fhir.faults import Invalid
from services.reading.fhir.scope import Scope, convert, index
from services.reading.fhir.types import Bundle

TAKEN_METHODS = frozenset({"", "POST", "PUT"})
ENTRIES = 5_000
ALONE = frozenset({"transaction-response", "batch-response"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One entry with its place in the bytes."""

    number: int
    """From 1."""
    root: str
    """FHIRPath of the resource: `Bundle.entry[0].resource`, or its type."""
    resource: Tree
    """Empty where the entry holds none."""
    full_url: str = ""
    method: str = ""
    entry: Span
    place: Span
    """Of the resource."""

    @property
    def type(self) -> str:
        """`resourceType`; empty where there is none."""
        found = self.resource.get("resourceType")
        return found if isinstance(found, str) else ""

    @property
    def id(self) -> str:
        """Id at the sender."""
        found = self.resource.get("id")
        return found if isinstance(found, str) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """All of it."""

    bundle: Bundle | None
    pieces: tuple[Piece, ...]
    scope: Scope
    data: bytes


def open_message(tree: Tree, data: bytes) -> Message:
    """Raises Invalid for a Bundle whose frame cannot be read."""
    if tree.get("resourceType") != "Bundle":
        whole = Span(0, len(data))
        alone = Piece(number=1, root=str(tree.get("resourceType")), resource=tree, entry=whole, place=whole)
        return Message(bundle=None, pieces=(alone,), scope=index([("", tree)]), data=data)
    try:
        bundle = convert(tree, Bundle)
    except Invalid as error:
        raise Invalid(error.code, error.text, f"Bundle.{error.place}" if error.place else "Bundle") from error
    if bundle.type in ALONE:
        raise Invalid("not-supported", f"a Bundle of type {bundle.type} is an answer, not something to store", "Bundle")
    if len(bundle.entry) > ENTRIES:
        raise Invalid("too-costly", f"more than {ENTRIES} entries in one Bundle; send several", "Bundle.entry")
    spans = entry_spans(data) if bundle.entry else []
    pieces = tuple(
        Piece(
            number=at + 1, root=f"Bundle.entry[{at}].resource", resource=entry.resource or {},
            full_url=entry.full_url, method=entry.request.method if entry.request else "",
            entry=span, place=resource_span(data, span),
        )
        for at, (entry, span) in enumerate(zip(bundle.entry, spans, strict=True))
    )  # fmt: skip
    return Message(
        bundle=bundle, pieces=pieces, scope=index((piece.full_url, piece.resource) for piece in pieces), data=data
    )
