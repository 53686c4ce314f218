"""The alert's full state as `alerts.v1` and the channels carry it."""

from __future__ import annotations

import msgspec

from services.ledger.comparing import Change
from services.ledger.stored import Stored, StoredAlert

_encoder = msgspec.json.Encoder(decimal_format="string")


def announce(person: Stored, change: Change, alert: StoredAlert, reason: str) -> bytes:
    """One JSON object; `change` says what happened, `version` counts the changes."""
    state = msgspec.to_builtins(alert.state, builtin_types=(), str_keys=True)
    return _encoder.encode({
        **state, "patient_public_id": person.public_id, "condition": alert.condition, "response": alert.response,
        "version": alert.version, "change": change.kind, "reason": reason, "late": alert.late, "code": alert.code,
        "superseded_by": alert.superseded_by,
    })  # fmt: skip
