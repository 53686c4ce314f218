"""The FHIR endpoint as it is run: what is answered is stored, and what cannot be stored says so."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from kafka import KafkaConsumer, TopicPartition

from schemas.codec import decode_event
from schemas.patient_event import ContextChange, Event, LabReport, Refused
from services.cli import send as send_command
from services.cli import token as token_command
from tests.bench.hostile_fhir import besiege
from tests.conftest import PARTITIONS
from tests.real import servers
from tests.real.certificates import Authority
from tests.real.fhir import SECRET, Endpoint, endpoint, give_token
from tests.unit.reading.fhir.made_up import MRN, bundle, observation, patient, subject, without

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def database(postgres_dsn: str) -> Iterator[str]:
    with servers.cloned_database(postgres_dsn) as dsn:
        give_token(dsn)
        yield dsn


@pytest.fixture(scope="module")
def running(kafka_bootstrap: str, database: str) -> Iterator[Endpoint]:
    servers.forget_groups(kafka_bootstrap)
    servers.fresh_topics(kafka_bootstrap, PARTITIONS)
    with endpoint(
        kafka_bootstrap,
        database,
        fhir_max_body_bytes=300_000,
        fhir_body_seconds=2,
        fhir_tokens_seconds=2,
        fhir_header_seconds=2,
        fhir_rate=10_000,
    ) as found:
        yield found


class Topic:
    """What is in the topic since it was looked at last."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = KafkaConsumer(bootstrap_servers=bootstrap)
        name = "patient-events.v1"
        self._partitions = [TopicPartition(name, number) for number in self._consumer.partitions_for_topic(name)]
        self._consumer.assign(self._partitions)
        self._consumer.seek_to_end()
        for partition in self._partitions:
            self._consumer.position(partition)

    def new(self) -> list[Event]:
        ends = self._consumer.end_offsets(self._partitions)
        found: list[Event] = []
        deadline = monotonic() + 20
        while any(self._consumer.position(partition) < end for partition, end in ends.items()):
            assert monotonic() < deadline
            for records in self._consumer.poll(200).values():
                found += [decode_event(record.value) for record in records]
        return found

    def close(self) -> None:
        self._consumer.close()


@pytest.fixture
def topic(running: Endpoint, kafka_bootstrap: str) -> Iterator[Topic]:
    with closing(Topic(kafka_bootstrap)) as found:
        yield found


def test_an_observation_is_stored_before_it_is_answered(running: Endpoint, topic: Topic) -> None:
    answer = running.send(observation(), "/Observation")
    assert (answer.status, answer.issues) == (201, [("informational", "")])
    assert answer.headers["content-type"].startswith("application/fhir+json")
    (event,) = topic.new()
    assert isinstance(event, LabReport)
    assert (event.patient.id, event.source.sender, event.source.format) == (f"{MRN}|1", "fhir.lab1", "fhir")
    assert running.send(observation(), "/Observation").status == 201
    (again,) = topic.new()
    assert again.event_id == event.event_id  # type: ignore[union-attr]


def test_a_rest_hook_puts_to_an_address(running: Endpoint, topic: Topic) -> None:
    assert running.send(observation(id="o1"), "/Observation/o1", method="PUT").status == 200
    wrong = running.send(observation(id="o1"), "/Observation/o2", method="PUT")
    assert (wrong.status, wrong.issues) == (422, [("invalid", "Observation.id")])
    assert running.send(observation(), "/DiagnosticReport").status == 422
    deleted = running.send(b"", "/Observation/o1", method="DELETE")
    assert (deleted.status, deleted.body["issue"][0]["code"]) == (405, "not-supported")
    events = topic.new()
    refused = [event for event in events if isinstance(event, Refused)]
    assert (len(events), len(refused)) == (4, 3)
    assert b"DELETE Observation/o1" in [event.raw for event in refused]


def test_a_transaction_is_all_or_nothing(running: Endpoint, topic: Topic) -> None:
    good, bad = observation(id="t1"), without(observation(), "subject")
    answer = running.send(bundle(good, bad, type="transaction"))
    assert (answer.status, answer.issues) == (422, [("required", "Bundle.entry[1].resource")])
    assert [type(event) for event in topic.new()] == [Refused]
    answer = running.send(bundle(good, patient(deceasedBoolean=True), type="transaction"))
    assert (answer.status, answer.body["type"]) == (200, "transaction-response")
    assert [entry["response"]["status"] for entry in answer.body["entry"]] == ["201 Created"] * 2
    assert {type(event) for event in topic.new()} == {LabReport, ContextChange}


def test_a_batch_says_what_came_of_each_entry(running: Endpoint, topic: Topic) -> None:
    two = bundle(
        observation(id="b1"), without(observation(), "subject"), observation(id="b2", subject=subject("2")),
        {"resourceType": "Practitioner", "id": "p"},
    )  # fmt: skip
    answer = running.send(two)
    assert (answer.status, answer.body["type"]) == (200, "batch-response")
    words = [entry["response"]["status"].split()[0] for entry in answer.body["entry"]]
    assert words == ["201", "422", "201", "200"]
    events = topic.new()
    assert sorted(type(event).__name__ for event in events) == ["LabReport", "LabReport", "Refused"]
    raw = {event.patient.id: event.raw for event in events if isinstance(event, LabReport)}
    assert b"b2" not in raw[f"{MRN}|1"]
    assert b"b1" not in raw[f"{MRN}|2"]


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ({"token": None}, 401, "login"),
        ({"token": "somebody-elses"}, 401, "login"),
        ({"kind": "application/fhir+xml"}, 415, "not-supported"),
        ({"kind": "application/x-www-form-urlencoded"}, 415, "not-supported"),
        ({"headers": {"Content-Encoding": "gzip"}}, 415, "not-supported"),
        ({"path": "/nowhere/at/all"}, 404, "not-found"),
        ({"path": "/Observation/1", "method": "GET"}, 405, "not-supported"),
        ({"path": "/Observation", "method": "PUT"}, 405, "not-supported"),
        ({"body": b"MSH|^~\\&|LIS"}, 400, "structure"),
        ({"body": b"<Observation/>"}, 400, "structure"),
        ({"body": b""}, 400, "structure"),
        ({"body": b'{"resourceType": "Observation", "status": NaN}'}, 400, "structure"),
        ({"body": b"[" * 100_000}, 400, "structure"),
        ({"body": b"{}"}, 422, "required"),
        ({"body": b'{"resourceType":"Observation","code":"x"}'}, 422, "structure"),
        ({"body": b" " * 400_000}, 413, "too-long"),
    ],
)
def test_what_cannot_be_taken(running: Endpoint, options: dict[str, Any], status: int, code: str) -> None:
    answer = running.send(options.pop("body", observation()), **options)
    assert (answer.status, answer.body["issue"][0]["code"]) == (status, code)
    assert "Traceback" not in str(answer.body)


def test_refusals_are_counted_and_seen(running: Endpoint, topic: Topic) -> None:
    for body in (b"no json", b"{}", b" " * 400_000):
        running.send(body)
    reasons = [event.reason.partition(":")[0] for event in topic.new() if isinstance(event, Refused)]
    assert sorted(reasons) == ["invalid", "not_json", "too_large"]


def test_halo_send_posts_files_and_says_what_was_refused(running: Endpoint, tmp_path: Path) -> None:
    good, bad, token = tmp_path / "good.json", tmp_path / "bad.ndjson", tmp_path / "token"
    good.write_text(json.dumps(observation(id="sent"), indent=1))
    bad.write_text("\n".join(json.dumps(one) for one in (observation(id="sent2"), without(observation(), "subject"))))
    token.write_text(SECRET + "\n")
    options = ["--fhir", running.url, "--token-file", str(token), "--patience", "0"]
    sent = CliRunner().invoke(send_command.command, [str(good), *options])
    assert (sent.exit_code, sent.output) == (0, "201 good.json\n1 x 201\n")
    sent = CliRunner().invoke(send_command.command, [str(bad), *options])
    assert sent.exit_code == 1
    assert sent.output.startswith("201 bad.ndjson\n422 bad.ndjson Observation no subject: whose result is this?")
    nobody = CliRunner().invoke(
        send_command.command, [str(good), "--fhir", "http://127.0.0.1:9/fhir", "--patience", "0"]
    )
    assert nobody.exit_code == 1
    assert "no answer from http://127.0.0.1:9/fhir" in nobody.output


def test_the_statement_of_what_is_taken_needs_no_token(running: Endpoint) -> None:
    answer = running.send(b"", "/metadata", method="GET", token=None)
    assert (answer.status, answer.body["resourceType"], answer.body["fhirVersion"]) == (
        200, "CapabilityStatement", "4.0.1",
    )  # fmt: skip


def test_a_slow_sender_keeps_nobody_waiting_and_loses_its_place(running: Endpoint, topic: Topic) -> None:
    head = f"POST /fhir HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRET}\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", running.port), timeout=20) as slow:
        slow.sendall(head.encode() + b"Content-Length: 1000\r\n\r\n{")
        begun = monotonic()
        assert running.send(observation(id="quick"), "/Observation").status == 201
        assert monotonic() - begun < 2
        assert slow.recv(1000).startswith(b"HTTP/1.1 408")
    assert len(topic.new()) == 1


def test_tokens_come_and_go(running: Endpoint, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_DATABASE", database)
    run = CliRunner().invoke
    made = run(token_command.command, ["create", "--kind", "fhir", "--name", "LIS", "--sender", "fhir.lab2"])
    secret = made.output.strip()
    time.sleep(1.1)  # an unknown token has the tokens read again, at most once a second
    assert running.send(observation(id="n"), token=secret).status == 201
    listed = run(token_command.command, ["list"]).output
    row = next(line for line in listed.splitlines() if "fhir.lab2" in line)
    assert run(token_command.command, ["revoke", row.split("\t")[0]]).exit_code == 0
    deadline = monotonic() + 10
    while running.send(observation(id="n"), token=secret).status == 201:
        assert monotonic() < deadline
        time.sleep(0.3)
    assert run(token_command.command, ["create", "--kind", "fhir", "--name", "LIS"]).exit_code != 0
    with psycopg.connect(database, autocommit=True) as conn:
        (used,) = conn.execute(
            "SELECT last_used_at IS NOT NULL FROM sender_token WHERE sender = 'fhir.lab2'"
        ).fetchone()  # type: ignore[misc]
    assert used


def test_without_a_broker_nothing_is_called_stored(database: str) -> None:
    with endpoint("127.0.0.1:1", database, fhir_hold_seconds=0.5) as away:
        answer = away.send(bundle(observation(), observation(subject=subject("2"))))
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        assert [issue["code"] for issue in answer.body["issue"]] == ["transient"]


SITE = """
[identifier]
systems = {{ "{mrn}" = "HOSP" }}
[[sender]]
name = "fhir.lab1"
facility = "LAB1"
[[sender]]
name = "from elsewhere"
addresses = ["192.0.2.0/24"]
"""


@pytest.fixture(scope="module")
def strict(
    kafka_bootstrap: str, running: Endpoint, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Endpoint]:
    """Over TLS, with a site file, and slow; started after the topics were made."""
    folder = tmp_path_factory.mktemp("strict")
    (folder / "site.toml").write_text(SITE.format(mrn=MRN))
    pair = Authority(folder).issue("server", "/CN=halo")
    give_token(database, secret="elsewhere", sender="from elsewhere")
    give_token(database, secret="nobody", sender="not listed")
    tls = {"fhir_tls_certificate": pair.certificate, "fhir_tls_key": pair.key}
    trusted = Authority(folder).own.certificate
    with endpoint(
        kafka_bootstrap, database, trusted=trusted, site=folder / "site.toml", fhir_rate=2, fhir_header_seconds=1, **tls
    ) as found:
        yield found


def test_over_tls_and_listed_in_the_site_file(strict: Endpoint, topic: Topic) -> None:
    assert strict.url.startswith("https://")
    assert strict.send(observation(id="s"), "/Observation").status == 201
    (event,) = topic.new()
    assert isinstance(event, LabReport)
    assert (event.patient.id, event.results[0].laboratory) == ("HOSP|1", "LAB1")
    for token in ("elsewhere", "nobody"):
        answer = strict.send(observation(id="s"), "/Observation", token=token)
        assert (answer.status, answer.body["issue"][0]["code"]) == (403, "forbidden")
    assert topic.new() == []


def test_the_rate_is_limited(strict: Endpoint) -> None:
    answers = [strict.send(observation(id="r"), "/Observation") for _ in range(8)]
    late = next(answer for answer in answers if answer.status == 429)
    assert (late.headers["retry-after"], late.body["issue"][0]["code"]) == ("1", "throttled")


def test_a_header_that_does_not_end_is_given_up(running: Endpoint) -> None:
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as slow:
        slow.sendall(b"POST /fhir HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        begun = monotonic()
        assert slow.recv(1000) == b""
        assert 0.5 < monotonic() - begun < 6


def test_hostile_senders(running: Endpoint) -> None:
    """The long one is `python -m tests.bench.hostile_fhir`."""
    toll = besiege(running, 500, seed=20_261_125, connections=4, heavy=0)
    assert toll.faults == []
    assert toll.sent.total() == 500
    assert running.send(observation(id="after"), "/Observation").status == 201
