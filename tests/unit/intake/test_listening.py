"""Beyond loopback only with a way to know who is speaking."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.intake.listening import objection
from services.intake.settings import IntakeSettings
from services.mapping.site_file import read_site

NOBODY = read_site("")
ADDRESSED = '[[sender]]\nname = "a"\napplication = "A"\naddresses = ["10.0.0.1"]\n'
OPEN = '[[sender]]\nname = "b"\napplication = "B"\n'
INSECURE = "[listen]\ninsecure = true\n"
SHOWN = '[[sender]]\nname = "c"\napplication = "C"\ncertificate = "CN=c"\n'
TLS = {"mllp_tls_certificate": Path("halo.crt")}


def why(site: str, bind: str = "0.0.0.0", **settings: object) -> str:
    return objection(IntakeSettings(bind=bind, **settings), read_site(site))  # type: ignore[arg-type]


@pytest.mark.parametrize("bind", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_needs_nothing(bind: str) -> None:
    assert why("", bind) == ""


@pytest.mark.parametrize("bind", ["0.0.0.0", "::", "10.1.1.1", "halo.hospital"])
def test_beyond_it_a_site_file_with_senders_is_needed(bind: str) -> None:
    assert "HALO_SITE" in why("", bind)
    assert "HALO_SITE" in why("", bind, mllp_insecure=True, **TLS)


def test_without_tls_the_risk_must_be_taken_by_name() -> None:
    assert "insecure = true" in why(ADDRESSED)
    assert "HALO_MLLP_TLS_CERTIFICATE" in why(ADDRESSED)
    assert why(INSECURE + ADDRESSED) == ""
    assert why(ADDRESSED, mllp_insecure=True) == ""
    assert "insecure = true" in why("[listen]\ninsecure = 1\n" + ADDRESSED)


def test_without_tls_every_sender_must_name_its_addresses() -> None:
    assert why(INSECURE + ADDRESSED + OPEN).startswith("b: ")


def test_with_tls_they_need_not() -> None:
    assert why(ADDRESSED + OPEN, **TLS) == ""


def test_a_sender_known_by_certificate_needs_certificates_to_be_asked_for() -> None:
    assert why(SHOWN, "127.0.0.1").startswith("c: known by certificate")
    assert why(SHOWN, "127.0.0.1", mllp_tls_clients="optional", **TLS) == ""
