"""The site file: one TOML a hospital, checked at start (design 4.5; agreed behaviour 1 and 2).

    zone = "Europe/Ljubljana"            # of times sent without an offset

    [identifier]
    authorities = ["HOSP", "ZZZS"]       # others are quarantined; empty takes any
    preference = ["HOSP"]                # which repeat of PID-3 names the patient
    test_patients = ["TEST.*"]           # identifiers of tests: kept apart, never sent
    systems = { "https://hosp.example/mrn" = "HOSP" }  # of FHIR identifiers

    [[sender]]
    name = "central laboratory"
    application = "LIS"                  # MSH-3
    facility = "LAB1"                    # MSH-4

    [[laboratory]]
    name = "LAB1"
    units = { UMOLL = "umol/L" }         # this laboratory's spellings
    reference = { ca = { low = "2.15", high = "2.55" } }
    loq = { mspike = "0.5" }
    collected = ["OBR-7", "SPM-17"]      # its order of the times of collection; left out: SPM-17, OBR-7, OBX-14

    [discharge]
    "51" = "palliative_no_bloods"        # PV1-36 of ADT^A03; 20, 40, 41 and 42 are "deceased" unless said otherwise

    [[code]]
    laboratory = "LAB1"                  # left out: any
    code = "KREA"
    analyte = "creat"

    [[ignore]]
    code = "COVID"

    [enrolment]
    watch = "listed"                     # only who is enrolled by context; left out: "all"

Tables of other parts of Halo (wards, teams, channels, ...) may stand in the same file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from alerts.watching import Watched
from schemas.patient_event import (
    Coding,
    ContextChange,
    Identifier,
    LabReport,
    Patient,
    PatientMerge,
    Purpose,
    ReportedResult,
    Source,
    naming,
)
from schemas.realm import as_sent, is_test
from services.mapping.codes import CodeBook, CodeEntry, Ignore, Read


class _Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the site file; a misspelt key is an error."""


class IdentifierRules(_Entry, frozen=True, kw_only=True):
    """Which identifier names a patient, and whose are taken."""

    preference: tuple[str, ...] = ()
    authorities: tuple[str, ...] = ()
    placeholders: tuple[str, ...] = ()
    """Values that stand for nobody (`0000000`, `UNKNOWN`): they form no series."""
    systems: dict[str, str] = {}
    """FHIR identifier system -> authority as HL7 v2 names it, so that both ways mean the same patient."""
    test_patients: tuple[str, ...] = ()
    """Patterns (regular expressions) of whole identifiers that are no people: `TEST.*`. Never of names: a family may
    be called Test."""


Disposition = Literal["deceased", "moved", "palliative_no_bloods", "declined", "nothing"]
"""What a discharge may say of a patient."""


UNLISTED = "(unlisted)"
"""Stands for the feed of live results whose sender is not in the site file in force; no feed can be called so."""


class Sender(_Entry, frozen=True, kw_only=True):
    """A system that may send, and how it is treated."""

    name: str
    application: str = ""
    facility: str = ""
    addresses: tuple[str, ...] = ()
    """Addresses and networks it sends from; none: any."""
    certificate: str = ""
    """Of the client, by fingerprint (`sha256:...`) or subject (`CN=lis, O=Hospital`)."""
    message_types: tuple[str, ...] = ()
    """`ORU^R01`, or `ORU` for all of them; others are treated as `unused_type` says. None: every type Halo uses."""
    laboratories: tuple[str, ...] = ()
    """Whose results it may carry, and so correct or withdraw; none: anybody's."""
    authorities: tuple[str, ...] = ()
    """Whose numbers it may use; none: all that `[identifier] authorities` lists."""
    environment: Literal["", "P", "T", "D"] = "P"
    zone: str = ""
    charset: str = ""
    state: Literal["silent", "live"] = "silent"
    live_from: str = ""
    on_unavailable: Literal["", "close", "AE", "AR"] = ""
    """What follows when a message cannot be stored now; empty: as the intake process is set (`close`)."""
    unused_type: Literal["AA", "AR"] = "AA"
    honour_ne: bool = False
    may_merge: bool = False

    @property
    def key(self) -> str:
        """As in `Source.sender`: MSH-3|MSH-4."""
        return f"{self.application}|{self.facility}"

    @property
    def speaks_hl7(self) -> bool:
        """Without MSH-3 and MSH-4 it is known by its name only: FHIR by its token, files by their import."""
        return bool(self.application or self.facility)


class Bounds(_Entry, frozen=True, kw_only=True):
    """Limits of normal in the canonical unit."""

    low: Decimal | None = None
    high: Decimal | None = None


CollectionTime = Literal[
    "SPM-17", "OBR-7", "OBX-14", "Specimen.collection", "Observation.effective", "DiagnosticReport.effective"
]
"""Times of collection as a message names them, HL7 v2 and FHIR."""


class Laboratory(_Entry, frozen=True, kw_only=True):
    """What one laboratory does its own way; `name` is `ReportedResult.laboratory`, empty for all others."""

    name: str = ""
    units: dict[str, str] = {}
    reference: dict[str, Bounds] = {}
    loq: dict[str, Decimal] = {}
    conditions: dict[str, str] = {}
    """Its own words for the condition of a specimen (SPM-24) -> code of HL7 table 0493, such as HEM."""
    collected: tuple[CollectionTime, ...] = ()
    """Which time of collection counts, the first that is sent; empty: SPM-17, OBR-7, OBX-14, and those of FHIR in the
    order above.
    """


class Enrolment(_Entry, frozen=True, kw_only=True):
    """Who is watched (agreed behaviour 3)."""

    watch: Watched = "all"
    """`all`: everybody but whose enrolment ended, for feeds of haematology only; `listed`: only who is enrolled."""


class EnrolRule(_Entry, frozen=True, kw_only=True):
    """Enrols a patient of whom a message fits all that is said here; only with `watch = "listed"`."""

    name: str = ""
    """Who enrolled, in the record."""
    sender: str = ""
    """Name of a `[[sender]]`, or MSH-3|MSH-4."""
    ward: str = ""
    service: str = ""
    """Hospital service (PV1-10)."""
    diagnosis: str = ""
    """Code of a diagnosis (DG1-3); `C90*` takes every code that begins so."""


class SiteFile(_Entry, frozen=True, kw_only=True):
    """The file as written."""

    name: str = ""
    zone: str = "UTC"
    identifier: IdentifierRules = IdentifierRules()
    units: dict[str, str] = {}
    sender: tuple[Sender, ...] = ()
    laboratory: tuple[Laboratory, ...] = ()
    code: tuple[CodeEntry, ...] = ()
    ignore: tuple[Ignore, ...] = ()
    discharge: dict[str, Disposition] = {}
    """By code of PV1-36; `nothing` takes the meaning of a code away."""
    enrolment: Enrolment = Enrolment()
    enrol: tuple[EnrolRule, ...] = ()


class Site:
    """The site file ready for use: look-ups only. Equal files give equal sites and the same `version`."""

    def __init__(
        self, file: SiteFile, version: str = "default", others: dict[str, object] | None = None, content: str = ""
    ) -> None:
        self.file = file
        self.content = content
        """The text it was read from; empty without a file."""
        self.version = version
        """Start of the file's sha256, or `default`; part of each result's `mapping_version`."""
        self.others = others or {}
        """Tables of other parts of Halo, as parsed."""
        self.zone = ZoneInfo(file.zone)
        self._by_key = {sender.key: sender for sender in reversed(file.sender) if sender.speaks_hl7}
        self._by_name = {sender.name: sender for sender in reversed(file.sender)}
        self._tests = [re.compile(pattern) for pattern in file.identifier.test_patients]
        self._zones = {
            key: ZoneInfo(sender.zone or file.zone) for sender in file.sender for key in (sender.name, sender.key)
        }
        self._laboratories = {laboratory.name: laboratory for laboratory in file.laboratory}
        self._codes = CodeBook(file.code, file.ignore, by_id=version == "default")
        self._authorities = frozenset(file.identifier.authorities)
        self._placeholders = frozenset(file.identifier.placeholders)

    @property
    def senders(self) -> tuple[Sender, ...]:
        """All that are listed; none listed takes any sender."""
        return self.file.sender

    def sender(self, key: str) -> Sender | None:
        """By MSH-3|MSH-4; None when unlisted."""
        return self._by_key.get(key)

    def feed_of(self, source: Source) -> str:
        """Name of the listed sender that a message came from; empty when it is unlisted, or none is listed.

        HL7 v2 names its sender by MSH-3|MSH-4, everything else by the name of a token or of an import.
        """
        found = self._sender_of(source)
        return "" if found is None else found.name

    def feed_of_results(self, source: Source, purpose: Purpose) -> str:
        """`feed_of`, but `UNLISTED` of a live message whose sender this file does not list though it lists others.

        Intake reads a new file at once, the ledger when two people applied it: until then its new senders are silent.
        """
        unlisted = UNLISTED if self.senders and purpose == "live" else ""
        return self.feed_of(source) or unlisted

    def laboratories_of(self, sender: str) -> frozenset[str]:
        """Whose results `sender` (MSH-3|MSH-4, or a name) may carry; empty: anybody's, also where it is unlisted."""
        found = self._by_key.get(sender) or self._by_name.get(sender)
        return frozenset() if found is None else frozenset(found.laboratories)

    def authorities_of(self, sender: str) -> frozenset[str]:
        """Whose numbers it may use; empty: those that the site takes."""
        found = self._by_key.get(sender) or self._by_name.get(sender)
        return frozenset() if found is None else frozenset(found.authorities)

    def may_merge(self, source: Source) -> bool:
        """Whether this sender may say that two patients are one; anyone where no senders are listed."""
        found = self._sender_of(source)
        return not self.senders or (found is not None and found.may_merge)

    def is_test(self, event: LabReport | ContextChange | PatientMerge) -> bool:
        """Whether it belongs to the test realm: MSH-11 is not the sender's, or a patient is one of tests.

        An event that says no environment (FHIR, files) is its sender's own; without a site file every event is real.
        """
        found, environment = self._sender_of(event.source), event.source.environment
        if found is not None and found.environment and environment and environment != found.environment:
            return True
        people = (event.patient, event.retired) if isinstance(event, PatientMerge) else (event.patient,)
        return any(self._is_of_tests(patient) for patient in people)

    def _is_of_tests(self, patient: Patient) -> bool:
        if is_test(patient.id):  # what a person says here of somebody of that realm
            return True
        values = {as_sent(patient.id).partition("|")[2], *(one.value for one in patient.identifiers)}
        return any(pattern.fullmatch(value) for pattern in self._tests for value in values)

    def _sender_of(self, source: Source) -> Sender | None:
        return self._by_key.get(source.sender) or self._by_name.get(source.sender)

    def zone_of(self, sender: str) -> ZoneInfo:
        """For times that `sender` (MSH-3|MSH-4, or a name) sends without an offset."""
        return self._zones.get(sender, self.zone)

    def read_code(self, laboratory: str, codings: tuple[Coding, ...]) -> Read:
        """What is measured, or why that is not known."""
        return self._codes.read(laboratory, codings)

    def unit(self, laboratory: str, unit: str) -> str:
        """The unit that a laboratory's spelling stands for; itself when the file says nothing of it."""
        own = self._laboratories.get(laboratory)
        if own is not None and unit in own.units:
            return own.units[unit]
        return self.file.units.get(unit, unit)

    def as_collected(self, sent: ReportedResult) -> ReportedResult:
        """With the time of collection that its laboratory's entry prefers; itself without one, or without a choice."""
        order = next((lab.collected for lab in self._of(sent.laboratory) if lab.collected), ())
        name = next((name for name in order if name in sent.collection_times), "")
        if not name or name == sent.collected_from:
            return sent
        return msgspec.structs.replace(sent, collected_at=sent.collection_times[name], collected_from=name)

    def conditions(self, laboratory: str, sent: tuple[str, ...]) -> tuple[str, ...]:
        """Conditions of a specimen, a laboratory's own words replaced by those of HL7 table 0493."""
        own = self._laboratories.get(laboratory)
        return tuple(own.conditions.get(code, code) for code in sent) if own is not None and own.conditions else sent

    def loq(self, laboratory: str, analyte: str) -> Decimal | None:
        """The laboratory's limit of quantification, canonical unit."""
        return next((lab.loq[analyte] for lab in self._of(laboratory) if analyte in lab.loq), None)

    def reference(self, laboratory: str, analyte: str) -> Bounds | None:
        """The laboratory's limits of normal where its messages carry none."""
        return next((lab.reference[analyte] for lab in self._of(laboratory) if analyte in lab.reference), None)

    def _of(self, laboratory: str) -> Iterable[Laboratory]:
        return [self._laboratories[name] for name in (laboratory, "") if name in self._laboratories]

    def refuses_identity(self, patient: str, sender: str) -> str:
        """Reason to quarantine everything that `sender` says of this patient id (`authority|value`), or nothing."""
        authority, _, value = as_sent(patient).partition("|")
        if not value:
            return "patient_missing"
        if value in self._placeholders:
            return "placeholder_identity"
        lists = (self._authorities, self.authorities_of(sender))
        return "unlisted_authority" if any(taken and authority not in taken for taken in lists) else ""

    def patient_id(self, identifiers: Iterable[Identifier]) -> str:
        """`authority|value` of the preferred identifier, else of the first listed one, else the first; "" of none.

        A number of a visit or an account names nobody where there is another: every visit would be a patient.
        """
        usable = naming(identifiers)
        rules = self.file.identifier
        for authority in (*rules.preference, *rules.authorities):
            for item in usable:
                if item.authority == authority:
                    return f"{item.authority}|{item.value}"
        return f"{usable[0].authority}|{usable[0].value}" if usable else ""


DEFAULT_SITE = Site(SiteFile())
"""Without a file: any sender, any authority, LOINC codes only, times without an offset are UTC."""
