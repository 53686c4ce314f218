"""Who a resource is about, and what a Patient says of a person: names, birth, sex, death, links."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qs, unquote

from msgspec import structs

from schemas.patient_event import ContextEntry, Identifier, Patient
from services.reading.fhir.faults import Invalid
from services.reading.fhir.naming import Naming
from services.reading.fhir.scope import Scope
from services.reading.fhir.times import to_iso
from services.reading.fhir.types import HumanName, Reference
from services.reading.fhir.types import Identifier as Sent
from services.reading.fhir.types import Patient as SentPatient

_SEX = {"male": "M", "female": "F", "other": "O", "unknown": "U"}
"""Administrative gender to HL7 table 0001."""
_DAY = len("2026-03-01")


def read_subject(reference: Reference | None, scope: Scope, naming: Naming) -> Patient:
    """The patient a reference means. Raises Invalid where it names nobody, or something that is no patient.

    The identifier beside the reference comes first, then those of the Patient that came with it, then its address.
    """
    if reference is None:
        raise Invalid("required", "no subject: whose result is this? Send subject.identifier or subject.reference")
    found = scope.find(reference)
    if found is not None and found.get("resourceType") != "Patient":
        raise Invalid("not-supported", f"the subject is a {found.get('resourceType')}; Halo watches patients only")
    resource = scope.read(reference, SentPatient)
    sent = [*_searched(reference.reference), *(resource.identifier if resource else ())]
    own = naming.identifiers([reference.identifier] if reference.identifier else [])
    address = naming.by_address(reference.reference)
    known = tuple(dict.fromkeys((*own, *naming.identifiers(sent), *([address] if address else []))))
    if not known:
        raise Invalid("required", "the subject has neither an identifier nor a reference such as Patient/123")
    return _person(known, resource, naming)


def _searched(reference: str) -> list[Sent]:
    """A conditional reference: `Patient?identifier=system|value`."""
    kind, _, query = reference.partition("?")
    if kind != "Patient":
        return []
    pairs = (unquote(text).rpartition("|") for text in parse_qs(query).get("identifier", ()))
    return [Sent(system=system, value=value) for system, _, value in pairs]


def read_patient(sent: SentPatient, address: str, naming: Naming) -> Patient:
    """The patient that a Patient resource describes. Raises Invalid where it has no identifier and no id."""
    own = naming.by_address(address)
    known = (*naming.identifiers(sent.identifier), *([own] if own else []))
    if not known:
        raise Invalid("required", "a Patient needs an identifier, or an id of its own", "identifier")
    return _person(known, sent, naming)


def _person(known: tuple[Identifier, ...], sent: SentPatient | None, naming: Naming) -> Patient:
    """The address at the sender names a patient only where nothing else does."""
    others = tuple(one for one in known if one.type != "FHIR")
    patient = Patient(id=naming.choose(others or known), identifiers=known)
    if sent is None:
        return patient
    name = _name(sent.name)
    return structs.replace(
        patient,
        family=name.family or name.text,
        given=" ".join(part for part in name.given if part),
        birth_date=to_iso(sent.birth_date),
        sex=_SEX.get(sent.gender, ""),
        facility=sent.managing_organization.display if sent.managing_organization else "",
    )


def _name(names: tuple[HumanName, ...]) -> HumanName:
    """The official one, else one in use."""
    usual = [one for one in names if one.use not in ("old", "nickname", "anonymous")]
    return next((one for one in usual if one.use == "official"), usual[0] if usual else HumanName())


def read_death(sent: SentPatient) -> ContextEntry | None:
    """`deceased[x]`: a time or `true`; `false` says nothing, a person takes a death back (agreed behaviour 3)."""
    at = to_iso(sent.deceased_date_time)
    if not sent.deceased_date_time and not sent.deceased_boolean:
        return None
    return ContextEntry(kind="deceased", from_=at if len(at) >= _DAY else "", note="Patient.deceased")


def replaced(sent: SentPatient, scope: Scope, naming: Naming) -> Iterable[tuple[str, Patient]]:
    """Link types with the other patient: this one `replaces` it, is `replaced-by` it, or `seealso`. Raises Invalid."""
    for number, link in enumerate(sent.link):
        if link.type in ("replaces", "replaced-by", "seealso"):
            try:
                yield link.type, read_subject(link.other, scope, naming)
            except Invalid as error:
                raise Invalid(error.code, error.text, f"link[{number}].other") from error
