"""Frames come out whole and in order, however the bytes are cut and whatever stands between them."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from services.intake.framing import HEAD_LIMIT, Framer

LIMIT = 1000
_body = st.binary(max_size=60).map(lambda body: body.replace(b"\x0b", b"").replace(b"\x1c", b""))
_garbage = st.binary(max_size=10).map(lambda junk: junk.replace(b"\x0b", b""))


def framed(body: bytes) -> bytes:
    return b"\x0b" + body + b"\x1c\r"


@given(st.lists(st.tuples(_garbage, _body), max_size=5), st.lists(st.integers(1, 9), min_size=1, max_size=9))
def test_any_cutting_of_the_stream_gives_the_same_frames(parts: list[tuple[bytes, bytes]], steps: list[int]) -> None:
    stream = b"".join(junk + framed(body) for junk, body in parts)
    framer, found, at, turn = Framer(LIMIT), [], 0, 0
    while at < len(stream):
        step = steps[turn % len(steps)]
        found += framer.feed(stream[at : at + step])
        at, turn = at + step, turn + 1
    assert [frame.data for frame in found] == [body for _, body in parts]
    junk = b"".join(junk for junk, _ in parts).replace(b"\r", b"").replace(b"\n", b"")
    assert framer.garbage_bytes == len(junk)
    assert not framer.inside


@given(st.binary(max_size=200))
def test_no_bytes_break_the_framer(data: bytes) -> None:
    framer = Framer(20)
    for frame in framer.feed(data) + framer.end_without_cr():
        assert len(frame.data) <= 20 or frame.too_large_sha256


def test_fs_inside_a_message_belongs_to_it() -> None:
    (frame,) = Framer(LIMIT).feed(framed(b"MSH|a\x1cb"))
    assert frame.data == b"MSH|a\x1cb"


def test_fs_without_cr_ends_at_the_next_frame_or_when_told() -> None:
    framer = Framer(LIMIT)
    assert [frame.data for frame in framer.feed(b"\x0bone\x1c\x0btwo\x1c")] == [b"one"]
    assert framer.may_have_ended
    assert [frame.data for frame in framer.end_without_cr()] == [b"two"]
    assert framer.feed(b"\r") == []
    assert framer.garbage_bytes == 0


def test_a_sender_that_starts_anew_leaves_half_a_frame() -> None:
    framer = Framer(LIMIT)
    assert [frame.data for frame in framer.feed(b"\x0bMSH|half\r\x0bMSH|whole\r\x1c\r")] == [b"MSH|whole\r"]
    assert framer.half_frames == 1


def test_what_is_too_large_keeps_its_head_size_and_hash_but_not_its_bytes() -> None:
    body = bytes(range(32, 127)) * 20_000
    framer = Framer(100_000)
    frames = [
        frame
        for at in range(0, len(body), 7_777)
        for frame in framer.feed((b"\x0b" if not at else b"") + body[at : at + 7_777])
    ]
    assert frames == []
    assert len(framer._buffer) < 110_000
    (frame, following) = framer.feed(b"\x1c\r" + framed(b"next"))
    assert (frame.size, frame.too_large_sha256) == (len(body), sha256(body).hexdigest())
    assert frame.data == body[:HEAD_LIMIT]
    assert following.data == b"next"


def test_the_limit_is_inclusive_also_in_one_piece() -> None:
    at_limit, over = Framer(10).feed(framed(b"x" * 10) + framed(b"x" * 11))
    assert (at_limit.too_large_sha256, over.too_large_sha256) == ("", sha256(b"x" * 11).hexdigest())
