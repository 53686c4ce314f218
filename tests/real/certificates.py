"""Made-up certificates: an authority of our own and what it issues, by the openssl command."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A certificate and its key as PEM files."""

    certificate: Path
    key: Path

    @property
    def fingerprint(self) -> str:
        """As the site file names it."""
        der = ssl.PEM_cert_to_DER_cert(self.certificate.read_text())
        return f"sha256:{sha256(der).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Authority:
    """Issues certificates into `folder`."""

    folder: Path

    @property
    def own(self) -> Pair:
        """Its certificate, made when first asked for."""
        pair = self._pair("authority")
        if not pair.certificate.exists():
            _openssl(
                *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"),
                *("-subj", "/CN=made-up authority", "-keyout", str(pair.key), "-out", str(pair.certificate)),
            )
        return pair

    def issue(self, name: str, subject: str, *, days: int = 30) -> Pair:
        """For 127.0.0.1 and localhost; `subject` as `/CN=lis/O=Hospital`."""
        own, pair, request, names = self.own, self._pair(name), self.folder / "request.pem", self.folder / "names.cnf"
        names.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        _openssl(
            *("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-subj", subject, "-keyout", str(pair.key), "-out", str(request)),
        )
        _openssl(
            *("x509", "-req", "-in", str(request), "-CA", str(own.certificate), "-CAkey", str(own.key)),
            *("-CAcreateserial", "-days", str(days), "-extfile", str(names), "-out", str(pair.certificate)),
        )
        return pair

    def client_context(self, shown: Pair | None = None) -> ssl.SSLContext:
        """Of a sender that trusts this authority."""
        context = ssl.create_default_context(cafile=self.own.certificate)
        if shown is not None:
            context.load_cert_chain(shown.certificate, shown.key)
        return context

    def _pair(self, name: str) -> Pair:
        return Pair(certificate=self.folder / f"{name}.crt", key=self.folder / f"{name}.key")


def _openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
