"""When a certificate ends, read from its PEM file (RFC 5280, section 4.1: the validity of the TBSCertificate)."""

from __future__ import annotations

import re
import ssl
from datetime import UTC, datetime
from pathlib import Path

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_UTC_TIME, _GENERALIZED_TIME, _VERSION = 0x17, 0x18, 0xA0
_TIMES = {_UTC_TIME: "%y%m%d%H%M%SZ", _GENERALIZED_TIME: "%Y%m%d%H%M%SZ"}


def not_after(path: Path) -> datetime:
    """The earliest end of all certificates in the file, UTC. ValueError when there is none that can be read."""
    try:
        found = [_end(ssl.PEM_cert_to_DER_cert(block)) for block in _PEM.findall(path.read_text("ascii"))]
    except (IndexError, KeyError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: a certificate in it cannot be read") from error
    if not found:
        raise ValueError(f"{path}: there is no certificate in it (PEM, BEGIN CERTIFICATE)")
    return min(found)


def _end(der: bytes) -> datetime:
    """Version (left out in v1), serial number, algorithm and issuer stand before the validity."""
    (_, certificate), *_ = _parts(der)
    (_, body), *_ = _parts(certificate)
    fields = [part for part in _parts(body) if part[0] != _VERSION]
    _, (kind, text) = _parts(fields[3][1])
    return datetime.strptime(text.decode("ascii"), _TIMES[kind]).replace(tzinfo=UTC)


def _parts(data: bytes) -> list[tuple[int, bytes]]:
    """Tag and content of each DER element."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:
            octets = length & 0x7F
            length, at = int.from_bytes(data[at : at + octets], "big"), at + octets
        found.append((tag, data[at : at + length]))
        at += length
    return found
