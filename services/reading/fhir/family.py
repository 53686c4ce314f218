"""Every Observation of a message with the panels and the report that name it, contained ones too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from services.reading.fhir.document import Span, Tree, part_spans
from services.reading.fhir.faults import Invalid
from services.reading.fhir.message import Message, Piece
from services.reading.fhir.naming import address_of
from services.reading.fhir.observations import WHOLE, Found, Reported
from services.reading.fhir.scope import Scope, contained, convert
from services.reading.fhir.types import DiagnosticReport, Observation, Reference

_DEPTH = 4
"""Panels within panels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An Observation and the entry it stands in."""

    piece: Piece
    found: Found


class Family:
    """Read it once; a resource that cannot be read is left out and its fault kept by entry number."""

    def __init__(self, message: Message) -> None:
        self.faults: dict[int, Invalid] = {}
        self.reports: dict[int, Reported] = {}
        """By entry number."""
        self._message = message
        self._observations: dict[int, tuple[Piece, Found]] = {}
        self._panels: dict[int, list[int]] = {}
        """Of a member the panels that name it; trees are known by their identity."""
        self._within: dict[int, Reported] = {}
        for piece in message.pieces:
            self._try(piece)

    @property
    def members(self) -> Iterator[Member]:
        """In the order sent."""
        for key, (piece, found) in self._observations.items():
            if piece.number not in self.faults:
                panels = tuple(self._above(key))
                within = self._reported([key, *self._keys_above(key)])
                yield Member(piece=piece, found=replace(found, panels=panels, within=within))

    def resolved(self, number: int) -> int:
        """How many results of the report in this entry came with it."""
        reported = self.reports[number]
        return sum(reported.scope.find(one) is not None for one in reported.report.result)

    def _try(self, piece: Piece) -> None:
        data = self._message.data[piece.place.offset : piece.place.offset + piece.place.length]
        try:
            self._take(piece, piece.resource, address_of(piece.type, piece.id, piece.full_url), data, WHOLE)
            inside = _inside(piece.resource)
            for tree, span in zip(inside, part_spans(data, "contained") if inside else (), strict=True):
                address = address_of(piece.type, piece.id, piece.full_url, str(tree.get("id", "?")))
                self._take(piece, tree, address, data[span.offset : span.offset + span.length], span)
        except Invalid as error:
            self.faults[piece.number] = error

    def _take(self, piece: Piece, tree: Tree, address: str, data: bytes, place: Span) -> None:
        holder = self._message.scope.of(piece.resource)
        if tree.get("resourceType") == "Observation":
            observation = convert(tree, Observation)
            inner = part_spans(data, "component") if observation.component else []
            found = Found(
                observation=observation, scope=holder, address=address, place=place,
                parts=tuple(Span(place.offset + one.offset, one.length) for one in inner),
            )  # fmt: skip
            self._observations[id(tree)] = (piece, found)
            for member in _named(observation.has_member, holder):
                self._panels.setdefault(member, []).append(id(tree))
        elif tree.get("resourceType") == "DiagnosticReport":
            reported = Reported(report=convert(tree, DiagnosticReport), scope=holder)
            if tree is piece.resource:
                self.reports[piece.number] = reported
            for result in _named(reported.report.result, holder):
                self._within.setdefault(result, reported)

    def _keys_above(self, key: int) -> list[int]:
        """Panels of panels, the nearest first; a circle ends by itself."""
        found: list[int] = []
        level = [key]
        for _ in range(_DEPTH):
            level = [above for one in level for above in self._panels.get(one, ()) if above not in (*found, key)]
            found += level
        return found

    def _above(self, key: int) -> Iterator[Found]:
        for above in self._keys_above(key):
            if above in self._observations:
                yield self._observations[above][1]

    def _reported(self, keys: list[int]) -> Reported | None:
        return next((self._within[key] for key in keys if key in self._within), None)


def _inside(resource: Tree) -> list[Tree]:
    found = contained(resource)
    sent = resource.get("contained", [])
    if not isinstance(sent, list) or len(sent) != len(found):
        raise Invalid("structure", "contained holds something that is no resource", "contained")
    return found


def _named(references: tuple[Reference, ...], scope: Scope) -> list[int]:
    found = (scope.find(reference) for reference in references)
    return [id(tree) for tree in found if tree is not None]
