"""From the entries of a message to what it holds of each patient."""

from __future__ import annotations

from collections import Counter

import msgspec

from schemas.patient_event import Event, Patient, Purpose, ReportedResult, Source
from services.reading.fhir.cutting import cut, whole
from services.reading.fhir.family import Family, Member
from services.reading.fhir.faults import Fault, Invalid
from services.reading.fhir.headers import read_header_result
from services.reading.fhir.message import TAKEN_METHODS, Message, Piece
from services.reading.fhir.naming import Naming, address_of
from services.reading.fhir.observations import read_patient_of, read_results
from services.reading.fhir.people import read_death, read_patient, read_subject, replaced
from services.reading.fhir.persons import Person, events_of
from services.reading.fhir.places import place_entry, place_of
from services.reading.fhir.reading import EntryRead
from services.reading.fhir.resource_types import KNOWN
from services.reading.fhir.scope import convert
from services.reading.fhir.types import Encounter, Reference
from services.reading.fhir.types import Patient as SentPatient

_Result = tuple[Piece, Patient, ReportedResult]


class Assembly:
    """One message on its way; `read` once."""

    def __init__(self, message: Message, source: Source, naming: Naming, purpose: Purpose) -> None:
        self._message, self._source, self._naming, self._purpose = message, source, naming, purpose
        self._family = Family(message)
        self._faults: dict[int, list[Fault]] = {}
        self._ignored: set[int] = set()
        self._people: dict[str, Person] = {}
        self._called: dict[int, Patient] = {}
        """By the identity of a Patient's tree: how the results name that patient."""
        self._versions: Counter[str] = Counter()

    def read(self) -> tuple[list[EntryRead], list[Event]]:
        """What came of each entry, and all events."""
        results = [result for member in self._family.members for result in self._results(member)]
        for piece in self._message.pieces:
            results += self._piece(piece)
        for piece, patient, result in results:
            if piece.number not in self._faults:
                self._person(patient, piece).results.append((piece.number, result))
        self._add_shared()
        return self._events()

    # ------------------------------------------------------------ results

    def _results(self, member: Member) -> list[_Result]:
        """Of one Observation."""
        found, piece = member.found, member.piece
        try:
            patient = self._placed(read_patient_of(found, self._naming), found.encounter, piece)
            tree = found.scope.find(found.subject)
            if tree is not None:
                self._called.setdefault(id(tree), patient)
            part = self._part(found.address)
            return [
                (piece, patient, msgspec.structs.replace(result, part=part))
                for result in read_results(found, self._naming)
            ]
        except Invalid as error:
            self._fault(piece, error)
            return []

    def _part(self, address: str) -> str:
        """Another version of the same resource, as in a history, says nothing of the first one."""
        self._versions[address] += bool(address)
        return str(self._versions[address]) if self._versions[address] > 1 else ""

    def _placed(self, patient: Patient, encounter: Reference | None, piece: Piece) -> Patient:
        """With the ward and bed of the Encounter that came with it."""
        scope = self._message.scope.of(piece.resource)
        found = scope.read(encounter, Encounter)
        ward, bed = place_of(found, scope) if found is not None else ("", "")
        return msgspec.structs.replace(patient, ward=ward, bed=bed)

    # ------------------------------------------------------------ everything else

    def _piece(self, piece: Piece) -> list[_Result]:
        """People and places are taken over; reports say what came without results; other types are passed over."""
        try:
            self._check(piece)
            match piece.type:
                case "Patient":
                    self._patient(piece)
                case "Encounter":
                    self._encounter(piece)
                case "DiagnosticReport":
                    return self._report(piece)
                case "Observation":
                    pass
                case _:
                    self._ignored.add(piece.number)
        except Invalid as error:
            self._fault(piece, error)
        return []

    def _check(self, piece: Piece) -> None:
        if piece.method not in TAKEN_METHODS:
            text = f"{piece.method[:20]} is not taken; withdraw a result by sending it with status entered-in-error"
            raise Invalid("not-supported", text)
        if not piece.type:
            raise Invalid("required", "no resource, or one without resourceType")
        if piece.type not in KNOWN or piece.type == "Bundle":
            raise Invalid("not-supported", f"{piece.type[:64]} is no resource type of FHIR R4 that can stand here")
        if piece.number in self._family.faults:
            raise self._family.faults[piece.number]

    def _report(self, piece: Piece) -> list[_Result]:
        reported = self._family.reports[piece.number]
        result = read_header_result(reported, self._family.resolved(piece.number), piece, self._naming)
        patient = read_subject(reported.report.subject, reported.scope, self._naming)
        patient = self._placed(patient, reported.report.encounter, piece)
        self._person(patient, piece)
        return [(piece, patient, result)] if result is not None else []

    def _patient(self, piece: Piece) -> None:
        sent = convert(piece.resource, SentPatient)
        own = read_patient(sent, address_of("Patient", piece.id, piece.full_url), self._naming)
        others = list(replaced(sent, self._message.scope.of(piece.resource), self._naming))
        called = self._called.get(id(piece.resource))
        person = self._person(msgspec.structs.replace(own, id=called.id) if called else own, piece)
        person.described = True
        if (died := read_death(sent)) is not None:
            person.deaths.append(died)
        for kind, other in others:
            if other.id != person.patient.id:
                pair = (other, person.patient) if kind == "replaced-by" else (person.patient, other)
                person.links.append(pair)

    def _encounter(self, piece: Piece) -> None:
        scope = self._message.scope.of(piece.resource)
        sent = convert(piece.resource, Encounter)
        patient = read_subject(sent.subject, scope, self._naming)
        entry = place_entry(sent, scope)
        if entry is None:
            self._ignored.add(piece.number)
        else:
            self._person(patient, piece).entries.append(entry)

    # ------------------------------------------------------------ together

    def _person(self, patient: Patient, piece: Piece) -> Person:
        person = self._people.setdefault(patient.id, Person(patient=patient))
        person.know(patient)
        person.numbers.add(piece.number)
        return person

    def _fault(self, piece: Piece, error: Invalid) -> None:
        faults = self._faults.setdefault(piece.number, [])
        if (fault := error.at(piece.root)) not in faults:
            faults.append(fault)

    def _add_shared(self) -> None:
        """What belongs to the entries of somebody goes with them: specimens, orders; organizations with everybody."""
        for piece in self._message.pieces:
            if piece.number in self._ignored:
                self._share(piece)

    def _share(self, piece: Piece) -> None:
        subject = piece.resource.get("subject", piece.resource.get("patient"))
        if subject is None:
            for person in self._people.values():
                person.numbers.add(piece.number)
            return
        try:
            patient = read_subject(convert(subject, Reference), self._message.scope.of(piece.resource), self._naming)
        except Invalid:  # whose it is nobody can say: it goes with nobody's results, and is used by none
            return
        if patient.id in self._people:
            self._people[patient.id].numbers.add(piece.number)

    def _events(self) -> tuple[list[EntryRead], list[Event]]:
        events: list[Event] = []
        of_entry: dict[int, tuple[str, ...]] = {}
        faulty = self._faults.keys()
        people = [person for person in self._people.values() if person.numbers - faulty]
        for person in people:
            numbers = person.numbers - faulty
            part = whole(self._message) if len(people) == 1 and not faulty else cut(self._message, numbers)
            made = list(events_of(person, part, self._source, self._purpose))
            events += made
            for number in numbers:
                of_entry[number] = of_entry.get(number, ()) + tuple(one.event_id for one in made)
        return [self._entry(piece, of_entry.get(piece.number, ())) for piece in self._message.pieces], events

    def _entry(self, piece: Piece, event_ids: tuple[str, ...]) -> EntryRead:
        """What goes with the results of others (a specimen, an organization) stores nothing of its own."""
        faults = tuple(self._faults.get(piece.number, ()))
        own = () if piece.number in self._ignored else event_ids
        return EntryRead(
            number=piece.number, type=piece.type[:64], id=piece.id[:64], method=piece.method, faults=faults,
            ignored=not faults and not own, event_ids=own,
        )  # fmt: skip
