"""Who may send: the site file's entries against what the message says and where it really comes from."""

from __future__ import annotations

import pytest

from services.intake.admitting import ANY, UNLISTED, Verdict, admit
from services.intake.judging import Judge, Judged, Message
from services.intake.origin import Origin
from services.intake.settings import IntakeSettings
from services.mapping.site import DEFAULT_SITE
from services.mapping.site_file import SiteInvalid, read_site
from services.reading import hl7v2
from services.shared.clock import SystemClock

PRINT = "ab" * 32
SITE = read_site(f"""
[[sender]]
name = "central laboratory"
application = "LIS"
facility = "LAB"
addresses = ["10.1.2.3", "10.9.0.0/16", "fd00::/8"]
message_types = ["ORU"]
charset = "cp1250"

[[sender]]
name = "by subject"
application = "SUB"
certificate = "CN=lis, O=Hospital"
unused_type = "AR"

[[sender]]
name = "by fingerprint"
application = "PRINT"
certificate = "SHA256:{PRINT.upper()}"

[[sender]]
name = "administration"
application = "ADT"
may_merge = true

[[sender]]
name = "may not merge"
application = "ADT2"
""")
RESULT = "PID|1||7^^^HOSP||Izmišljena^Oseba\rOBR|1||F1|BIO|||20260301\rOBX|1|NM|1^x^L||1|g/L|||||F\r"
MERGE = "EVN|A40|20260301\rPID|1||7^^^HOSP||Izmišljena^Oseba\rMRG|8^^^HOSP\r"
HERE = Origin(address="10.1.2.3")


def message(application: str = "LIS", facility: str = "LAB", kind: str = "ORU^R01", body: str = RESULT) -> bytes:
    return f"MSH|^~\\&|{application}|{facility}|HALO|HOSP|20260301||{kind}|C1|P|2.5.1\r{body}".encode()


def verdict(data: bytes, origin: Origin = HERE, site: object = SITE) -> Verdict:
    return admit(site, hl7v2.read(data, "2026-03-01T10:00:00Z"), origin)  # type: ignore[arg-type]


def reason(found: Verdict) -> str:
    return found.refusal.reason if found.refusal else ""


def test_a_listed_sender_from_its_address_is_taken_under_its_name() -> None:
    found = verdict(message())
    assert (found.feed, reason(found), found.ignored) == ("central laboratory", "", False)


def test_whoever_is_not_listed_is_refused_by_the_field_that_says_who() -> None:
    found = verdict(message("OTHER"))
    assert (found.feed, reason(found)) == (UNLISTED, "unlisted_sender")
    assert found.refusal is not None
    assert found.refusal.location == "MSH^1^3"
    assert "OTHER|LAB" in found.refusal.text


def test_without_listed_senders_any_is_taken_and_may_merge() -> None:
    for data in (message("OTHER"), message("OTHER", kind="ADT^A40", body=MERGE)):
        found = verdict(data, site=DEFAULT_SITE)
        assert (found.feed, reason(found)) == (ANY, "")


@pytest.mark.parametrize(
    ("address", "fits"),
    [
        ("10.1.2.3", True),
        ("10.9.255.1", True),
        ("::ffff:10.9.0.1", True),
        ("fd00::1%eth0", True),
        ("10.1.2.4", False),
        ("fe80::1", False),
        ("", False),
    ],
)
def test_a_name_counts_only_from_its_addresses(address: str, *, fits: bool) -> None:
    found = verdict(message(), Origin(address=address))
    assert reason(found) == ("" if fits else "sender_not_from_here")
    assert found.feed == ("central laboratory" if fits else UNLISTED), "a pretender moves no figure of the real feed"


@pytest.mark.parametrize(
    ("subject", "fits"),
    [
        ({"CN=lis", "O=Hospital", "C=SI"}, True),
        ({"CN=lis", "O=Other"}, False),
        ({"O=Hospital"}, False),
        (set(), False),
    ],
)
def test_a_certificate_is_known_by_its_subject(subject: set[str], *, fits: bool) -> None:
    found = verdict(message("SUB", ""), Origin(address="127.0.0.1", subject=frozenset(subject)))
    assert reason(found) == ("" if fits else "sender_not_from_here")


def test_a_certificate_is_known_by_its_fingerprint() -> None:
    assert reason(verdict(message("PRINT", ""), Origin(fingerprint=PRINT))) == ""
    assert reason(verdict(message("PRINT", ""), Origin(fingerprint="cd" * 32))) == "sender_not_from_here"


def test_a_type_that_is_not_taken_from_a_sender_is_ignored_or_refused_as_it_says() -> None:
    found = verdict(message(kind="ADT^A08", body="EVN|A08|20260301\rPID|1||7^^^HOSP||A^B\r"))
    assert (reason(found), found.ignored) == ("", True)
    found = verdict(message("SUB", "", kind="ORM^O01"), Origin(subject=frozenset({"CN=lis", "O=Hospital"})))
    assert reason(found) == "unused_type"
    assert found.refusal is not None
    assert (found.refusal.condition, found.refusal.location) == ("200", "MSH^1^9")


def test_only_who_may_merge_merges() -> None:
    assert reason(verdict(message("ADT", "", kind="ADT^A40", body=MERGE))) == ""
    assert reason(verdict(message("ADT2", "", kind="ADT^A40", body=MERGE))) == "merge_not_allowed"
    assert reason(verdict(message("ADT2", ""))) == "", "results are taken from it"


def judged(data: bytes, origin: Origin = HERE) -> Judged:
    judge = Judge(IntakeSettings(), lambda: SITE, SystemClock().now)
    return judge.judge(Message(data=data, size=len(data), origin=origin))


def test_what_a_sender_is_refused_for_is_recorded_and_nothing_of_it_is_stored() -> None:
    found = judged(message("ADT2", "", kind="ADT^A40", body=MERGE))
    assert found.outcome.refusal is not None
    assert [dict(record.headers)["ce_type"] for record in found.records] == [b"halo.refused.v1"]
    found = judged(message(kind="ADT^A40", body=MERGE))
    assert (found.outcome.ignored, found.records) == ("ignored_type", ())


def test_a_senders_own_character_set_counts_where_it_declares_none() -> None:
    data = message().decode().replace("Izmišljena", "Šček Žiga").encode("cp1250")
    (record,) = judged(data).records
    assert "Šček Žiga" in record.value.decode()


@pytest.mark.parametrize(
    ("line", "mistake"),
    [
        ('addresses = ["10.1.2"]', "is no address or network"),
        ('certificate = "lis"', "sha256: and 64 hexadecimal digits"),
        ('message_types = ["results"]', "is no message type"),
        ('charset = "klingon"', "is no character set"),
        ('charset = "utf-16"', "is no character set"),
        ('charset = "hex"', "is no character set"),
    ],
)
def test_a_mistake_in_an_entry_is_named_with_its_line(line: str, mistake: str) -> None:
    with pytest.raises(SiteInvalid, match=f"line 3: .*{mistake}"):
        read_site(f'[[sender]]\nname = "a"\n{line}\n')


def test_two_entries_of_one_sender_are_a_mistake() -> None:
    entry = '[[sender]]\nname = "{}"\napplication = "LIS"\n'
    with pytest.raises(SiteInvalid, match=r"line 6: .*listed already in entry 1"):
        read_site(entry.format("a") + entry.format("b"))
    with pytest.raises(SiteInvalid, match="is the name of entry 1"):
        read_site(entry.format("a") + '[[sender]]\nname = "a"\n')
