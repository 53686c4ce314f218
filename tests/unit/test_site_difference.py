"""What two site files read differently: a report that is not reached means the same under both."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from schemas.patient_event import Coding, ReportedResult
from services.mapping.difference import difference
from services.mapping.mapped import Mapped
from services.mapping.report import map_report
from services.mapping.site import DEFAULT_SITE, Site
from services.mapping.site_file import read_site
from tests.unit.reports import report, result

ENTRIES = (
    '[[code]]\ncode = "KREA"\nanalyte = "creat"\n', '[[code]]\nlaboratory = "LAB1"\ncode = "KREA"\nanalyte = "urate"\n',
    '[[code]]\ncode = "CA"\nsystem = "L"\nanalyte = "ca"\nunit_when_missing = "mmol/L"\n',
    '[[ignore]]\ncode = "X"\n', '[[ignore]]\nlaboratory = "LAB2"\ncode = "CA"\n',
    '[[laboratory]]\nname = "LAB1"\nunits = { UMOLL = "umol/L" }\n',
    '[[laboratory]]\nname = "LAB2"\nreference = { ca = { high = "2.5" } }\nconditions = { H = "HEM" }\n',
    '[[laboratory]]\nloq = { mspike = "0.5" }\n', '[units]\nMM = "mmol/L"\n',
    '[[sender]]\nname = "a"\napplication = "LIS"\nfacility = "LAB1"\nzone = "America/New_York"\n',
    '[[sender]]\nname = "b"\napplication = "LIS"\nfacility = "LAB1"\nlaboratories = ["LAB2"]\n',
    '[[sender]]\nname = "c"\napplication = "LIS"\nfacility = "LAB1"\nauthorities = ["OTHER"]\n',
    '[identifier]\nauthorities = ["MADEUP"]\n', '[identifier]\nauthorities = ["OTHER"]\n',
)  # fmt: skip
BASES = (frozenset[str](), frozenset(ENTRIES[:1]), frozenset((ENTRIES[0], ENTRIES[2])), frozenset(ENTRIES[:9]))


def sent(code: str, value: str, unit: str, laboratory: str, *, loinc: bool) -> ReportedResult:
    made = result(code, value, unit, system="L", laboratory=laboratory, specimen_conditions=("H",),
                  collected_at="2026-03-01T07:15:00")  # fmt: skip
    codings = (Coding(code=code, system="L"), *((Coding(code="2823-3", system="LN"),) if loinc else ()))
    return msgspec.structs.replace(made, code=codings)


RESULTS = [
    sent(code, value, unit, laboratory, loinc=loinc)
    for code, value, unit, laboratory, loinc in itertools.product(
        ("KREA", "CA", "X"), ("2.4", "95"), ("UMOLL", "umol/L", "MM", "mmol/L", ""), ("LAB1", "LAB2"), (False, True)
    )
]


def site_of(zone: str, entries: frozenset[str]) -> Site:
    return read_site(f'zone = "{zone}"\n' + "".join(sorted(entries)))


def meaning(mapped: Mapped) -> Mapped:
    """But for the version by which it was read."""
    results = tuple(msgspec.structs.replace(one, mapping_version="") for one in mapped.results)
    return msgspec.structs.replace(mapped, results=results)


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("entry", ENTRIES)
def test_a_report_that_is_not_reached_means_the_same(base: frozenset[str], entry: str) -> None:
    """With and without one entry, among others, for every kind of result."""
    before, after = site_of("UTC", base - {entry}), site_of("UTC", base | {entry})
    found = difference(before, after)
    for made in map(report, RESULTS):
        if not found.reaches(made):
            assert meaning(map_report(made, before)) == meaning(map_report(made, after))


@pytest.mark.parametrize(
    ("entry", "reached"),
    [
        (ENTRIES[0], True), (ENTRIES[2], False), (ENTRIES[3], False), (ENTRIES[5], True), (ENTRIES[6], False),
        (ENTRIES[8], False), (ENTRIES[9], True), (ENTRIES[10], True), (ENTRIES[11], True), (ENTRIES[13], True),
        ("[enrolment]\nwatch = 'listed'\n", False),
    ],
)  # fmt: skip
def test_only_what_an_entry_is_about_is_read_again(entry: str, reached: bool) -> None:
    before, after = read_site('zone = "UTC"\n'), read_site('zone = "UTC"\n' + entry)
    made = report(result("KREA", "95", "UMOLL", system="L"))
    assert difference(before, after).reaches(made) is reached
    assert difference(after, before).reaches(made) is reached


def test_a_sender_known_by_its_name_only_is_read_again_too() -> None:
    """FHIR by its token, a file by its import: neither has MSH-3 and MSH-4."""
    entry = '[[sender]]\nname = "fhir.lab"\n'
    made = report(result("2823-3", "4.2", "mmol/L"))
    made = msgspec.structs.replace(made, source=msgspec.structs.replace(made.source, sender="fhir.lab"))
    for more in ('zone = "Europe/London"\n', 'laboratories = ["LAB9"]\n', 'authorities = ["X"]\n'):
        assert difference(read_site(entry), read_site(entry + more)).reaches(made), more


def test_a_first_file_reaches_everything() -> None:
    assert difference(DEFAULT_SITE, read_site('zone = "UTC"\n')).everything
