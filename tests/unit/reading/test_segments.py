"""Segments know their bytes, whatever the sender puts between them."""

from __future__ import annotations

import hl7
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reading.fields import NULL, Row
from services.reading.header import NotHl7, read_header
from services.reading.segments import cut
from tests.unit.reading.samples import CALCIUM, MSH, OBR, PID, message, report

ENDS = ["\r", "\n", "\r\n", "\r\r\n", "\n\n"]


@pytest.mark.parametrize("end", ENDS)
def test_any_line_end_ends_a_segment(end: str) -> None:
    data = report(end=end)
    segments = cut(data, b"|")
    assert [segment.name for segment in segments] == ["MSH", "PID", "PV1", "ORC", "OBR", "OBX"]
    assert [segment.number for segment in segments] == [1, 2, 3, 4, 5, 6]
    assert segments[5].data == CALCIUM.encode()


def test_the_last_segment_needs_no_end() -> None:
    assert cut(report().rstrip(b"\r"), b"|")[-1].data == CALCIUM.encode()


def test_a_line_break_inside_a_text_does_not_cut_the_fields_behind_it() -> None:
    data = message(PID, OBR, "OBX|1|TX|1^Note^L||first line\nsecond line||||||F")
    last = cut(data, b"|")[-1]
    assert Row(last, read_header(data, "utf-8").dialect).component(11) == "F"
    assert b"first line\nsecond line" in last.data


def test_padding_behind_the_message_is_no_text() -> None:
    assert cut(report() + b"\x00\x00\r\n\x1a", b"|")[-1].data == CALCIUM.encode()


def test_a_mark_and_blanks_before_msh_are_passed_over() -> None:
    data = b"\xef\xbb\xbf" + report()
    assert cut(data, b"|")[0].offset == 3
    assert read_header(b"\r\n " + data, "utf-8").application == "LIS"


@given(
    st.binary(max_size=300)
    | st.lists(st.sampled_from([b"MSH|", b"OBX|1", b"\r", b"\n", b"x", b"\xef\xbb\xbf", b"PID", b"\0"])).map(b"".join)
)
def test_every_segment_is_a_slice_of_the_bytes(data: bytes) -> None:
    previous = 0
    for number, segment in enumerate(cut(data, b"|"), start=1):
        assert data[segment.offset : segment.offset + segment.length] == segment.data
        assert segment.offset >= previous
        assert segment.number == number
        previous = segment.offset + segment.length


_text = st.text(
    st.characters(
        codec="utf-8",
        exclude_characters="|^~\\&#\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029",
        exclude_categories=["Cc", "Cs"],
    ),
    max_size=8,
)
_field = st.lists(
    st.lists(st.lists(_text, min_size=1, max_size=2).map("&".join), min_size=1, max_size=3).map("^".join),
    min_size=1,
    max_size=2,
).map("~".join)
_segment = st.tuples(
    st.sampled_from(["PID", "OBR", "OBX", "NTE", "SPM", "ZZ1"]), st.lists(_field, min_size=1, max_size=6)
).map(lambda pair: "|".join([pair[0], *pair[1]]))


@given(st.lists(_segment, max_size=6))
def test_fields_equal_those_of_the_hl7_package(segments: list[str]) -> None:
    data = message(*segments, "ZZ9|end")  # the package takes blanks off the end of a message, we do not
    header = read_header(data, "utf-8")
    oracle = hl7.parse(data.decode())
    assert [segment.name for segment in header.segments] == [str(segment[0]) for segment in oracle]
    for ours, theirs in zip(header.segments, oracle, strict=True):
        row = Row(ours, header.dialect)
        for number in range(1, len(theirs)):
            assert row.raw(number).decode() == str(theirs[number]), (ours.name, number)
            if ours.name != "MSH":
                _same_components(row, number, theirs)


def _same_components(row: Row, number: int, theirs: hl7.Segment) -> None:
    field = theirs[number]
    repeats = row.repeats(number)
    assert len(repeats) == max(len(field), 1)
    for ours, repeat in zip(repeats, field, strict=False):
        components = repeat if isinstance(repeat, hl7.Repetition) else [repeat]
        for at, component in enumerate(components, start=1):
            assert ours.whole(at) == ("" if str(component) == NULL else str(component))


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        ("", "no MSH"),
        ("PID|1", "no MSH"),
        ("MSHa", "no MSH"),
        ("MSH|", "MSH-2"),
        ("MSH|^^", "two purposes"),
        ("MSH|^~\\|", None),
        ("MSH|abc|", "MSH-2"),
        ("MSH|^~\\&#%!|", "MSH-2"),
    ],
)
def test_a_header_that_cannot_be_read_says_why(head: str, problem: str | None) -> None:
    if problem is None:
        assert read_header(head.encode(), "utf-8").dialect.subcomponent == b""
        return
    with pytest.raises(NotHl7, match=problem):
        read_header(head.encode(), "utf-8")


def test_other_delimiters_and_the_truncation_character() -> None:
    data = MSH.replace("|^~\\&|", "|^~\\&#|").encode()
    assert read_header(data, "utf-8").type == "ORU"
    odd = b"MSH$*%?@$LIS$LAB*9$$$2026$$ORU*R01$c$P$2.3\rPID$1$$5***A\r"
    assert read_header(odd, "utf-8").message_type == "ORU^R01"
