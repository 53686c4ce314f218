"""Where a connection comes from: the peer's address and, over TLS, its certificate."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from services.mapping.sender_checks import fingerprint_of, subject_of

_SHORT = {
    "commonName": "CN", "organizationName": "O", "organizationalUnitName": "OU", "countryName": "C",
    "localityName": "L", "stateOrProvinceName": "ST", "emailAddress": "EMAILADDRESS", "domainComponent": "DC",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What is known of the other end without believing a word of its messages."""

    address: str = ""
    subject: frozenset[str] = frozenset()
    """Of the client certificate, as `CN=lis`, `O=Hospital`, ...; empty without one."""
    fingerprint: str = ""
    """Its sha256, 64 lower-case hexadecimal digits; "" without one."""

    def comes_from(self, addresses: Iterable[str]) -> bool:
        """The address is one of these addresses or in one of these networks; none listed means any."""
        listed = [ip_network(address, strict=False) for address in addresses]
        return not listed or any(_plain(self.address) in network for network in listed)

    def shows(self, certificate: str) -> bool:
        """The certificate is the one named by fingerprint or by parts of its subject; "" means any, or none."""
        if not certificate:
            return True
        if wanted := fingerprint_of(certificate):
            return wanted == self.fingerprint
        return bool(self.subject) and subject_of(certificate) <= self.subject


def _plain(address: str) -> IPv4Address | IPv6Address:
    """An IPv4 sender on an IPv6 listener is the IPv4 sender."""
    found = ip_address(address.partition("%")[0] or "::")
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def origin_of(writer: asyncio.StreamWriter) -> Origin:
    """Read from the connection; a certificate is only reported after TLS has verified it."""
    address = str((writer.get_extra_info("peername") or ("",))[0])
    connection: ssl.SSLObject | None = writer.get_extra_info("ssl_object")
    der = connection.getpeercert(binary_form=True) if connection is not None else None
    if connection is None or not der:
        return Origin(address=address)
    subject = (connection.getpeercert() or {}).get("subject", ())
    return Origin(address=address, subject=_parts(subject), fingerprint=sha256(der).hexdigest())


def _parts(subject: object) -> frozenset[str]:
    """`(("commonName", "lis"),)` and so on, as the ssl module gives it."""
    pairs = [pair for part in subject for pair in part] if isinstance(subject, tuple) else []
    return frozenset(f"{_SHORT.get(name, name)}={value}" for name, value in pairs)
