"""Observations to reported results: value, components, and what they inherit from their panel and report.

Which field each part comes from is the integrator's table (docs/integrator.md 8.3).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from schemas.patient_event import Absent, Patient, ReportedResult, Where
from services.reading.fhir.document import Span
from services.reading.fhir.faults import Invalid
from services.reading.fhir.naming import Naming, Order, laboratory, order_of
from services.reading.fhir.people import read_subject
from services.reading.fhir.scope import Scope
from services.reading.fhir.specimens import Draw, read_draw
from services.reading.fhir.times import effective, to_iso
from services.reading.fhir.types import DiagnosticReport, Observation, Reference, Valued
from services.reading.fhir.values import (
    read_codings,
    read_flags,
    read_method,
    read_reference_range,
    read_unit,
    read_value,
)

WITHDRAWN = "entered-in-error"
WITHDRAWN_UNREAD = "withdrawn_report"
"""Reason of a report or panel in error whose results did not come with it: held, so that a person looks for them."""
WHOLE = Span(0, 0)
"""All of the resource."""
PANEL = "document"
"""Reason of a header without a value of its own whose members come apart: like a document, nothing to read in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A report with the scope of its own references."""

    report: DiagnosticReport
    scope: Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One Observation with what stands around it."""

    observation: Observation
    scope: Scope
    address: str = ""
    """Where it lives at the sender; empty where its id is one of this message only."""
    place: Span = WHOLE
    """Within the resource that was sent."""
    parts: tuple[Span, ...] = ()
    """Of its components, likewise."""
    panels: tuple[Found, ...] = ()
    """Those that name it as a member, the nearest first."""
    within: Reported | None = None

    @property
    def subject(self) -> Reference | None:
        """Its own, else the panel's, else the report's."""
        own = (one.observation.subject for one in (self, *self.panels) if one.observation.subject is not None)
        return next(own, self.within.report.subject if self.within else None)

    @property
    def encounter(self) -> Reference | None:
        """Likewise."""
        own = (one.observation.encounter for one in (self, *self.panels) if one.observation.encounter is not None)
        return next(own, self.within.report.encounter if self.within else None)


def read_patient_of(found: Found, naming: Naming) -> Patient:
    """Raises Invalid where nobody is named, or the result and its report name two people."""
    patient = read_subject(found.subject, found.scope, naming)
    if found.within is not None and found.within.report.subject is not None:
        other = read_subject(found.within.report.subject, found.within.scope, naming)
        if not set(patient.identifiers) & set(other.identifiers):
            raise Invalid("conflict", "the result and its DiagnosticReport name two different patients", "subject")
    return patient


def read_results(found: Found, naming: Naming) -> Iterator[ReportedResult]:
    """The value, if there is one, and one result for each component, each with its place in the resource.

    Raises Invalid.
    """
    observation = found.observation
    common = _common(found, naming)
    bare = observation.component or observation.has_member
    value = read_value(observation)
    if not (isinstance(value, Absent) and bare):
        yield _result(observation, common, "", found.place)
    elif not observation.component and not any(found.scope.find(one) for one in observation.has_member):
        reason = WITHDRAWN_UNREAD if common.status == WITHDRAWN else PANEL
        yield common.made(observation, Absent(reason=reason), "", "", found.place)
    yield from _components(found, common)


def _components(found: Found, common: _Common) -> Iterator[ReportedResult]:
    observation = found.observation
    names = [_code(part) for part in observation.component]
    counts = Counter([*names, _code(observation)])
    for number, (part, name) in enumerate(zip(observation.component, names, strict=True), start=1):
        try:
            yield _result(part, common, f"component/{number}" if counts[name] > 1 else "", found.parts[number - 1])
        except Invalid as error:
            place = f"component[{number - 1}]" + (f".{error.place}" if error.place else "")
            raise Invalid(error.code, error.text, place) from error


def _code(part: Valued) -> tuple[str, str]:
    found = read_codings(part.code)
    return (found[0].system, found[0].code) if found else ("", "")


def _result(part: Valued, common: _Common, sub_id: str, place: Span) -> ReportedResult:
    value = read_value(part)
    return common.made(part, value, read_unit(part), sub_id, place)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Common:
    """What the results of one Observation share."""

    status: str
    laboratory: str
    order: Order
    draw: Draw
    collected: tuple[str, str]
    times: dict[str, str]
    issued: str
    updated: str
    version: str
    method: str
    comments: tuple[str, ...]

    def made(self, part: Valued, value: object, unit: str, sub_id: str, place: Span) -> ReportedResult:
        """One result of it."""
        kind = next((name for name in _KINDS if getattr(part, name) is not None), "value_")
        return ReportedResult(
            code=read_codings(part.code), status=self.status, value=value,  # type: ignore[arg-type]  # a Value
            where=Where(segment=0, offset=place.offset, length=place.length),
            laboratory=self.laboratory, filler_order=self.order.filler, placer_order=self.order.placer,
            accession=self.draw.accession, specimen=self.draw.id, specimen_conditions=self.draw.conditions,
            sub_id=sub_id, collected_at=self.collected[0], collected_from=self.collected[1],
            collection_times=self.times, reported_at=self.issued, updated_at=self.updated, version_id=self.version,
            unit=unit, value_type=kind.removeprefix("value_"), reference_range=read_reference_range(part),
            method=self.method, flags=read_flags(part), comments=self.comments,
        )  # fmt: skip


_KINDS = tuple(name for name in Valued.__struct_fields__ if name.startswith("value_"))


def _common(found: Found, naming: Naming) -> _Common:
    observation, within = found.observation, found.within
    lineage = [one.observation for one in (found, *found.panels)]
    draw = _draw(found)
    collected, times = _collected(found, draw)
    issued = next((one.issued for one in lineage if one.issued), within.report.issued if within else "")
    return _Common(
        status=_status(observation, within),
        laboratory=_laboratory(found, naming),
        order=_order(found, draw),
        draw=draw,
        collected=collected,
        times=times,
        issued=to_iso(issued),
        updated=to_iso(observation.meta.last_updated),
        version=observation.meta.version_id,
        method=read_method(observation.method),
        comments=_comments(found, draw),
    )


def _status(observation: Observation, within: Reported | None) -> str:
    """Its own; a report that was entered in error takes its results with it."""
    return WITHDRAWN if within is not None and within.report.status == WITHDRAWN else observation.status


def _laboratory(found: Found, naming: Naming) -> str:
    performers = next((one for one in (found, *found.panels) if one.observation.performer), None)
    if performers is not None:
        return laboratory(performers.observation.performer, performers.scope, naming)
    within = found.within
    return laboratory(within.report.performer, within.scope, naming) if within else laboratory((), found.scope, naming)


def _order(found: Found, draw: Draw) -> Order:
    """The address at the sender only where no accession says better."""
    observation, within = found.observation, found.within
    source = next((one for one in (found, *found.panels) if one.observation.based_on), None)
    based_on = source.observation.based_on if source else within.report.based_on if within else ()
    scope = source.scope if source else within.scope if within else found.scope
    address = "" if draw.accession else found.address
    return order_of(based_on, observation.identifier, within.report.identifier if within else (), address, scope)


def _draw(found: Found) -> Draw:
    source = next((one for one in (found, *found.panels) if one.observation.specimen is not None), None)
    within = found.within
    return read_draw(
        source.observation.specimen if source else None,
        within.report.specimen if within else (),
        source.scope if source else found.scope,
        within.scope if within else None,
    )


def _collected(found: Found, draw: Draw) -> tuple[tuple[str, str], dict[str, str]]:
    """Specimen.collection, else `effective[x]` of the Observation, its panel or its report: the first that is sent.

    One that is sent and is no time gives "" with its name: taking the next would be a guess.
    """
    lineage = [(*effective(one.observation), "Observation.effective") for one in (found, *found.panels)]
    text, name = effective(found.within.report) if found.within else ("", "")
    report = (text, f"DiagnosticReport.{name}", "DiagnosticReport.effective")
    sources = [(draw.collected, "Specimen.collection", "Specimen.collection"), *lineage, report]
    sent = {key: to_iso(text) for text, _, key in reversed(sources) if text}
    first = next(((to_iso(text), name) for text, name, _ in sources if text), ("", ""))
    return first, sent if len(set(sent.values())) > 1 else {}


def _comments(found: Found, draw: Draw) -> tuple[str, ...]:
    own = [note.text for one in (found, *found.panels) for note in one.observation.note]
    conclusion = [found.within.report.conclusion] if found.within else []
    return tuple(dict.fromkeys(text for text in (*own, *draw.comments, *conclusion) if text.strip()))
