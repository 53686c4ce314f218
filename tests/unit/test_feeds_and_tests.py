"""Which feed an event came by, what is a test, and what of a feed is not sent. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.patient_event import ContextChange, Identifier, LabReport, Patient, PatientMerge, Source
from schemas.realm import apart, as_sent, is_test
from services.mapping.site import DEFAULT_SITE
from services.mapping.site_file import SiteInvalid, read_site
from services.shared.feeds import Feed, begun, stop

SITE = read_site("""
[identifier]
test_patients = ["TEST.*", "9999[0-9]+"]
[[sender]]
name = "lab"
application = "LIS"
facility = "LAB1"
[[sender]]
name = "training"
application = "LIS"
facility = "LAB2"
environment = "T"
""")
NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
LIVE = Feed(name="lab", state="live", live_from=NOW)


def report(
    environment: str = "P", patient: str = "HOSP|1", sender: str = "LIS|LAB1", others: tuple[str, ...] = ()
) -> LabReport:
    source = Source(format="hl7v2", sender=sender, received_at="2026-03-01T08:00:00Z", environment=environment)
    who = Patient(id=patient, identifiers=tuple(Identifier(value=value) for value in others), family="TESTEN")
    return LabReport(event_id="e", patient=who, source=source, raw=b"", results=())


@pytest.mark.parametrize(("event", "test"), [
    (report("P"), False), (report("T"), True), (report("D"), True),
    (report(""), False), (report("T", sender="LIS|LAB2"), False), (report("P", sender="LIS|LAB2"), True),
    (report("T", sender="WHO|KNOWS"), False),
    (report(patient="HOSP|TEST7"), True), (report(patient="HOSP|99991"), True), (report(patient="HOSP|1TEST"), False),
    (report(others=("1", "TEST1")), True),
])  # fmt: skip
def test_msh_11_of_another_environment_or_a_test_number_is_a_test(event: LabReport, test: bool) -> None:
    """Names never count: a family may be called Test."""
    assert SITE.is_test(event) is test
    assert DEFAULT_SITE.is_test(event) is False, "without a site file every message counts as real"


def test_a_merge_with_one_of_tests_is_a_test_as_a_whole() -> None:
    event = report()
    merge = PatientMerge(event_id="m", patient=event.patient, retired=Patient(id="HOSP|TEST1"), source=event.source)
    assert SITE.is_test(merge)
    moved = apart(merge)
    assert isinstance(moved, PatientMerge)
    assert is_test(moved.patient.id)
    assert is_test(moved.retired.id)


@given(st.text(min_size=1, max_size=20).filter(lambda text: not is_test(text)))
def test_apart_is_undone_and_once_is_enough(patient: str) -> None:
    event = report(patient=patient)
    change = ContextChange(event_id="c", patient=event.patient, source=event.source, entries=())
    for one in (event, change):
        moved = apart(one)
        assert moved.patient.id != patient
        assert as_sent(moved.patient.id) == patient
        assert apart(moved) == moved
        assert SITE.is_test(moved), "what is of that realm stays there"
        assert msgspec.structs.replace(moved, patient=one.patient) == one, "nothing else changes"


def test_a_feed_is_named_by_key_or_by_name() -> None:
    named = msgspec.structs.replace(report(sender="lab").source, format="fhir")
    found = [SITE.feed_of(report().source), SITE.feed_of(named), SITE.feed_of(report(sender="WHO|KNOWS").source)]
    assert found == ["lab", "lab", ""]
    assert DEFAULT_SITE.feed_of(report().source) == ""


@pytest.mark.parametrize(("text", "mistake"), [
    ('[identifier]\ntest_patients = ["("]', "no regular expression"),
    ('[identifier]\ntest_patients = [".*"]', "takes in everybody"),
    ('[[sender]]\nname = "a"\napplication = "A"\nlive_from = "2026-03-01"', "no time with its zone"),
    ('[[sender]]\nname = "a"\napplication = "A"\nlive_from = "2026-03-01T06:00"', "no time with its zone"),
])  # fmt: skip
def test_mistakes_of_the_site_file_are_named(text: str, mistake: str) -> None:
    with pytest.raises(SiteInvalid, match=mistake):
        read_site(text)


@pytest.mark.parametrize(("feed", "sampled_at", "family", "why"), [
    ("lab", NOW, "potassium", ""),
    ("lab", NOW - timedelta(seconds=1), "potassium", "before_live"),
    ("lab", NOW - timedelta(days=300), "overdue_test", ""),
    ("new", NOW, "potassium", "feed_silent"),
    ("new", NOW, "overdue_test", "feed_silent"),
    ("old", NOW - timedelta(days=300), "potassium", ""),
    ("renamed", NOW - timedelta(days=300), "potassium", ""),
])  # fmt: skip
def test_why_a_feed_sends_nothing(feed: str, sampled_at: datetime, family: str, why: str) -> None:
    feeds = [LIVE, Feed(name="new", state="silent", live_from=NOW), Feed(name="old", state="live")]
    assert stop(feeds, feed, sampled_at, family) == why
    assert begun(feeds) == {"lab": NOW}
