"""Senders that speak FHIR only are listed by name: several of them, their zones, and no HL7 message passes for one."""

from __future__ import annotations

from datetime import UTC, datetime

from services.mapping.site_file import read_site

SITE = """
zone = "Europe/Ljubljana"
[[sender]]
name = "fhir.lab1"
[[sender]]
name = "fhir.lab2"
zone = "UTC"
[[sender]]
name = "LIS"
application = "LIS"
facility = "LAB1"
"""


def test_senders_known_by_their_name() -> None:
    site = read_site(SITE)
    assert site.sender("|") is None
    assert site.sender("LIS|LAB1") is not None
    summer = datetime(2026, 7, 1, tzinfo=UTC)
    offsets = [
        summer.astimezone(site.zone_of(name)).utcoffset() for name in ("fhir.lab1", "fhir.lab2", "LIS|LAB1", "LIS")
    ]
    assert [offset.total_seconds() / 3600 for offset in offsets if offset is not None] == [2, 0, 2, 2]
