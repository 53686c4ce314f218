"""Acknowledgements say what HL7 says they say, in the sender's own dialect."""

from __future__ import annotations

from datetime import UTC, datetime

import hl7
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.acknowledge import acknowledge, wants_silence
from services.reading.hl7v2 import header_of
from services.reading.outcome import Refusal
from services.shared.mllp_client import Acknowledgement, acknowledgements

NOW = datetime(2026, 3, 1, 9, 6, tzinfo=UTC)
REFUSAL = Refusal(reason="no_patient_id", text="no patient id: PID-3 | is empty", condition="101", location="PID^1^3")


def msh(version: str = "2.5.1", accept: str = "", application: str = "", charset: str = "") -> bytes:
    return f"MSH|^~\\&|LIS^1.2^ISO|LAB|HALO|HOSP|20260301||ORU^R01^ORU_R01|C\\T\\1|P|{version}|||{accept}|{application}||{charset}\r".encode()


def answer(message: bytes, code: str = "AA", **more: object) -> str:
    return acknowledge(header_of(message), code, now=NOW, own_id="ID1", **more).decode()  # type: ignore[arg-type]


def test_the_parties_are_swapped_and_the_control_id_echoed() -> None:
    text = answer(msh(charset="8859/1"))
    assert text == (
        "MSH|^~\\&|HALO|HOSP|LIS^1.2^ISO|LAB|20260301090600+0000||ACK^R01^ACK|ID1|P|2.5.1||||||8859/1\rMSA|AA|C\\T\\1\r"
    )
    parsed = hl7.parse(text)
    assert str(parsed.segment("MSA")[2]) == "C\\T\\1"


@pytest.mark.parametrize(
    ("version", "kind"),
    [("2.3", "ACK^R01"), ("2.3.1", "ACK^R01"), ("2.4", "ACK^R01^ACK"), ("2.8", "ACK^R01^ACK"), ("nonsense", "ACK^R01")],
)
def test_the_version_is_echoed_and_shapes_the_type(version: str, kind: str) -> None:
    fields = answer(msh(version)).split("\r")[0].split("|")
    assert (fields[8], fields[11]) == (kind, version)


@pytest.mark.parametrize(
    ("accept", "application", "code"),
    [
        ("", "", "AA"),
        ("AL", "NE", "CA"),
        ("AL", "AL", "CA"),
        ("ER", "NE", "CA"),
        ("NE", "NE", "AA"),
        ("NE", "AL", "AA"),
        ("", "AL", "AA"),
    ],
)
def test_enhanced_mode_only_when_msh_15_asks(accept: str, application: str, code: str) -> None:
    assert f"MSA|{code}|" in answer(msh(accept=accept, application=application))


@pytest.mark.parametrize(("code", "enhanced"), [("AE", "CE"), ("AR", "CR")])
def test_bad_news_in_enhanced_mode(code: str, enhanced: str) -> None:
    assert f"MSA|{enhanced}|" in answer(msh(accept="AL"), code)


def test_silence_is_asked_for_by_two_ne() -> None:
    assert wants_silence(header_of(msh(accept="NE", application="NE")))
    assert not wants_silence(header_of(msh(accept="NE", application="AL")))
    assert not wants_silence(header_of(msh()))
    assert not wants_silence(None)


def test_the_error_names_the_field() -> None:
    err = answer(msh(), "AR", refusal=REFUSAL, text=REFUSAL.text).split("\r")[2]
    assert err == "ERR||PID^1^3|101^Required field missing^HL70357|E||||no patient id: PID-3 \\F\\ is empty"


def test_before_2_5_the_error_is_one_field() -> None:
    err = answer(msh("2.3"), "AR", refusal=REFUSAL).split("\r")[2]
    assert err == "ERR|PID^1^3^101&Required field missing&HL70357"


def test_bytes_that_are_no_hl7_get_an_answer_with_defaults() -> None:
    text = acknowledge(None, "AR", now=NOW, own_id="ID1", text="no MSH", refusal=REFUSAL).decode()
    assert text.startswith("MSH|^~\\&|HALO|||")
    assert "\rMSA|AR||no MSH\r" in text
    assert hl7.parse(text).segment("MSA")


@given(st.binary(max_size=60))
def test_any_header_gets_an_answer_that_can_be_framed(tail: bytes) -> None:
    header = header_of(b"MSH|^~\\&|" + tail)
    data = acknowledge(header, "AR", now=NOW, own_id="1", text="x", refusal=REFUSAL)
    assert not {0x0B, 0x1C} & set(data)
    assert [segment[:3] for segment in data.split(b"\r")] == [b"MSH", b"MSA", b"ERR", b""]


def test_a_client_reads_them() -> None:
    batch = answer(msh()) + answer(msh("2.3"), "AR", refusal=REFUSAL, text="no")
    assert acknowledgements(batch.encode()) == [
        Acknowledgement(code="AA", control_id="C\\T\\1", text=""),
        Acknowledgement(code="AR", control_id="C\\T\\1", text="no"),
    ]
    assert acknowledgements(b"") == []
