"""In = stored + duplicate + quarantined + ignored + refused: a property of every message, however odd (behaviour 2)."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.patient_event import LabReport, Refused
from services.ledger import identity
from services.ledger.incoming import accept
from services.mapping.site import DEFAULT_SITE, Site
from services.mapping.site_file import read_site
from services.mapping.withholding import withhold
from services.reading.batches import split
from services.reading.header import NotHl7, read_header
from services.reading.hl7v2 import read
from services.reading.message_types import RESULTS
from services.reading.outcome import Outcome
from tests.real.mutating import Mutator

AT = "2026-03-02T09:06:00Z"
SITE = read_site(
    '[identifier]\nauthorities = ["HOSP"]\nplaceholders = ["0"]\n'
    '[[ignore]]\ncode = "X"\n[[code]]\ncode = "KREA"\nanalyte = "creat"\n[[laboratory]]\ncollected = ["OBX-14", "OBR-7"]\n'
)
SEGMENTS = st.sampled_from([
    "PID|1||1^^^HOSP~9^^^ZZZS||Izmišljena^Oseba||19500102|F", "PID|1||2^^^HOSP", "PID|1||0^^^HOSP", "PID|1||3^^^OTHER", "PID|1",
    "PV1|1|I|H2^201^B", "ORC|RE|P1|F1", "OBR|1|P1|F1|BIO|||20260301093000+0100|||||||||||||||20260301100000+0100",
    "OBR|2||F2|BIO|||20260301|||", "OBR|1|||BIO", "SPM|1|^S1||SER|||||||||||||20260301080000||||||HEM", "SPM|2|^S2",
    "OBX|1|NM|17861-6^Ca^LN||3.62|mmol/L|2.1-2.6|HH|||F|||20260301092000", "OBX|1|NM|17861-6^Ca^LN||3.62|mg/dL|||||F",
    "OBX|2|NM|KREA^Krea^L^2160-0^x^LN||12,3|umol/L|||||F", "OBX|3|ST|X||words|||||F", "OBX|4|SN|2823-3^K^LN||<^3|mmol/L|||||C",
    "OBX|5|ED|PDF||^application^pdf^Base64^JVBE||||||F", "OBX|6|NM|UNKNOWN^?^L||1|g/L|||||F", "OBX|7|NM|2823-3^K^LN||9|mmol/L|||||",
    "OBX|8|NM|2823-3^K^LN||4|mmol/L|||||D", "OBX|9||||||||||", "OBX", "NTE|1||hemoliza", "MRG|7^^^HOSP", "SAC|||C", "ZZZ|x", "BTS|1",
])  # fmt: skip
TYPES = st.sampled_from(["ORU^R01", "ORU", "ORU^R30", "ORU^R32", "OUL^R21", "OUL^R22", "OUL^R24", "ORM^O01", "ADT^A08"])


def accounted(data: bytes, outcome: Outcome, site: Site) -> Counter[str]:
    """What became of every OBX of one message that was read; asserts that each is exactly one thing."""
    sent = sum(segment.name == "OBX" for segment in read_header(data, "utf-8").segments)
    found: Counter[str] = Counter()
    for event in outcome.events:
        if isinstance(event, Refused):
            found["refused"] += sent
        if not isinstance(event, LabReport):
            continue
        incoming = accept(event, site)
        assert incoming.fault is None
        assert incoming.mapped is not None
        held = withhold(event, incoming.mapped, identity.CONFLICT, "somebody else's")
        assert not held.results
        for mapped in (incoming.mapped, held):
            places = {(result.where.segment, result.where.offset): n for n, result in enumerate(event.results)}
            own = [r for r in mapped.results if "derived" not in r.flags]
            stored = [places[result.source.segment, result.source.offset] for result in own]
            every = [*stored, *(q.index for q in mapped.quarantined), *(i.index for i in mapped.ignored)]
            assert sorted(every) == list(range(len(event.results)))
            assert all(item.reason for item in (*mapped.quarantined, *mapped.ignored))
        mapped = incoming.mapped
        assert not incoming.nobody or not mapped.results
        stored_ids = len({r.result_id for r in mapped.results if "derived" not in r.flags})
        found += Counter(
            stored=stored_ids, duplicate=len(mapped.results) - mapped.derived - stored_ids,
            quarantined=len(mapped.quarantined), ignored=len(mapped.ignored),
        )  # fmt: skip
    if outcome.ignored:
        found["ignored"] += sent
    return found


def check(data: bytes, site: Site) -> None:
    outcome = read(data, AT, choose=site.patient_id)
    assert outcome.events or outcome.ignored, "a message never vanishes"
    try:
        header = read_header(data, "utf-8")
    except NotHl7:
        assert isinstance(outcome.events[0], Refused)
        return
    if (header.type, header.trigger) in RESULTS or outcome.refusal or outcome.ignored:
        sent = sum(segment.name == "OBX" for segment in header.segments)
        assert accounted(data, outcome, site).total() == sent


@settings(max_examples=250, deadline=None)
@given(
    TYPES, st.lists(SEGMENTS, max_size=14), st.sampled_from(["\r", "\n", "\r\n"]), st.sampled_from([DEFAULT_SITE, SITE])
)
def test_every_result_of_any_message_is_exactly_one_thing(kind: str, segments: list[str], end: str, site: Site) -> None:
    head = rf"MSH|^~\&|LIS|LAB|HALO|HOSP|20260301100500+0100||{kind}|C1|P|2.5.1"
    check(end.join([head, *segments]).encode(), site)


@pytest.mark.parametrize("seed", range(6))
def test_every_result_of_a_spoilt_message_too(seed: int) -> None:
    mutator = Mutator(seed, heavy=0)
    for _ in range(120):
        for data in split(mutator.next().stream):
            if len(data) < 200_000:
                check(data, SITE if seed % 2 else DEFAULT_SITE)
