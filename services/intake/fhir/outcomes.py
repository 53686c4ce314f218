"""Answers in FHIR: OperationOutcome, and a Bundle of responses. Never a name, a value or a trace of ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import msgspec

from services.reading.fhir.faults import Fault
from services.reading.fhir.reading import EntryRead, Reading

FHIR_JSON = b"application/fhir+json; charset=utf-8"
_BATCH = "batch-response"
_MOST = 500
"""Issues in one answer."""
STORED = "stored; what Halo does not understand in it waits for the hospital's data steward"
IGNORED = "read where a result names it; nothing of its own is stored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    type: str = ""
    """Of the resource that was sent, for counting."""

    def encoded(self) -> bytes:
        """As bytes."""
        return msgspec.json.encode(self.body)


def outcome(*issues: dict[str, Any]) -> dict[str, Any]:
    """An OperationOutcome."""
    return {"resourceType": "OperationOutcome", "issue": list(issues[:_MOST])}


def issue(code: str, text: str, *, severity: str = "error", expression: str = "") -> dict[str, Any]:
    """One issue of it."""
    made: dict[str, Any] = {"severity": severity, "code": code, "details": {"text": text}}
    return {**made, "expression": [expression]} if expression else made


def failure(status: int, code: str, text: str, **headers: str) -> Answer:
    """An answer of one issue."""
    named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    return Answer(status=status, body=outcome(issue(code, text)), headers=named)


def refusal(reading: Reading) -> Answer:
    """Nothing was taken: every fault with its place."""
    status = HTTPStatus.BAD_REQUEST if reading.not_json else HTTPStatus.UNPROCESSABLE_ENTITY
    return Answer(status=status, body=outcome(*_issues(reading.all_faults)), type=reading.type)


def _issues(faults: Iterable[Fault]) -> list[dict[str, Any]]:
    return [issue(fault.code, fault.text, expression=fault.expression) for fault in faults]


def taken(reading: Reading, *, created: bool) -> Answer:
    """Stored: of a resource alone an OperationOutcome, of a Bundle a Bundle with one response an entry."""
    if reading.bundle or reading.type == "Bundle":
        kind = "transaction-response" if reading.bundle == "transaction" else _BATCH
        entries = [{"response": _response(entry)} for entry in reading.entries]
        return Answer(
            status=HTTPStatus.OK, type=reading.type,
            body={"resourceType": "Bundle", "type": kind, **({"entry": entries} if entries else {})},
        )  # fmt: skip
    ignored = all(entry.ignored for entry in reading.entries)
    status = HTTPStatus.CREATED if created and not ignored else HTTPStatus.OK
    return Answer(status=status, body=_said(IGNORED if ignored else STORED), type=reading.type)


def _said(text: str) -> dict[str, Any]:
    return outcome(issue("informational", text, severity="information"))


def _response(entry: EntryRead) -> dict[str, Any]:
    if entry.faults:
        return {"status": "422 Unprocessable Entity", "outcome": outcome(*_issues(entry.faults))}
    if entry.ignored:
        return {"status": "200 OK", "outcome": _said(IGNORED)}
    return {"status": "200 OK" if entry.method == "PUT" else "201 Created", "outcome": _said(STORED)}


def unavailable(reading: Reading, confirmed: frozenset[str]) -> Answer:
    """Cannot be stored now; says which entries were all the same, so that nobody believes all lost, or all stored."""
    stored = [entry for entry in reading.entries if entry.event_ids and set(entry.event_ids) <= confirmed]
    text = "cannot be stored at the moment; send the same request again, what was stored already is recognised"
    said = [
        issue("informational", f"entry {entry.number} was stored", severity="information",
              expression=f"Bundle.entry[{entry.number - 1}]")
        for entry in stored if reading.bundle
    ]  # fmt: skip
    return Answer(
        status=HTTPStatus.SERVICE_UNAVAILABLE, body=outcome(issue("transient", text), *said),
        headers={"retry-after": "5"}, type=reading.type,
    )  # fmt: skip
