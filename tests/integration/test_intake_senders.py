"""The listener in front of a hospital's network: who is listed is taken, by address or by certificate; the rest is seen."""

from __future__ import annotations

import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from schemas.patient_event import LabReport, PatientMerge, Refused
from services.cli.send import command
from services.shared.mllp_client import Acknowledgement, MllpClient, acknowledgements
from tests.real import servers
from tests.real.certificates import Authority
from tests.real.intake import Running, intake, refusal_to_start
from tests.real.mutating import framed

SITE = """
[[sender]]
name = "central laboratory"
application = "LIS"
addresses = ["127.0.0.1"]
message_types = ["ORU"]
[[sender]]
name = "elsewhere"
application = "FAR"
addresses = ["10.0.0.0/8"]
[[sender]]
name = "administration"
application = "ADT"
may_merge = true
[[sender]]
name = "strict"
application = "STRICT"
unused_type = "AR"
[[sender]]
name = "quiet"
application = "QUIET"
honour_ne = true
"""
BODY = "PID|1||7^^^HOSP\rOBR|1||F1|BIO|||20260301\rOBX|1|NM|1^x^L||1|g/L|||||F\r"
MERGE = "EVN|A40|20260301\rPID|1||7^^^HOSP\rMRG|8^^^HOSP\r"

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


def message(application: str, *, id: str = "C1", kind: str = "ORU^R01", body: str = BODY) -> bytes:
    return f"MSH|^~\\&|{application}||HALO|HOSP|20260301||{kind}|{id}|P|2.5.1\r{body}".encode()


def until(what: str, holds: object, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


@pytest.fixture(scope="module")
def listed(kafka_bootstrap: str, postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("senders")
    (folder / "site.toml").write_text(SITE)
    servers.fresh_topics(kafka_bootstrap, 4)
    with servers.cloned_database(postgres_dsn) as dsn:
        env = {"HALO_SITE": str(folder / "site.toml"), "HALO_DATABASE": dsn}
        with intake(kafka_bootstrap, folder, env) as running:
            yield running


def test_each_message_is_taken_or_refused_by_who_sent_it_and_all_of_it_is_recorded(listed: Running) -> None:
    before = len(listed.events())
    sent = [
        (message("LIS", id="A"), "AA", ""),
        (message("NOBODY", id="B"), "AR", "unlisted_sender"),
        (message("FAR", id="C"), "AR", "sender_not_from_here"),
        (message("LIS", id="D", kind="ADT^A40", body=MERGE), "AA", ""),
        (message("ADT", id="E", kind="ADT^A40", body=MERGE), "AA", ""),
        (message("STRICT", id="F", kind="ADT^A40", body=MERGE), "AR", "merge_not_allowed"),
        (message("STRICT", id="G", kind="ORM^O01"), "AR", "unused_type"),
    ]
    for data, code, _ in sent:
        (answer,) = listed.send(data)
        assert answer.code == code, (data, answer)
    events = listed.events()[before:]
    refused = [
        (event.source.message_id, event.reason.partition(":")[0]) for event in events if isinstance(event, Refused)
    ]
    assert sorted(refused) == [(name, why) for name, (_, _, why) in zip("ABCDEFG", sent, strict=True) if why]
    assert [event.source.message_id for event in events if isinstance(event, LabReport)] == ["A"]
    assert [event.source.message_id for event in events if isinstance(event, PatientMerge)] == ["E"]
    assert listed.metric("halo_mllp_messages_total", feed="central laboratory", answer="AA") >= 2
    assert listed.metric("halo_mllp_messages_total", feed="unlisted", answer="AR") >= 2
    assert listed.metric("halo_mllp_ack_seconds_count", feed="administration") >= 1
    assert "NOBODY" not in listed.probe("/metrics")[1], "a label is never what a stranger sends"


def test_silence_is_kept_for_whom_it_is_agreed(listed: Running) -> None:
    unwanted = "P|2.5.1|||NE|NE\r"
    with MllpClient(port=listed.port) as client:
        connection = client._connection()
        connection.sendall(framed(message("QUIET", id="Q1").replace(b"P|2.5.1\r", unwanted.encode())))
        assert acknowledgements(client.send(message("QUIET", id="Q2")))[0].control_id == "Q2", "no answer to the first"
        spoken = client.send(message("ADT", id="Q3").replace(b"P|2.5.1\r", unwanted.encode()))
        assert acknowledgements(spoken)[0].control_id == "Q3"
    assert listed.metric("halo_mllp_messages_total", feed="quiet", answer="silent") == 1


def test_the_answer_names_the_field(listed: Running) -> None:
    with MllpClient(port=listed.port) as client:
        answer = client.send(message("NOBODY"))
    assert b"\rERR||MSH^1^3|" in answer


def test_connections_are_counted_by_their_feed_and_counted_off(listed: Running) -> None:
    with MllpClient(port=listed.port) as client:
        client.send(message("LIS", id="N1"))
        assert listed.metric("halo_mllp_connections", feed="central laboratory") == 1
        client.send(message("ADT", id="N2"))
        assert listed.metric("halo_mllp_connections", feed="central laboratory") == 0
        assert listed.metric("halo_mllp_connections") == 1
    until("the connection is counted off", lambda: listed.metric("halo_mllp_connections") == 0)


def test_a_changed_site_file_is_in_force_without_a_restart_and_a_faulty_one_is_told(listed: Running) -> None:
    path = listed.log.parent / "site.toml"
    assert listed.send(message("NEW"))[0].code == "AR"
    path.write_text(SITE + '[[sender]]\nname = "new"\napplication = "NEW"\n')
    until("the new sender is taken", lambda: listed.send(message("NEW"))[0].code == "AA")
    path.write_text("[[sender]]\nnam = 1\n")
    listed.process.send_signal(signal.SIGHUP)
    until("the fault is seen", lambda: listed.metric("halo_intake_site_file_faulty") == 1)
    assert listed.send(message("NEW", id="STILL"))[0].code == "AA", "the last good file stays in force"
    dsn = next(
        part for part in Path(f"/proc/{listed.process.pid}/environ").read_text().split("\0") if "DATABASE=" in part
    )
    with psycopg.connect(dsn.partition("=")[2], autocommit=True) as connection:
        query = "SELECT detail FROM operations_alert WHERE kind = 'site_file_faulty'"
        until("operations are told", lambda: connection.execute(query).fetchone())
        ((detail,),) = connection.execute(query).fetchall()
    assert "line 2" in detail
    assert str(path) in detail
    path.write_text(SITE)
    until("the good file is in force again", lambda: listed.metric("halo_intake_site_file_faulty") == 0)
    assert listed.send(message("NEW"))[0].code == "AR"


def test_mllp_send_of_the_hl7_package_is_answered(listed: Running, tmp_path: Path) -> None:
    file = tmp_path / "three.hl7"
    file.write_bytes(b"".join(framed(message("LIS", id=f"H{at}")) for at in range(3)))
    program = Path(sys.executable).parent / "mllp_send"
    done = subprocess.run(
        [program, "--port", str(listed.port), "--file", str(file), "127.0.0.1"],
        capture_output=True, timeout=30, check=True,
    )  # fmt: skip
    assert re.findall(rb"MSA\|(\w\w)\|(\w+)", done.stdout) == [(b"AA", b"H0"), (b"AA", b"H1"), (b"AA", b"H2")]
    assert done.stderr == b""


def test_it_does_not_start_where_anybody_could_speak(tmp_path: Path) -> None:
    assert "needs a site file" in refusal_to_start(tmp_path, {"HALO_BIND": "0.0.0.0"})
    (tmp_path / "site.toml").write_text(SITE)
    env = {"HALO_BIND": "0.0.0.0", "HALO_SITE": str(tmp_path / "site.toml")}
    assert "insecure = true" in refusal_to_start(tmp_path, env)
    assert "must name its addresses" in refusal_to_start(tmp_path, {**env, "HALO_MLLP_INSECURE": "true"})
    wrong = {"HALO_MLLP_TLS_CERTIFICATE": str(tmp_path / "none.crt")}
    assert "HALO_MLLP_TLS_CERTIFICATE" in refusal_to_start(tmp_path, wrong)


BY_CERTIFICATE = """
[[sender]]
name = "by subject"
application = "SUB"
certificate = "CN=lis, O=Made-up Hospital"
[[sender]]
name = "by fingerprint"
application = "PRINT"
certificate = "{fingerprint}"
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def secured(kafka_bootstrap: str, authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("secured")
    server = authority.issue("server", "/CN=halo", days=3)
    authority.issue("subject", "/O=Made-up Hospital/CN=lis")
    printed = authority.issue("printed", "/CN=other")
    (folder / "site.toml").write_text(BY_CERTIFICATE.format(fingerprint=printed.fingerprint))
    servers.fresh_topics(kafka_bootstrap, 4)
    env = {
        "HALO_SITE": str(folder / "site.toml"),
        "HALO_MLLP_TLS_CERTIFICATE": str(server.certificate),
        "HALO_MLLP_TLS_KEY": str(server.key),
        "HALO_MLLP_TLS_CLIENT_CA": str(authority.own.certificate),
        "HALO_MLLP_TLS_CLIENTS": "required",
        "HALO_DATABASE": "postgresql:///none?host=/nowhere",
    }
    with intake(kafka_bootstrap, folder, env) as running:
        yield running


def shown(authority: Authority, name: str) -> ssl.SSLContext:
    return authority.client_context(authority._pair(name))


def test_a_sender_is_known_by_its_certificate(secured: Running, authority: Authority) -> None:
    subject, printed = shown(authority, "subject"), shown(authority, "printed")
    assert secured.send(message("SUB"), tls=subject)[0].code == "AA"
    assert secured.send(message("PRINT"), tls=printed)[0].code == "AA"
    for context, name in ((subject, "PRINT"), (printed, "SUB")):
        (answer,) = secured.send(message(name), tls=context)
        assert (answer.code, "client certificate" in answer.text) == ("AR", True)


def test_without_a_certificate_or_without_tls_there_is_no_connection(secured: Running, authority: Authority) -> None:
    for context in (authority.client_context(), None):
        with pytest.raises(OSError):
            secured.send(message("SUB"), tls=context)
    old = shown(authority, "subject")
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        secured.send(message("SUB"), tls=old)


def test_a_handshake_that_never_ends_keeps_nobody_waiting(secured: Running, authority: Authority) -> None:
    with MllpClient(port=secured.port) as silent:
        silent._connection().sendall(b"\x16")
        assert secured.send(message("SUB"), tls=shown(authority, "subject"))[0].code == "AA"


def test_certificates_are_renewed_without_dropping_a_connection(secured: Running, authority: Authority) -> None:
    ends = secured.metric("halo_certificate_not_after_timestamp_seconds", use="mllp_server")
    assert 2 < (ends - time.time()) / 86400 < 3.1
    assert secured.metric("halo_intake_operations_untold") == 1, "it ends in three days, and the database is away"
    context = shown(authority, "subject")
    with MllpClient(port=secured.port, tls=context) as open_before:
        assert acknowledgements(open_before.send(message("SUB", id="R1")))[0].accepted
        connection = open_before._connection()
        authority.issue("server", "/CN=halo", days=20)
        until(
            "the new certificate is served",
            lambda: secured.metric("halo_certificate_not_after_timestamp_seconds", use="mllp_server") > ends,
        )
        until("a new connection gets it", lambda: _served_until(secured, context) > ends)
        assert acknowledgements(open_before.send(message("SUB", id="R2"))) == [
            Acknowledgement(code="AA", control_id="R2", text="")
        ]
        assert open_before._connection() is connection, "the old connection was never lost"


def _served_until(secured: Running, context: ssl.SSLContext) -> float:
    with MllpClient(port=secured.port, tls=context) as client:
        connection = client._connection()
        assert isinstance(connection, ssl.SSLSocket)
        return ssl.cert_time_to_seconds(str((connection.getpeercert() or {})["notAfter"]))


def test_halo_send_speaks_tls(secured: Running, authority: Authority, tmp_path: Path) -> None:
    file = tmp_path / "one.hl7"
    file.write_bytes(message("SUB", id="S1"))
    pair = authority._pair("subject")
    options = ["--ca", str(authority.own.certificate), "--cert", str(pair.certificate), "--key", str(pair.key)]
    sent = CliRunner().invoke(command, [str(file), "--host", "127.0.0.1", "--port", str(secured.port), *options])
    assert sent.output == "AA S1 (one.hl7)\n1 AA\n"
    untrusting = ["--tls", "--patience", "0"]
    sent = CliRunner().invoke(command, [str(file), "--host", "127.0.0.1", "--port", str(secured.port), *untrusting])
    assert "CERTIFICATE_VERIFY_FAILED" in sent.output
