"""Files of several messages; no bytes whatever make reading raise or lose a message."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import decode_event, encode_event
from schemas.patient_event import LabReport
from services.reading import ndjson
from services.reading.batches import split
from services.reading.formats import UnreadableFile, read_file
from services.reading.hl7v2 import read
from tests.unit.reading.samples import report

FHS = b"FHS|^~\\&|A\r"
BHS = b"BHS|^~\\&|A\r"
TRAILER = b"BTS|2\rFTS|1\r"


def test_a_batch_is_cut_into_its_messages() -> None:
    one, two = report(), report("NTE|1||x")
    assert split(FHS + BHS + one + two + TRAILER) == [one, two]


def test_framed_files_and_marks() -> None:
    one, two = report(), report("NTE|1||x")
    assert split(b"\x0b" + one + b"\x1c\r\x0b" + two + b"\x1c\r") == [one, two]
    assert split(b"\xef\xbb\xbf" + one) == [b"\xef\xbb\xbf" + one]
    assert split(b"\r\n\x00 ") == []


def test_text_that_belongs_to_no_message_is_a_piece_of_its_own() -> None:
    assert split(b"rubbish\r" + report() + b"BTS|1\rmore rubbish") == [b"rubbish\r", report(), b"\rmore rubbish"]


_part = st.sampled_from(
    [
        report(),
        FHS,
        BHS,
        TRAILER,
        b"\x0b",
        b"\x1c\r",
        b"\x1c",
        b"\xef\xbb\xbf",
        b"\r",
        b"\n",
        b"MSH|",
        b"MSH",
        b"junk",
        b" ",
        b"\x00",
        b"|",
    ]
)


@given(st.lists(_part, max_size=8).map(b"".join) | st.binary(max_size=200))
def test_splitting_again_changes_nothing(data: bytes) -> None:
    for piece in split(data):
        assert split(piece) == [piece]


_word = st.sampled_from(
    [
        b"MSH",
        b"PID",
        b"OBR",
        b"OBX",
        b"SPM",
        b"NTE",
        b"ORC",
        b"|",
        b"||",
        b"^",
        b"~",
        b"\\",
        b"&",
        b"\r",
        b"\n",
        b"^~\\&",
        b"|||3^^^A",
        b"NM",
        b"SN",
        b"ED",
        b"CE",
        b"ORU^R01",
        b"UNICODE UTF-8",
        b"8859/1",
        b"\\X",
        b"\\.sp9\\",
        b"2026",
        b"\xff",
        b"\xc5\xa1",
        b"\x00",
        b'""',
        b"<5",
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(_word, max_size=60).map(b"".join),
    st.sampled_from(
        [
            b"",
            report().rstrip(b"\r"),
            b"MSH|^~\\&|A|B|||2026||ORU^R01|1|P|2.5",
            b"MSH|^~\\&|A|B|||||ORU^R01|1|P|2.5\rPID|||1\rOBX|1|",
        ]
    ),
)
def test_no_bytes_make_reading_raise_and_every_place_is_right(tail: bytes, head: bytes) -> None:
    data = head + tail
    outcome = read(data, "2026-03-01T09:00:00Z")
    assert outcome.events or outcome.ignored
    for event in outcome.events:
        assert decode_event(encode_event(event)) == event
        for result in event.results if isinstance(event, LabReport) else ():
            where = result.where
            assert event.raw[where.offset : where.offset + where.length][:3] == b"OBX"  # type: ignore[union-attr]


@given(st.binary(max_size=200))
def test_any_file_gives_outcomes_or_says_that_it_cannot_be_read(data: bytes) -> None:
    try:
        outcomes = len(list(read_file(data)))
    except UnreadableFile:
        outcomes = 0
    assert bool(outcomes) == bool(split(data) or data.lstrip(b"\xef\xbb\xbf \t\r\n\0\x0b").startswith(b"{"))


@pytest.mark.parametrize("filling", [b" ", b"\x00", b"\r", b"\\", b"|", b"~", b"PID|\r", b"<", b"1"])
@pytest.mark.timeout(20)
def test_long_monotonous_bytes_take_linear_time(filling: bytes) -> None:
    long = filling * (200_000 // len(filling))
    for data in (long, b"MSH|^~\\&|A|B|||||ORU^R01\rPID|||1\rOBX|1|NM|1||" + long):
        for piece in split(data):
            read(piece, "")


def test_a_file_is_received_when_its_sender_sent_it() -> None:
    (outcome,) = read_file(report())
    (event,) = outcome.events
    assert isinstance(event, LabReport)
    assert event.source.received_at == "2026-03-01T09:05:00Z"


def test_ndjson_gives_the_events_back_and_refuses_a_bad_line_by_number() -> None:
    (event,) = read(report(), "2026-03-01T09:00:00Z").events
    outcomes = list(read_file(encode_event(event) + b"\n\nnot json\n"))
    assert outcomes[0].events == (event,)
    assert outcomes[1].refusal is not None
    assert outcomes[1].refusal.location == "line 3"
    assert list(ndjson.read(b"")) == []


def test_an_empty_file_is_unreadable() -> None:
    with pytest.raises(UnreadableFile, match="empty"):
        list(read_file(b"\n"))
