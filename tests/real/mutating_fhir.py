"""FHIR requests as hostile, broken and merely odd senders make them: made-up resources, and what a seed makes of them.

A mutant is a whole HTTP request on the wire. The same seed gives the same mutants.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.real.fhir import SECRET

HEAVY = 30 * 1024 * 1024
_CODES = ("17861-6", "2160-0", "718-7", "KREA", "", "24321-2")
_VALUES: tuple[dict[str, Any], ...] = (
    {"valueQuantity": {"value": 2.4, "unit": "mmol/L"}}, {"valueQuantity": {"value": 182, "code": "umol/L"}},
    {"valueQuantity": {"value": "x"}}, {"valueString": "negativno"}, {"valueInteger": 10**400}, {"valueBoolean": True},
    {"valueCodeableConcept": {"text": "positive"}}, {"dataAbsentReason": {"text": "error"}}, {},
    {"valueRange": {"low": {"value": 1}}}, {"valueRatio": {}}, {"valuePeriod": {}},
)  # fmt: skip
_JUNK: tuple[Any, ...] = (
    None, True, 0, -1, 1e308, "", "x", "\u0000", "č\U0001f600", [], {}, [[]], [None], {"reference": "#a"}, "#a",
    "2026-02-30", "9999-12-31T23:59:60Z", "Patient/1", "x" * 5000, {"value": {"value": {}}}, 10**30,
)  # fmt: skip
_STATUSES = ("final", "preliminary", "corrected", "entered-in-error", "unknown", "", "cancelled", "registered")
_TYPES = ("transaction", "batch", "message", "collection", "history", "searchset", "", "batch-response")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One piece of trouble."""

    name: str
    request: bytes
    answered: bool = True
    """False where the connection may end without an answer."""


class Mutator:
    """`heavy` is the share of those that are huge or dear to hold."""

    def __init__(self, seed: int, *, heavy: float = 0.002) -> None:
        self._random, self._heavy = Random(seed), heavy

    def next(self) -> Mutant:
        """Another one."""
        random = self._random
        change = random.choice(_HEAVY_ONES if random.random() < self._heavy else _LIGHT_ONES)
        return change(random)


def resource(random: Random, number: int = 0) -> dict[str, Any]:
    """A made-up Observation, mostly good."""
    patient = {"identifier": {"system": "MADEUP", "value": str(random.randrange(200))}}
    made = {
        "resourceType": "Observation", "id": f"o{number or random.randrange(10**6)}", "status": random.choice(_STATUSES),
        "code": {"coding": [{"system": "http://loinc.org", "code": random.choice(_CODES)}]}, "subject": patient,
        "effectiveDateTime": random.choice(("2026-03-01T07:15:00+01:00", "2026-03-01", "2026", "")),
        **deepcopy(random.choice(_VALUES)),
    }  # fmt: skip
    if random.random() < 0.2:
        made["component"] = [{"code": {"text": "part"}, **deepcopy(random.choice(_VALUES))} for _ in range(3)]
    if random.random() < 0.2:
        made["contained"] = [{"resourceType": "Specimen", "id": "a"}, {"resourceType": "Observation", "id": "b"}]
        made["specimen"], made["hasMember"] = {"reference": "#a"}, [{"reference": "#b"}]
    return made


def message(random: Random) -> dict[str, Any]:
    """A resource, or a Bundle of some."""
    if random.random() < 0.6:
        return resource(random)
    patient = {
        "resourceType": "Patient",
        "id": "p",
        "identifier": [{"value": "7"}],
        "deceasedBoolean": random.random() < 0.1,
    }
    report = {"resourceType": "DiagnosticReport", "status": "final", "subject": {"reference": "Patient/p"},
              "result": [{"reference": "Observation/o1"}]}  # fmt: skip
    encounter = {"resourceType": "Encounter", "status": "in-progress", "subject": {"reference": "Patient/p"},
                 "location": [{"location": {"display": "H2"}}]}  # fmt: skip
    chosen = [resource(random, 1), patient, report, encounter, resource(random)][: random.randrange(6)]
    entries = [
        {"resource": one, "request": {"method": random.choice(("POST", "PUT", "DELETE")), "url": "x"}} for one in chosen
    ]
    return {"resourceType": "Bundle", "type": random.choice(_TYPES), "entry": entries}


def request(
    body: bytes, *, method: str = "POST", path: str = "/fhir", extra: str = "", length: int | None = None
) -> bytes:
    """On the wire."""
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: halo\r\nAuthorization: Bearer {SECRET}\r\n"
        f"Content-Type: application/fhir+json\r\n{extra}Content-Length: {len(body) if length is None else length}\r\n\r\n"
    )
    return head.encode("latin-1") + body


def _json(tree: Any) -> bytes:
    return json.dumps(tree, ensure_ascii=False).encode("utf-8", "surrogatepass")


def good(random: Random) -> Mutant:
    """As it should be, or nearly."""
    return Mutant(name="good", request=request(_json(message(random))))


def torn(random: Random) -> Mutant:
    """Parts of the tree gone, doubled, of another type."""
    tree: Any = message(random)
    for _ in range(random.randrange(1, 5)):
        _tear(random, tree)
    return Mutant(name="torn", request=request(_json(tree)))


def _tear(random: Random, here: Any) -> None:
    while isinstance(here, dict | list) and here:
        key = random.choice(list(here) if isinstance(here, dict) else range(len(here)))
        if random.random() < 0.3 or not isinstance(here[key], dict | list):
            if random.random() < 0.3 and isinstance(here, dict):
                del here[key]
            else:
                here[key] = deepcopy(random.choice(_JUNK))
            return
        here = here[key]


def scratched(random: Random) -> Mutant:
    """Bytes changed, taken out, put in."""
    body = bytearray(_json(message(random)))
    for _ in range(random.randrange(1, 8)):
        at = random.randrange(len(body))
        body[at : at + random.randrange(3)] = random.choice(
            (b"", b"\x00", b'"', b"\xff", b"{", b"}", b"\\ud800", b",", b"\\")
        )
        if not body:
            break
    return Mutant(name="scratched", request=request(bytes(body)))


def cut_short(random: Random) -> Mutant:
    """The end of the body is missing, and its length says so."""
    body = _json(message(random))
    return Mutant(name="cut_short", request=request(body[: random.randrange(len(body))]))


def encoded(random: Random) -> Mutant:
    """In another encoding, with or without a mark, compressed by its word."""
    text = json.dumps(message(random), ensure_ascii=False)
    codec = random.choice(("utf-16", "utf-16-le", "latin-1", "utf-8-sig", "utf-32"))
    extra = random.choice(("", "Content-Encoding: gzip\r\n"))
    return Mutant(name="encoded", request=request(text.encode(codec, "replace"), extra=extra))


def doubled_keys(random: Random) -> Mutant:
    """A key that stands twice."""
    body = _json(message(random)).replace(b'"status"', b'"status": "final", "status"', 1)
    return Mutant(name="doubled_keys", request=request(body))


def misplaced(random: Random) -> Mutant:
    """Another address, another method, another token."""
    path = random.choice((
        "/fhir/Patient", "/fhir/Observation/" + "x" * 65, "/fhir/../etc/passwd", "/fhir/Observation/%00", "/fhir?x=1",
        "/", "/fhir/metadata", "/fhir/Observation/$everything", "/fhir/Observation/_search", "/FHIR", "*", "/fhir/%ff",
    ))  # fmt: skip
    method = random.choice(("GET", "PUT", "DELETE", "PATCH", "POST", "OPTIONS", "TRACE", "FOO"))
    return Mutant(name="misplaced", request=request(_json(message(random)), method=method, path=path))


def strange_heads(random: Random) -> Mutant:
    """Headers that are too long, twice, or say something else than the body."""
    extra = random.choice((
        "X-Long: " + "x" * 100_000 + "\r\n", "Transfer-Encoding: chunked\r\n", "Content-Length: 7\r\n", "Expect: 100-continue\r\n",
        "Authorization: Basic eDp5\r\n", "Upgrade: websocket\r\nConnection: Upgrade\r\n", "X: \xff\xfe\r\n", "Connection: close\r\n",
        "Accept: application/fhir+xml\r\n", "Bad Header\r\n", "Host: second\r\n",
    ))  # fmt: skip
    return Mutant(name="strange_heads", request=request(_json(message(random)), extra=extra), answered=False)


def no_http(random: Random) -> Mutant:
    """Bytes that are no request."""
    data = random.choice(
        (b"\x0bMSH|^~\\&|\x1c\r", b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", random.randbytes(200) + b"\r\n\r\n")
    )
    return Mutant(name="no_http", request=data, answered=False)


def left_early(random: Random) -> Mutant:
    """The length promises more than comes."""
    body = _json(message(random))
    return Mutant(name="left_early", request=request(body, length=len(body) + 1000), answered=False)


def deep(random: Random) -> Mutant:
    """Nested without end."""
    depth, opening = random.choice((900, 5000, 200_000)), random.choice((b'{"contained":', b"["))
    return Mutant(name="deep", request=request(b'{"resourceType":"Observation","contained":' + opening * depth))


def wide(random: Random) -> Mutant:
    """Many small parts."""
    piece = random.choice((b"{},", b"[],", b'{"resource":{}},', b"1,"))
    body = (
        b'{"resourceType":"Bundle","type":"batch","entry":[' + piece * random.choice((1000, 60_000, 400_000)) + b"{}]}"
    )
    return Mutant(name="wide", request=request(body))


def huge(random: Random) -> Mutant:
    """A text of 30 MB, or one just below the limit."""
    size = random.choice((HEAVY, 12 * 1024 * 1024))
    tree = {**resource(random), "note": [{"text": "NOTE"}]}
    return Mutant(name="huge", request=request(_json(tree).replace(b"NOTE", b"x" * size)))


Change = Callable[[Random], Mutant]
_LIGHT_ONES: tuple[Change, ...] = (
    good, good, torn, torn, torn, scratched, scratched, cut_short, encoded, doubled_keys, misplaced, strange_heads,
    no_http, left_early,
)  # fmt: skip
_HEAVY_ONES: tuple[Change, ...] = (deep, wide, huge)
