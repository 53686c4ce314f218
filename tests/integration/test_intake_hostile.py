"""Whatever comes in at MLLP: an answer in its frame or a closed connection, nobody kept waiting, and all of it counted."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from hashlib import sha256

import pytest

from schemas.patient_event import Refused
from services.shared.mllp_client import Acknowledgement, MllpClient, NoAnswer, acknowledgements
from tests.bench.hostile_mllp import disagreements, lay
from tests.real import servers
from tests.real.besieging import PROBE
from tests.real.intake import Running, intake
from tests.real.mutating import NAMES, Mutator, framed

MESSAGES = 1500
SEED = 5
IDLE = 1000
MIB = 1024 * 1024

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


def probe(name: str) -> bytes:
    return PROBE.format(id=name).encode()


@pytest.fixture(scope="module")
def running(kafka_bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    servers.fresh_topics(kafka_bootstrap, 4)
    env = {
        "HALO_MLLP_CONNECTIONS": str(IDLE + 50), "HALO_MLLP_FRAME_SECONDS": "3", "HALO_MLLP_WRITE_SECONDS": "3",
        "HALO_MLLP_HELD_BYTES": str(40 * MIB),
    }  # fmt: skip
    with intake(kafka_bootstrap, tmp_path_factory.mktemp("hostile"), env) as found:
        yield found


def test_mutated_messages_are_each_answered_and_the_counts_add_up(running: Running) -> None:
    siege = lay(running, messages=MESSAGES, seed=SEED, heavy=0.004)
    assert disagreements(running, siege) == []
    assert siege.toll.sent.total() == MESSAGES
    assert siege.toll.answers["AR"] > 100
    assert siege.toll.answers["AA"] > MESSAGES, "each of our own messages behind a mutant was taken"


def test_a_seed_makes_the_same_mutants_and_all_kinds_of_them() -> None:
    first, second = Mutator(3, heavy=0), Mutator(3, heavy=0)
    made = [first.next() for _ in range(400)]
    assert made == [second.next() for _ in range(400)]
    heavy = {"huge_field", "nearly_too_large", "many_segments", "many_patients", "deep_repeats", "many_messages"}
    assert {mutant.name for mutant in made} == NAMES - heavy - {"half_of_a_huge_one"}


def test_thirty_megabytes_are_refused_and_recorded_with_64_kib(running: Running) -> None:
    message = probe("LARGE") + b"NTE|1||" + b"x" * (30 * 1024 * 1024)
    (answer,) = running.send(message, timeout=60)
    assert (answer.code, answer.control_id) == ("AR", "LARGE")
    assert "at most 16777216" in answer.text
    assert len(answer.text) < 200
    refused = [event for event in running.events() if isinstance(event, Refused) and event.source.message_id == "LARGE"]
    assert [(len(event.raw), event.source.sha256) for event in refused] == [(64 * 1024, sha256(message).hexdigest())]


def test_a_message_that_comes_byte_by_byte_is_a_message(running: Running) -> None:
    with socket.create_connection(("127.0.0.1", running.port), 10) as slow:
        slow.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in framed(probe("SLOW")):
            slow.send(bytes([byte]))
        assert b"MSA|AA|SLOW\r" in _until_end(slow)


def test_a_sender_that_closes_its_side_still_gets_its_answer(running: Running) -> None:
    with socket.create_connection(("127.0.0.1", running.port), 10) as half:
        half.sendall(framed(probe("HALF"))[:-1])  # not even the CR comes
        half.shutdown(socket.SHUT_WR)
        assert b"MSA|AA|HALF\r" in _until_end(half)
        assert half.recv(1) == b""


def test_a_sender_that_takes_no_answers_is_left_and_delays_nobody(running: Running) -> None:
    with socket.create_connection(("127.0.0.1", running.port), 10) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        deaf.settimeout(0.5)
        stream = framed(b"MSH|^~\\&|" + b"A" * 20_000 + b"|LAB||||||C1|P|2.5.1") * 2000
        with pytest.raises(OSError):  # nobody reads on: the pressure comes back to the sender, nothing is piled up
            deaf.sendall(stream * 5)
        started = time.monotonic()
        assert running.send(probe("BESIDE"))[0].code == "AA"
        assert time.monotonic() - started < 2


def test_a_thousand_idle_connections_cost_nobody_an_answer_and_one_too_many_is_closed(running: Running) -> None:
    with ExitStack() as open_ones, MllpClient(port=running.port) as real:
        assert acknowledgements(real.send(probe("I1")))[0].accepted
        for _ in range(IDLE):
            open_ones.enter_context(socket.create_connection(("127.0.0.1", running.port), 10))
        _until(lambda: running.metric("halo_mllp_connections") >= IDLE)
        started = time.monotonic()
        assert running.send(probe("I2"))[0] == Acknowledgement(code="AA", control_id="I2", text="")
        assert time.monotonic() - started < 2
        for _ in range(60):
            open_ones.enter_context(socket.create_connection(("127.0.0.1", running.port), 10))
        with pytest.raises((NoAnswer, ConnectionError)):
            running.send(probe("I3"))
        assert acknowledgements(real.send(probe("I4")))[0].accepted, "who is connected is served on"
        assert running.metric("halo_ingest_rejected_total", reason="too_many_connections") >= 1
    _until(lambda: running.metric("halo_mllp_connections") == 0)
    assert running.send(probe("I5"))[0].accepted


def test_many_large_messages_that_never_end_do_not_fill_the_memory(running: Running) -> None:
    half = b"\x0b" + probe("PART") + b"OBX|2|ED|PDF||^application^pdf^Base64^" + b"x" * (15 * MIB)
    with ExitStack() as open_ones:
        parts = [open_ones.enter_context(socket.create_connection(("127.0.0.1", running.port), 10)) for _ in range(3)]
        before = running.metric("halo_ingest_rejected_total", reason="busy")
        for part in parts:
            with suppress(ConnectionError):
                part.sendall(half)
        _until(lambda: running.metric("halo_ingest_rejected_total", reason="busy") == before + 1)
        assert running.send(probe("SMALL"))[0].code == "AA", "who holds little is served"
    whole = half[1:] + b"||||||F\r"
    assert running.send(whole, timeout=30)[0].code == "AA", "what they held is given back"


def test_a_frame_that_stops_half_way_is_given_up_and_counted(running: Running) -> None:
    before = running.metric("halo_mllp_half_frames_total")
    with socket.create_connection(("127.0.0.1", running.port), 10) as stopped:
        stopped.sendall(b"\x0bMSH|^~\\&|LIS")
        assert stopped.recv(1) == b"", "closed after HALO_MLLP_FRAME_SECONDS"
    assert running.metric("halo_mllp_half_frames_total") == before + 1


def _until_end(connection: socket.socket) -> bytes:
    received = b""
    while not received.endswith(b"\x1c\r"):
        piece = connection.recv(65_536)
        assert piece, received
        received += piece
    return received


def _until(holds: object) -> None:
    deadline = time.monotonic() + 20
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.1)
