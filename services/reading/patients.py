"""Who a message is about: PID and PV1, and the cutting of a message of several patients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from schemas.patient_event import ContextEntry, Identifier, Patient, naming
from services.reading.contradicting import contradicting
from services.reading.death import died
from services.reading.fields import Field, Row
from services.reading.header import Header
from services.reading.segments import Segment
from services.reading.timestamps import to_iso

_CLINICAL = frozenset({"PID", "PV1", "ORC", "OBR", "OBX", "SPM"})
_EXTERNAL_ID = frozenset({"2.1", "2.2", "2.3", "2.3.1"})
"""Versions in which PID-2 is an identifier of the patient."""

Choose = Callable[[Iterable[Identifier]], str]
"""`authority|value` of the identifier that names the patient, "" of none; a site file may prefer an authority."""


def first_identifier(identifiers: Iterable[Identifier]) -> str:
    """The choice without a site file: the first that is no number of a visit."""
    return next((f"{item.authority}|{item.value}" for item in naming(identifiers)), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The segments of one PID up to the next, and their bytes."""

    segments: Sequence[Segment]
    data: bytes

    def row(self, name: str, header: Header) -> Row | None:
        """The first segment of this name."""
        found = next((segment for segment in self.segments if segment.name == name), None)
        return Row(found, header.dialect) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Strange:
    """Bytes of a portion, from `begin` up to `behind`, whose PID contradicts the first one in `what`."""

    begin: int
    behind: int
    what: str


class _Merged:
    """The groups of one patient id, while a message is cut."""

    def __init__(self, patient: Patient, begin: int) -> None:
        self.patient, self.data = patient, bytearray()
        self.death: ContextEntry | None = None
        self.strange_death: tuple[Patient, ContextEntry] | None = None
        self.strange: list[Strange] = []
        self._begin = begin

    def add(self, data: bytes, patient: Patient, death: ContextEntry | None) -> None:
        """One group further; two of family name, birth date and sex make it somebody else's (agreed behaviour 2)."""
        wrong = contradicting(self.patient, patient) if patient.id else []
        begin = self._begin + len(self.data)
        self.data += data
        if len(wrong) < _SOMEBODY_ELSE:
            self.death = self.death or death
            return
        self.strange.append(Strange(begin=begin, behind=begin + len(data), what=" and ".join(wrong)))
        self.strange_death = self.strange_death or ((patient, death) if death else None)


_SOMEBODY_ELSE = 2
"""One that differs is a wedding or a slip of the pen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """All of one message that is about one patient; `patient.id` is "" where the sender named nobody."""

    patient: Patient
    death: ContextEntry | None = None
    """That the patient died, where the message says so."""
    strange_death: tuple[Patient, ContextEntry] | None = None
    """The same, said by a group that contradicts the first one of this number, and of whom."""
    strange: tuple[Strange, ...] = ()
    """Where `raw` may be about somebody else."""
    raw: bytes
    """The header segments and the patient's groups, byte for byte; the whole message where it has one patient."""


def groups(message: bytes, header: Header) -> list[Group]:
    """In order; what stands before the first PID and is about results or orders is a group of nobody."""
    starts = _starts(header.segments)
    if not starts:
        return []
    ends = [*starts[1:], len(header.segments)]
    offsets = [header.segments[start].offset for start in starts] + [len(message)]
    return [
        Group(segments=header.segments[start:end], data=message[begin:behind])
        for start, end, begin, behind in zip(starts, ends, offsets[:-1], offsets[1:], strict=True)
    ]


def head(message: bytes, header: Header) -> bytes:
    """What stands before the first group."""
    starts = _starts(header.segments)
    return message[: header.segments[starts[0]].offset] if starts else message


def portions(message: bytes, header: Header, choose: Choose = first_identifier) -> list[Portion]:
    """One for each patient id, in order of appearance; empty when the message has no patient group at all."""
    merged: dict[str, _Merged] = {}
    start = head(message, header)
    for group in groups(message, header):
        patient = patient_of(group, header, choose)
        one = merged.setdefault(patient.id, _Merged(patient, len(start)))
        one.add(group.data, patient, _death(group.segments, header) if patient.id else None)
    return [
        Portion(
            patient=one.patient, death=one.death, strange_death=one.strange_death, strange=tuple(one.strange),
            raw=message if len(merged) == 1 else start + one.data,
        )
        for one in merged.values()
    ]  # fmt: skip


def _death(group: Sequence[Segment], header: Header) -> ContextEntry | None:
    pid = next((segment for segment in group if segment.name == "PID"), None)
    return died(Row(pid, header.dialect)) if pid else None


def _starts(segments: Sequence[Segment]) -> list[int]:
    """Where groups start: at every PID, and at results that stand before the first of them (they are nobody's)."""
    clinical = [at for at, segment in enumerate(segments) if segment.name in _CLINICAL]
    return [at for at in clinical if segments[at].name == "PID" or at == clinical[0]]


def patient_of(group: Group, header: Header, choose: Choose = first_identifier) -> Patient:
    """Of PID and PV1; `id` is "" where nobody is named."""
    pid, visit = group.row("PID", header), group.row("PV1", header)
    if pid is None:
        return Patient(id="")
    identifiers = identifiers_of(pid, 3, header) or _external(pid, header)
    place = visit.first(3) if visit else None
    name = next((field for field in pid.repeats(5) if field.component(1)), pid.first(5))
    return Patient(
        id=choose(identifiers) if header.charset.supported else "",
        identifiers=identifiers,
        family=name.component(1),
        given=name.component(2),
        birth_date=to_iso(pid.component(7)),
        sex=pid.component(8),
        ward=place.component(1) if place else "",
        bed=place.component(3) if place else "",
        facility=place.component(4) if place else "",
        service=visit.component(10) if visit else "",
        diagnoses=_diagnoses(group, header),
    )


def _diagnoses(group: Group, header: Header) -> tuple[str, ...]:
    """Codes (DG1-3.1), each once."""
    rows = (Row(segment, header.dialect) for segment in group.segments if segment.name == "DG1")
    return tuple(dict.fromkeys(code for row in rows if (code := row.component(3).strip())))


def identifiers_of(row: Row, number: int, header: Header, facility: str = "") -> tuple[Identifier, ...]:
    """All repeats with a value of PID-3 or MRG-1."""
    home = facility or header.facility
    return tuple(_identifier(field, home) for field in row.repeats(number) if field.component(1).strip())


def _external(pid: Row, header: Header) -> tuple[Identifier, ...]:
    """PID-2 of the versions that had it; without an authority of its own it is another number than PID-3's."""
    return identifiers_of(pid, 2, header, f"{header.facility}/PID-2") if header.version in _EXTERNAL_ID else ()


def _identifier(field: Field, facility: str) -> Identifier:
    """Value, assigning authority (its name, else its universal id, else the sending facility), type."""
    authority = field.subcomponent(4, 1) or field.subcomponent(4, 2) or facility
    return Identifier(value=field.component(1).strip(), authority=authority, type=field.component(5))
