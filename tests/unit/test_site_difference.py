"""What two site files read differently: a report that is not reached means the same under both."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
    '[identifier]\nauthorities = ["MADEUP"]\n', '[identifier]\nauthorities = ["OTHER"]\n',
)  # fmt: skip
SITES = st.tuples(st.sampled_from(["UTC", "Europe/Ljubljana"]), st.sets(st.sampled_from(ENTRIES), max_size=4))
RESULTS = st.builds(
    lambda code, value, unit, laboratory, loinc: msgspec.structs.replace(
        result(code, value, unit, system="L", laboratory=laboratory, specimen_conditions=("H",),
               collected_at="2026-03-01T07:15:00"),
        code=(Coding(code=code, system="L"), *((Coding(code="2823-3", system="LN"),) if loinc else ())),
    ),
    st.sampled_from(["KREA", "CA", "X", "Y"]), st.sampled_from(["2.4", "95"]), st.sampled_from(["UMOLL", "umol/L", "MM", "mmol/L", ""]),
    st.sampled_from(["LAB1", "LAB2", ""]), st.booleans(),
)  # fmt: skip


def site_of(zone: str, entries: set[str]) -> Site | None:
    """None where two entries say the same table."""
    text = f'zone = "{zone}"\n' + "".join(sorted(entries))
    return None if text.count("[identifier]") > 1 else read_site(text)


def meaning(mapped: Mapped) -> Mapped:
    """But for the version by which it was read."""
    results = tuple(msgspec.structs.replace(one, mapping_version="") for one in mapped.results)
    return msgspec.structs.replace(mapped, results=results)


@settings(max_examples=300, deadline=None)
@given(SITES, st.sets(st.sampled_from(ENTRIES), min_size=1, max_size=2), RESULTS)
def test_a_report_that_is_not_reached_means_the_same(
    old: tuple[str, set[str]], other: set[str], sent: ReportedResult
) -> None:
    """Two files that differ by an entry or two."""
    zone, entries = old
    before, after = site_of(zone, entries), site_of(zone, entries ^ other)
    if before is None or after is None:
        return
    made, found = report(sent), difference(before, after)
    if found.nothing or not found.reaches(made):
        assert meaning(map_report(made, before)) == meaning(map_report(made, after))


@pytest.mark.parametrize(
    ("entry", "reached"),
    [
        (ENTRIES[0], True), (ENTRIES[2], False), (ENTRIES[3], False), (ENTRIES[5], True), (ENTRIES[6], False),
        (ENTRIES[8], False), (ENTRIES[9], True), (ENTRIES[11], True), ("[enrolment]\nwatch = 'listed'\n", False),
    ],
)  # fmt: skip
def test_only_what_an_entry_is_about_is_read_again(entry: str, reached: bool) -> None:
    before, after = read_site('zone = "UTC"\n'), read_site('zone = "UTC"\n' + entry)
    made = report(result("KREA", "95", "UMOLL", system="L"))
    assert difference(before, after).reaches(made) is reached
    assert difference(after, before).reaches(made) is reached


def test_a_first_file_reaches_everything() -> None:
    assert difference(DEFAULT_SITE, read_site('zone = "UTC"\n')).everything
