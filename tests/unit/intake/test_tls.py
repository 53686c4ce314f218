"""TLS of the listener: what is set up wrong is said by file and variable; ends of certificates are known."""

from __future__ import annotations

import ssl
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.intake.settings import IntakeSettings
from services.intake.tls import TlsUnusable, TlsWatch, make_context
from services.ledger.operations import Technical
from services.shared.certificates import not_after
from tests.real.certificates import Authority, Pair


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(authority: Authority) -> Pair:
    return authority.issue("server", "/CN=halo", days=5)


def settings(pair: Pair | None = None, **more: object) -> IntakeSettings:
    own = {"mllp_tls_certificate": pair.certificate, "mllp_tls_key": pair.key} if pair else {}
    return IntakeSettings(**own, **more)  # type: ignore[arg-type]


def test_nothing_set_is_no_tls() -> None:
    assert make_context(settings()) is None


def test_only_from_1_2_on(server: Pair, authority: Authority) -> None:
    for clients, mode in (("none", ssl.CERT_NONE), ("optional", ssl.CERT_OPTIONAL), ("required", ssl.CERT_REQUIRED)):
        context = make_context(settings(server, mllp_tls_clients=clients, mllp_tls_client_ca=authority.own.certificate))
        assert context is not None
        assert (context.minimum_version, context.verify_mode) == (ssl.TLSVersion.TLSv1_2, mode)


def test_what_is_missing_or_does_not_fit_is_named(server: Pair, authority: Authority, tmp_path: Path) -> None:
    with pytest.raises(TlsUnusable, match="no HALO_MLLP_TLS_CERTIFICATE"):
        make_context(settings(mllp_tls_clients="required"))
    with pytest.raises(TlsUnusable, match="HALO_MLLP_TLS_CLIENT_CA"):
        make_context(settings(server, mllp_tls_clients="required"))
    with pytest.raises(TlsUnusable, match=r"nobody\.crt"):
        make_context(settings(Pair(certificate=tmp_path / "nobody.crt", key=server.key)))
    with pytest.raises(TlsUnusable, match=r"authority\.key"):
        make_context(settings(Pair(certificate=server.certificate, key=authority.own.key)))


def test_the_end_is_read_from_the_file_as_openssl_reads_it(server: Pair, authority: Authority, tmp_path: Path) -> None:
    ends = not_after(server.certificate)
    assert abs((ends.timestamp() - time.time()) / 86400 - 5) < 0.01
    both = tmp_path / "both.pem"
    both.write_text(authority.own.certificate.read_text() + server.certificate.read_text())
    assert not_after(both) == ends, "the first to end counts"
    long = authority.issue("long", "/CN=long", days=30_000)  # from 2050 on the time has another type
    assert not_after(long.certificate).year == datetime.fromtimestamp(time.time() + 30_000 * 86_400, UTC).year


@pytest.mark.parametrize("text", ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "\xff"])
def test_what_is_no_certificate_is_an_error_of_one_kind(text: str, tmp_path: Path) -> None:
    file = tmp_path / "x.pem"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"x\.pem"):
        not_after(file)


async def test_faulty_new_files_change_nothing_and_are_told(server: Pair, tmp_path: Path) -> None:
    told: list[Technical] = []
    renewed: list[ssl.SSLContext] = []
    own = Pair(certificate=tmp_path / "own.crt", key=server.key)
    own.certificate.write_bytes(server.certificate.read_bytes())

    async def renew(context: ssl.SSLContext) -> None:
        renewed.append(context)

    watch = TlsWatch(settings(own), renew, told.append)
    await watch.read_again()
    assert (len(renewed), told) == (1, [])
    own.certificate.write_text("half a file")
    await watch.read_again()
    assert len(renewed) == 1
    assert [fault.kind for fault in told] == ["certificate_faulty"]
