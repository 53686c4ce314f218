"""Who speaks and who is meant: patient ids, the laboratory, order numbers (design 4.2; docs/integrator.md 8.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from schemas.patient_event import Identifier
from services.reading.fhir.scope import Scope, literal
from services.reading.fhir.types import Identifier as Sent
from services.reading.fhir.types import Named, Reference

_OID = "urn:oid:"
_TRANSIENT = "urn:"
FILLER, PLACER = "FILL", "PLAC"
"""Of HL7 table 0203."""


def first(identifiers: Iterable[Identifier]) -> str:
    """`authority|value` of the first with a value; "" of none."""
    return next((f"{one.authority}|{one.value}" for one in identifiers if one.value), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """What the site says of one sender."""

    sender: str
    """Whom the token belongs to; stands in event ids, and is the authority of ids that name none."""
    laboratory: str = ""
    """Of results that name none; empty: the sender."""
    systems: Mapping[str, str] = field(default_factory=dict)
    """Identifier system -> authority as HL7 v2 messages of the hospital name it."""
    choose: Callable[[Iterable[Identifier]], str] = first
    """Which identifier names the patient."""

    def authority(self, sent: Sent) -> str:
        """Of the site's table, else the system itself (an OID without its prefix, as PID-3.4.2), else who assigned."""
        if known := self.systems.get(sent.system):
            return known
        named = sent.system.removeprefix(_OID) or (sent.assigner.display if sent.assigner else "") or self.sender
        return named.replace("|", "%7C").replace("~", "%7E")

    def identifiers(self, sent: Iterable[Sent]) -> tuple[Identifier, ...]:
        """Those with a value, old ones last, each once."""
        usable = sorted((one for one in sent if one.value.strip()), key=lambda one: one.use == "old")
        made = (Identifier(value=one.value.strip(), authority=self.authority(one), type=kind_of(one)) for one in usable)
        return tuple(dict.fromkeys(made))

    def by_address(self, reference: str) -> Identifier | None:
        """A patient of whom only the address at the sender is known: authority is the sender, value `Patient/123`."""
        where = literal(reference)
        return Identifier(value=where, authority=self.sender, type="FHIR") if where.startswith("Patient/") else None


def kind_of(identifier: Sent) -> str:
    """Code of the identifier's type (`MR`, `FILL`, ...)."""
    return next((one.code for one in identifier.type.coding if one.code), "")


def laboratory(performers: Iterable[Reference], scope: Scope, naming: Naming) -> str:
    """The first performer that is an organization: its identifier, its id at the sender, its name; else the sender's.

    People and roles (Practitioner, PractitionerRole, Patient) are no laboratory.
    """
    for one in performers:
        if _is_organization(one, scope) and (name := _name(one, scope)):
            return name
    return naming.laboratory or naming.sender


def _is_organization(reference: Reference, scope: Scope) -> bool:
    found = scope.find(reference)
    if found is not None:
        return found.get("resourceType") == "Organization"
    kind = literal(reference.reference).partition("/")[0] or reference.type
    return kind == "Organization" or (not kind and reference.identifier is not None)


def _name(reference: Reference, scope: Scope) -> str:
    """What stays the same when the organization itself is sent another time, or not at all."""
    if reference.identifier is not None and reference.identifier.value:
        return reference.identifier.value
    if where := literal(reference.reference):
        return where.partition("/")[2]
    found = scope.read(reference, Named, "Organization")
    return (_first(found.identifier) or found.name if found else "") or reference.display


def _first(identifiers: Iterable[Sent]) -> str:
    return next((one.value for one in identifiers if one.value), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Order numbers of an Observation."""

    filler: str = ""
    placer: str = ""


def order_of(
    based_on: Iterable[Reference], own: tuple[Sent, ...], report: tuple[Sent, ...], address: str, scope: Scope
) -> Order:
    """The filler's number of `basedOn`, else the Observation's identifier, the report's, its address at the sender.

    In this order because the first two are the same whether a result comes alone, in a report, or corrected.
    """
    requests = [one for reference in based_on for one in _requested(reference, scope)]
    placer = next((one.value for one in requests if kind_of(one) == PLACER), "")
    filler = next((one.value for one in requests if kind_of(one) == FILLER), "")
    filler = filler or next((one.value for one in requests if kind_of(one) != PLACER), "")
    return Order(filler=filler or _filler(own) or _filler(report) or address, placer=placer)


def _requested(reference: Reference, scope: Scope) -> list[Sent]:
    if reference.identifier is not None and reference.identifier.value:
        return [reference.identifier]
    found = scope.read(reference, Named, "ServiceRequest")
    if found is not None and any(one.value for one in found.identifier):
        return [one for one in found.identifier if one.value]
    where = literal(reference.reference)
    return [Sent(value=where)] if where.startswith("ServiceRequest/") else []


def _filler(identifiers: tuple[Sent, ...]) -> str:
    """The one typed FILL, else the first that is not the placer's or old."""
    usable = [one for one in identifiers if one.value and one.use != "old" and kind_of(one) != PLACER]
    typed = (one.value for one in usable if kind_of(one) == FILLER)
    return next(typed, "") or _first(usable)


def address_of(kind: str, resource_id: str, full_url: str = "", inside: str = "") -> str:
    """`Observation/42`, of a contained one `DiagnosticReport/7#r1`; "" where the id is one of this message only."""
    if full_url.startswith(_TRANSIENT) or not resource_id:
        return ""
    return f"{kind}/{resource_id}#{inside}" if inside else f"{kind}/{resource_id}"
