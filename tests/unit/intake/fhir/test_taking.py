"""What the FHIR endpoint answers is true: stored, stored in part, or not now."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from schemas.codec import decode_event
from schemas.patient_event import LabReport, Refused
from services.intake.fhir.body import Body
from services.intake.fhir.settings import FhirSettings
from services.intake.fhir.taking import FhirTaker
from services.intake.records import Record
from services.mapping.site import DEFAULT_SITE, Site
from services.mapping.site_file import read_site
from tests.unit.reading.fhir.made_up import MRN, bundle, observation, subject, without


class Broker:
    """Confirms what it is told to, for ever silent about the rest."""

    def __init__(self, *, silent_about: bytes = b"\x00") -> None:
        self.confirmed: list[Record] = []
        self._silent_about = silent_about

    async def deliver(self, records: list[Record]) -> None:
        for record in records:
            if self._silent_about in record.value:
                await asyncio.Event().wait()
            self.confirmed.append(record)


def taker(broker: Broker, site: Site = DEFAULT_SITE) -> FhirTaker:
    settings = FhirSettings(fhir_hold_seconds=0.1)
    return FhirTaker(settings, broker, lambda: datetime(2026, 3, 1, 12, tzinfo=UTC), lambda: site)


def body(tree: Any) -> Body:
    data = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    return Body(data=data, size=len(data), sha256=sha256(data).hexdigest())


async def test_nothing_is_answered_before_it_is_confirmed() -> None:
    broker = Broker()
    answer = await taker(broker).take(body(observation()), "fhir.lab1", "10.0.0.1")
    assert answer.status == 201
    (record,) = broker.confirmed
    event = decode_event(record.value)
    assert isinstance(event, LabReport)
    assert (event.source.peer, event.source.received_at) == ("10.0.0.1", "2026-03-01T12:00:00.000Z")
    assert record.key == f"{MRN}|1".encode()


async def test_what_was_stored_all_the_same_is_named() -> None:
    broker = Broker(silent_about=b'"id":"' + f"{MRN}|2".encode())
    two = bundle(observation(), observation(subject=subject("2")), type="transaction")
    answer = await taker(broker).take(body(two), "s", "")
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    said = [(issue["code"], issue.get("expression")) for issue in answer.body["issue"]]
    assert said == [("transient", None), ("informational", ["Bundle.entry[0]"])]
    whole = Broker()
    assert (await taker(whole).take(body(two), "s", "")).status == 200
    assert broker.confirmed[0].event_id in {record.event_id for record in whole.confirmed}


def linked(number: str, kind: str, other: str) -> dict[str, Any]:
    link = {"other": {"identifier": {"system": MRN, "value": other}}, "type": kind}
    return {"resourceType": "Patient", "identifier": [{"system": MRN, "value": number}], "link": [link]}


async def test_two_patients_who_name_each_other_are_one_event_and_stored() -> None:
    two = bundle(linked("1", "replaced-by", "2"), linked("2", "replaces", "1"), type="transaction")
    broker = Broker()
    answer = await taker(broker).take(body(two), "s", "")
    said = [entry["response"]["status"] for entry in answer.body.get("entry", ())]
    assert (answer.status, said) == (200, ["201 Created"] * 2)


async def test_a_refusal_that_could_not_be_recorded_is_not_told_as_one() -> None:
    answer = await taker(Broker(silent_about=b"refused")).take(body(b"no json"), "s", "")
    assert answer.status == 503


@pytest.mark.parametrize("tree", [b"no json", b"{}", without(observation(), "subject")])
async def test_a_refusal_is_recorded_before_it_is_told(tree: Any) -> None:
    broker = Broker()
    assert (await taker(broker).take(body(tree), "s", "")).status in (400, 422)
    (record,) = broker.confirmed
    assert isinstance(decode_event(record.value), Refused)


async def test_a_record_that_no_topic_takes_is_too_large() -> None:
    tree = observation(note=[{"text": "x" * 13_000_000}])  # the text stands in the record, and again in its bytes
    broker = Broker()
    answer = await taker(broker).take(body(tree), "s", "")
    assert (answer.status, answer.body["issue"][0]["code"]) == (413, "too-long")
    assert [type(decode_event(record.value)) for record in broker.confirmed] == [Refused]


async def test_a_fault_of_ours_is_no_outage() -> None:
    class Broken(Broker):
        async def deliver(self, records: list[Record]) -> None:
            raise RuntimeError(f"made up, of {len(records)}")

    with pytest.raises(RuntimeError):
        await taker(Broken()).take(body(observation()), "s", "")


async def test_the_site_file_names_laboratory_authority_and_patient() -> None:
    site = read_site(
        '[identifier]\nauthorities = ["HOSP"]\n'
        f'systems = {{ "{MRN}" = "HOSP" }}\n[[sender]]\nname = "fhir.lab1"\nfacility = "LAB1"\n'
    )
    broker = Broker()
    await taker(broker, site).take(body(observation()), "fhir.lab1", "")
    event = decode_event(broker.confirmed[0].value)
    assert isinstance(event, LabReport)
    assert (event.patient.id, event.results[0].laboratory, event.source.sender) == ("HOSP|1", "LAB1", "fhir.lab1")
