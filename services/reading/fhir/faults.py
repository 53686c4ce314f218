"""What is wrong with a request, so that its sender can mend it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One issue of an OperationOutcome."""

    code: str
    """Of FHIR's value set issue-type: structure, required, value, invariant, conflict, not-supported, ..."""
    text: str
    expression: str = ""
    """FHIRPath of the place, for example `Bundle.entry[2].resource.subject`."""


class Invalid(ValueError):
    """A resource that cannot be taken; `place` is a path below the resource."""

    def __init__(self, code: str, text: str, place: str = "") -> None:
        super().__init__(text)
        self.code, self.text, self.place = code, text, place

    def at(self, root: str) -> Fault:
        """The fault, seen from the resource or the bundle's entry `root`."""
        return Fault(code=self.code, text=self.text, expression=f"{root}.{self.place}" if self.place else root)
