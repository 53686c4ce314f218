"""Bytes to a JSON tree in which every number is the text that was sent, and where in the bytes each entry stands.

`1.50` stays `1.50` (FHIR R4, datatypes, decimal: the precision counts). What two readers could take differently is
refused: a key that stands twice, NaN, half a surrogate pair, a control character inside a text.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

import msgspec

BOM = b"\xef\xbb\xbf"
Tree = dict[str, Any]
_WIDE = (b"\xff\xfe", b"\xfe\xff")
_ESCAPED = rb"(?<!\\)(?:\\\\)*\\u"
_CONTROL = re.compile(_ESCAPED + rb"00(?:0[0-8bcefBCEF]|1[0-9a-fA-F]|7[fF])")
_SURROGATE = re.compile(
    rb"(?<!\\)(?:\\\\)*(?:(?P<pair>\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


PARTS = 400_000
"""Of what is cheap to send and dear to hold; a report of a hundred results is some ten thousand."""


class NotJson(ValueError):
    """The bytes are no JSON object that can be read in one way only; the text says what to mend."""


@dataclass(frozen=True, slots=True)
class Span:
    """`data[offset : offset + length]`."""

    offset: int
    length: int


class _Entry(msgspec.Struct):
    resource: msgspec.Raw = msgspec.Raw()


class _Bundle(msgspec.Struct):
    entry: list[msgspec.Raw] = []


class _Parts(msgspec.Struct):
    component: list[msgspec.Raw] = []
    contained: list[msgspec.Raw] = []


def parse(data: bytes) -> Tree:
    """The object, numbers as text. Raises NotJson."""
    _check_bytes(data)
    try:
        tree = json.loads(
            data.removeprefix(BOM).decode("utf-8"), parse_float=str, parse_int=str, parse_constant=_no_number,
            object_pairs_hook=_each_once,
        )  # fmt: skip
    except RecursionError as error:
        raise NotJson("nested too deeply to be a FHIR resource") from error
    except UnicodeDecodeError as error:
        raise NotJson(f"not UTF-8 at byte {error.start}; FHIR JSON is UTF-8 always") from error
    except json.JSONDecodeError as error:
        raise NotJson(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    if not isinstance(tree, dict):
        raise NotJson("a FHIR resource is one JSON object")
    return tree


def _check_bytes(data: bytes) -> None:
    if data.startswith(_WIDE):
        raise NotJson("UTF-16; FHIR JSON is UTF-8 always")
    if data.removeprefix(BOM).lstrip()[:1] == b"<":
        raise NotJson("this is XML; send FHIR as JSON (application/fhir+json)")
    if sum(data.count(mark) for mark in b",[{") > PARTS:  # bytes; a document in base64 holds none of them
        raise NotJson(f"more than {PARTS} parts in one request; send several")
    if found := _CONTROL.search(data):
        raise NotJson(f"a control character in a text, at byte {found.start()}; FHIR strings hold none")
    if any(not found["pair"] for found in _SURROGATE.finditer(data)):
        raise NotJson("half of a surrogate pair in a text; no such character exists")


def _no_number(word: str) -> NoReturn:
    raise NotJson(f"{word} is no number in JSON")


def _each_once(pairs: list[tuple[str, Any]]) -> Tree:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]  # `add` gives None
        raise NotJson(f"{twice[:80]!r} stands twice in one object; which one counts nobody can know")
    return tree


def entry_spans(data: bytes) -> list[Span]:
    """Where each `Bundle.entry` stands. `data` was parsed before."""
    start = len(BOM) if data.startswith(BOM) else 0
    return _spans(msgspec.json.decode(memoryview(data)[start:], type=_Bundle).entry, data, start)


def part_spans(data: bytes, name: Literal["component", "contained"]) -> list[Span]:
    """Where each part of that name stands in the bytes of a resource."""
    start = len(BOM) if data.startswith(BOM) else 0
    parts = msgspec.json.decode(memoryview(data)[start:], type=_Parts)
    return _spans(parts.component if name == "component" else parts.contained, data, start)


def _spans(parts: list[msgspec.Raw], data: bytes, start: int) -> list[Span]:
    spans: list[Span] = []
    for raw in parts:
        piece = bytes(raw)
        offset = data.find(piece, start)  # between two of them stand a comma and blanks only
        spans.append(Span(offset, len(piece)))
        start = offset + len(piece)
    return spans


def resource_span(data: bytes, entry: Span) -> Span:
    """Where the resource of an entry stands; the entry itself when it holds none."""
    piece = data[entry.offset : entry.offset + entry.length]
    resource = bytes(msgspec.json.decode(piece, type=_Entry).resource)
    found = piece.find(resource) if resource else -1
    return Span(entry.offset + found, len(resource)) if found >= 0 else entry
