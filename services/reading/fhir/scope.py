"""What a reference may mean: an entry of the same Bundle, or a resource contained in the one that refers to it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from services.reading.fhir.document import Tree
from services.reading.fhir.faults import Invalid
from services.reading.fhir.types import Reference

T = TypeVar("T", bound=msgspec.Struct)
_LITERAL = re.compile(r"(?:.*/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9.-]{1,64})(?:/_history/[^/]+)?")
_PLACE = re.compile(r" - at `(?P<place>[^`]*)`")


@dataclass(frozen=True, slots=True)
class Scope:
    """Look-ups among the resources of one message; `holder` is the resource whose references are followed."""

    named: dict[str, Tree] = field(default_factory=dict)
    """By `fullUrl` and by `Type/id`."""
    holder: Tree | None = None

    def of(self, holder: Tree) -> Scope:
        """The same, for the references that `holder` makes."""
        return Scope(self.named, holder)

    def find(self, reference: Reference | None) -> Tree | None:
        """The resource meant, None where it did not come with the message."""
        text = reference.reference if reference is not None else ""
        if text.startswith("#"):
            return next((one for one in contained(self.holder or {}) if one.get("id") == text[1:]), None)
        return self.named.get(text) or self.named.get(literal(text))

    def read(self, reference: Reference | None, kind: type[T], name: str = "") -> T | None:
        """As `find`, read as a resource of that kind; None for one of another type. Raises Invalid."""
        found = self.find(reference)
        if found is None or found.get("resourceType") not in (name or kind.__name__, None):
            return None
        return convert(found, kind)


def index(resources: Iterable[tuple[str, Tree]]) -> Scope:
    """Of `fullUrl` and resource; the first of a name counts."""
    named: dict[str, Tree] = {}
    for full_url, resource in resources:
        if full_url:
            named.setdefault(full_url, resource)
        if isinstance(resource.get("id"), str):
            named.setdefault(f"{resource.get('resourceType')}/{resource['id']}", resource)
    return Scope(named)


def contained(holder: Tree) -> list[Tree]:
    """The resources inside a resource."""
    inside = holder.get("contained", ())
    return [one for one in inside if isinstance(one, dict)] if isinstance(inside, list) else []


def literal(reference: str) -> str:
    """`Type/id` of a relative or absolute reference, of whatever version; "" for another kind of reference."""
    found = _LITERAL.fullmatch(reference)
    return f"{found['type']}/{found['id']}" if found else ""


def convert(tree: Any, kind: type[T]) -> T:
    """Raises Invalid, with the place, where a part that Halo reads has the wrong shape."""
    try:
        return msgspec.convert(tree, kind)
    except msgspec.ValidationError as error:
        text = str(error)
        found = _PLACE.search(text)
        place = found["place"].removeprefix("$").removeprefix(".") if found else ""
        raise Invalid("structure", _PLACE.sub("", text), place) from error
