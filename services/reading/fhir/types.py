"""The parts of FHIR R4 resources that Halo reads, by their names in the standard; everything else is passed over.

Numbers are the text that was sent (see `document`).
"""

# ruff: noqa: D101 - the standard describes each of them under its name

from __future__ import annotations

import msgspec


class _Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Absent text is the empty string."""


class Coding(_Part, frozen=True):
    system: str = ""
    code: str = ""
    display: str = ""


class Concept(_Part, frozen=True):
    """CodeableConcept."""

    coding: tuple[Coding, ...] = ()
    text: str = ""


class Period(_Part, frozen=True):
    start: str = ""
    end: str = ""


class Identifier(_Part, frozen=True):
    use: str = ""
    type: Concept = Concept()
    system: str = ""
    value: str = ""
    period: Period = Period()
    assigner: Assigner | None = None


class Assigner(_Part, frozen=True):
    """The reference to whoever gives the number."""

    display: str = ""


class Reference(_Part, frozen=True):
    reference: str = ""
    type: str = ""
    identifier: Identifier | None = None
    display: str = ""


class Quantity(_Part, frozen=True):
    value: str = ""
    comparator: str = ""
    unit: str = ""
    system: str = ""
    code: str = ""


class Range(_Part, frozen=True):
    low: Quantity | None = None
    high: Quantity | None = None


class Ratio(_Part, frozen=True):
    numerator: Quantity | None = None
    denominator: Quantity | None = None


class SampledData(_Part, frozen=True):
    data: str = ""


class Timing(_Part, frozen=True):
    event: tuple[str, ...] = ()


class Annotation(_Part, frozen=True):
    text: str = ""


class Meta(_Part, frozen=True):
    version_id: str = ""
    last_updated: str = ""


class ReferenceRange(_Part, frozen=True):
    low: Quantity | None = None
    high: Quantity | None = None
    type: Concept = Concept()
    applies_to: tuple[Concept, ...] = ()
    text: str = ""


class Valued(_Part, frozen=True):
    """What an Observation and its components have in common."""

    code: Concept = Concept()
    value_quantity: Quantity | None = None
    value_codeable_concept: Concept | None = None
    value_string: str | None = None
    value_boolean: bool | None = None
    value_integer: str | None = None
    value_range: Range | None = None
    value_ratio: Ratio | None = None
    value_sampled_data: SampledData | None = None
    value_time: str | None = None
    value_date_time: str | None = None
    value_period: Period | None = None
    data_absent_reason: Concept | None = None
    interpretation: tuple[Concept, ...] = ()
    reference_range: tuple[ReferenceRange, ...] = ()


class Observation(Valued, frozen=True):
    id: str = ""
    meta: Meta = Meta()
    identifier: tuple[Identifier, ...] = ()
    based_on: tuple[Reference, ...] = ()
    status: str = ""
    subject: Reference | None = None
    encounter: Reference | None = None
    effective_date_time: str = ""
    effective_period: Period | None = None
    effective_instant: str = ""
    effective_timing: Timing | None = None
    issued: str = ""
    performer: tuple[Reference, ...] = ()
    note: tuple[Annotation, ...] = ()
    method: Concept | None = None
    specimen: Reference | None = None
    has_member: tuple[Reference, ...] = ()
    component: tuple[Valued, ...] = ()


class Attachment(_Part, frozen=True):
    content_type: str = ""


class DiagnosticReport(_Part, frozen=True):
    id: str = ""
    meta: Meta = Meta()
    identifier: tuple[Identifier, ...] = ()
    based_on: tuple[Reference, ...] = ()
    status: str = ""
    code: Concept = Concept()
    subject: Reference | None = None
    encounter: Reference | None = None
    effective_date_time: str = ""
    effective_period: Period | None = None
    effective_instant: str = ""
    effective_timing: Timing | None = None
    issued: str = ""
    performer: tuple[Reference, ...] = ()
    specimen: tuple[Reference, ...] = ()
    result: tuple[Reference, ...] = ()
    conclusion: str = ""
    presented_form: tuple[Attachment, ...] = ()


class Collection(_Part, frozen=True):
    collected_date_time: str = ""
    collected_period: Period | None = None


class Specimen(_Part, frozen=True):
    id: str = ""
    identifier: tuple[Identifier, ...] = ()
    accession_identifier: Identifier | None = None
    status: str = ""
    collection: Collection = Collection()
    condition: tuple[Concept, ...] = ()
    note: tuple[Annotation, ...] = ()


class HumanName(_Part, frozen=True):
    use: str = ""
    text: str = ""
    family: str = ""
    given: tuple[str | None, ...] = ()


class PatientLink(_Part, frozen=True):
    other: Reference = Reference()
    type: str = ""


class Patient(_Part, frozen=True):
    id: str = ""
    meta: Meta = Meta()
    identifier: tuple[Identifier, ...] = ()
    name: tuple[HumanName, ...] = ()
    gender: str = ""
    birth_date: str = ""
    deceased_boolean: bool | None = None
    deceased_date_time: str = ""
    managing_organization: Reference | None = None
    link: tuple[PatientLink, ...] = ()


class Place(_Part, frozen=True):
    """`Encounter.location`."""

    location: Reference = Reference()
    status: str = ""
    physical_type: Concept | None = None
    period: Period = Period()


class Encounter(_Part, frozen=True):
    id: str = ""
    meta: Meta = Meta()
    status: str = ""
    subject: Reference | None = None
    period: Period = Period()
    location: tuple[Place, ...] = ()
    service_provider: Reference | None = None


class Location(_Part, frozen=True):
    id: str = ""
    identifier: tuple[Identifier, ...] = ()
    name: str = ""
    physical_type: Concept | None = None
    part_of: Reference | None = None


class Named(_Part, frozen=True):
    """What is read of an Organization or a ServiceRequest."""

    id: str = ""
    identifier: tuple[Identifier, ...] = ()
    name: str = ""


class Request(_Part, frozen=True):
    """`Bundle.entry.request`."""

    method: str = ""
    url: str = ""


class Entry(_Part, frozen=True):
    full_url: str = ""
    resource: dict[str, object] | None = None
    request: Request | None = None


class Bundle(_Part, frozen=True):
    type: str = ""
    timestamp: str = ""
    meta: Meta = Meta()
    entry: tuple[Entry, ...] = ()
