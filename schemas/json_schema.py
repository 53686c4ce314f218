"""JSON Schema of the topics, made from the msgspec types: `python -m schemas.json_schema` writes `schemas/json/`.

Strict for producers: an object may hold no field that is not listed. Consumers ignore what they do not know.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from schemas.alert import Alert
from schemas.patient_event import Event

FOLDER = Path(__file__).parent / "json"
SCHEMAS = {
    "patient-event.v1.schema.json": (Event, "patient-events.v1: everything that can happen to a patient's record"),
    "alert.v1.schema.json": (Alert, "alerts.v1: the full state of an alert after each change"),
}
"""File name -> type and title."""


def render(name: str) -> str:
    """The text of one schema file."""
    type_, title = SCHEMAS[name]
    schema = msgspec.json.schema(type_)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:halo:{name}", "title": title}
    return msgspec.json.format(msgspec.json.encode({**head, **_strict(schema)}), indent=2).decode() + "\n"


def _strict(node: Any) -> Any:
    """Close every object that lists its properties; OpenAPI's `discriminator` is no JSON Schema keyword."""
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    closed = {key: _strict(value) for key, value in node.items() if key != "discriminator"}
    if isinstance(closed.get("properties"), dict) and closed.get("type") == "object":
        closed["additionalProperties"] = False
    return closed


def main() -> int:
    """Write all files; 1 when any of them changed."""
    changed = 0
    for name in SCHEMAS:
        path, text = FOLDER / name, render(name)
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            changed = 1
    return changed


if __name__ == "__main__":
    sys.exit(main())
