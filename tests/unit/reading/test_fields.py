"""Escapes, times and character sets."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reading.charset import codec_of, decide
from services.reading.fields import Dialect
from services.reading.timestamps import to_iso


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (r"a\F\b\S\c\R\d\E\e\T\f", "a|b^c~d\\e&f"),
        (r"one\.br\two", "one\ntwo"),
        (r"one\.sp3\two", "one\n\n\ntwo"),
        (r"\H\bold\N\ plain", "bold plain"),
        (r"\.in+4\indent", "indent"),
        (r"\XC5A1\ah", "šah"),
        (r"\XFF\ stays", r"\XFF\ stays"),
        (r"\Xzz\ stays", r"\Xzz\ stays"),
        (r"\Z12\ stays", r"\Z12\ stays"),
        (r"lone \ slash", r"lone \ slash"),
        (r"\.sp99999\x", r"\.sp99999\x"),
        (r"\E\F\E\ ", "\\F\\ "),
    ],
)
def test_escape_sequences(sent: str, text: str) -> None:
    assert Dialect().text(sent.encode()) == text


@pytest.mark.parametrize(
    ("sent", "iso"),
    [
        ("20260301100000+0100", "2026-03-01T10:00:00+01:00"),
        ("20260301100000.1234-0215", "2026-03-01T10:00:00.1234-02:15"),
        ("202603011000", "2026-03-01T10:00"),
        ("2026030110", "2026-03-01T10"),
        ("20260301", "2026-03-01"),
        ("20260301+0100", "2026-03-01"),
        ("202603", "2026-03"),
        ("2026", "2026"),
        ("20260229", ""),
        ("20260301250000", ""),
        ("20260301100060", ""),
        ("00000000", ""),
        ("0000", ""),
        ("20260301100000+2500", ""),
        ("2026-03-01", ""),
        ("٢٠٢٦٠٣٠١", ""),
        ("", ""),
    ],
)
def test_times_keep_their_precision_and_offset(sent: str, iso: str) -> None:
    assert to_iso(sent) == iso


@given(st.text(max_size=30) | st.from_regex(r"\A\d{4,14}([+-]\d{4})?\Z"))
def test_a_time_is_readable_or_empty(text: str) -> None:
    iso = to_iso(text)
    if len(iso) > len("2026-03"):
        datetime.fromisoformat(iso)


@pytest.mark.parametrize(
    ("declared", "codec"),
    [
        ("", ""),
        ("ASCII", "ascii"),
        ("UNICODE UTF-8", "utf-8"),
        ("utf-8", "utf-8"),
        ("8859/1", "iso-8859-1"),
        ("8859/2", "iso-8859-2"),
        ("ISO-8859-15", "iso-8859-15"),
        ("iso_8859-2", "iso-8859-2"),
        ("WINDOWS-1250", "cp1250"),
        ("cp1252", "cp1252"),
        ("8859/12", None),
        ("GB 18030-2000", None),
        ("UNICODE UTF-16", None),
        ("ISO IR87", None),
    ],
)
def test_names_of_character_sets(declared: str, codec: str | None) -> None:
    assert codec_of(declared) == codec


@pytest.mark.parametrize(
    ("declared", "bytes_", "codec", "label"),
    [
        ("UNICODE UTF-8", "š".encode(), "utf-8", "utf-8"),
        ("UNICODE UTF-8", "µ".encode("latin-1"), "iso-8859-1", "iso-8859-1; not utf-8"),
        ("8859/2", "š".encode("iso-8859-2"), "iso-8859-2", "iso-8859-2"),
        ("ASCII", "š".encode(), "utf-8", "utf-8; not ascii"),
        ("", "š".encode("cp1250"), "iso-8859-1", "iso-8859-1; not utf-8"),
        ("8859/1", b"\xef\xbb\xbf" + "š".encode(), "utf-8", "utf-8"),
    ],
)
def test_a_wrong_declaration_is_never_passed_over_in_silence(
    declared: str, bytes_: bytes, codec: str, label: str
) -> None:
    decided = decide(declared, bytes_, "utf-8")
    assert (decided.codec, decided.label) == (codec, label)


@pytest.mark.parametrize("sent", [b"12\x003", rb"12\X00\3"])
def test_a_nul_makes_a_text_unreadable_and_nothing_is_guessed(sent: bytes) -> None:
    assert Dialect().text(sent) == "12\ufffd3"
