"""What can be wrong with the `[[sender]]` entries of a site file, and how their certificates are written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from ipaddress import ip_network

from services.mapping.site import Sender

_FINGERPRINT = re.compile(r"(?:sha256)?(?P<hex>[0-9a-f]{64})")
_PART = re.compile(r"[A-Za-z]+=.+")
_TYPE = re.compile(r"[A-Z][A-Z0-9]{2}(\^[A-Z0-9]{3})?")


def fingerprint_of(certificate: str) -> str:
    """`sha256:AB:CD:...` as 64 lower-case digits; "" when the entry names a subject instead."""
    found = _FINGERPRINT.fullmatch(certificate.strip().lower().replace(":", ""))
    return found["hex"] if found else ""


def subject_of(certificate: str) -> frozenset[str]:
    """`CN=lis, O=Hospital` as its parts; all of them must stand in the certificate."""
    pairs = (part.strip().partition("=") for part in certificate.split(","))
    return frozenset(f"{name.strip().upper()}={value.strip()}" for name, _, value in pairs)


def mistakes(senders: Sequence[Sender]) -> Iterator[tuple[str, str]]:
    """Place (`sender[1].addresses`) and mistake, for `read_site`."""
    keys: dict[str, int] = {}
    names: dict[str, int] = {}
    for at, sender in enumerate(senders):
        yield from ((f"sender[{at}].{key}", text) for key, text in _own(sender))
        if sender.speaks_hl7 and (first := keys.setdefault(sender.key, at)) != at:
            yield f"sender[{at}].application", f"{sender.key!r} (MSH-3|MSH-4) is listed already in entry {first + 1}"
        if (first := names.setdefault(sender.name, at)) != at:
            yield f"sender[{at}].name", f"{sender.name!r} is the name of entry {first + 1} already"


def _own(sender: Sender) -> Iterator[tuple[str, str]]:
    if not sender.name.strip():
        yield "name", "a sender needs a name; operations read it"
    for address in sender.addresses:
        if not _is_network(address):
            yield "addresses", f"{address!r} is no address or network, such as 10.1.2.3 or 10.1.0.0/16"
    if sender.certificate and not fingerprint_of(sender.certificate) and not _is_subject(sender.certificate):
        yield "certificate", "write sha256: and 64 hexadecimal digits, or the subject, such as CN=lis, O=Hospital"
    for kind in sender.message_types:
        if not _TYPE.fullmatch(kind):
            yield "message_types", f"{kind!r} is no message type, such as ORU^R01, or ORU for all of them"
    if sender.charset and not _is_codec(sender.charset):
        yield "charset", f"{sender.charset!r} is no character set, such as utf-8, cp1250 or iso-8859-2"


def _is_network(address: str) -> bool:
    try:
        ip_network(address, strict=False)
    except ValueError:
        return False
    return True


def _is_subject(certificate: str) -> bool:
    return all(_PART.fullmatch(part.strip()) for part in certificate.split(","))


def _is_codec(name: str) -> bool:
    try:
        return "a".encode(name) == b"a"
    except (LookupError, ValueError):
        return False
