"""The alert's full state as `alerts.v1` carries it, and as a channel is given it."""

from __future__ import annotations

import msgspec

from schemas.alert import Alert, Summary
from services.ledger.comparing import Change
from services.ledger.stored import Stored, StoredAlert
from services.shared.rule_pack import Status

_encoder = msgspec.json.Encoder(decimal_format="string")


def announce(
    person: Stored, change: Change, alert: StoredAlert, *, site_version: str, made_up: bool, status: Status
) -> Alert:
    """The record; the head of the alert log is added when the log is written."""
    s = alert.state
    return Alert(
        alert_id=alert.alert_id, version=alert.version, change=change.kind, patient=person.patient,
        patient_ref=person.public_id, family=s.family, rule=s.rule, level=s.level, severity=s.severity.value,
        condition=alert.condition, flags=s.flags, opened_at=s.opened_at, regraded_at=s.regraded_at,
        cleared_at=s.cleared_at, analyte=s.analyte, value=s.value, unit=s.unit,
        summary=Summary(en=s.summary["en"], sl=s.summary["sl"]),
        reasons=msgspec.to_builtins(s.reasons, str_keys=True), results=s.results, rule_pack=s.rule_pack,
        rule_pack_status=status,
        site_version=site_version, late=alert.late, superseded_by=alert.superseded_by or "",
        supersedes=tuple(sorted(old.alert_id for old in change.predecessors)), made_up=made_up,
    )  # fmt: skip


def for_channel(record: Alert, before: StoredAlert | None, alert: StoredAlert, reason: str) -> bytes:
    """What a channel is given: the record, what a person needs who is called, and what was said before.

    Of another patient's result (its value is gone from the state) nothing is repeated.
    """
    hidden = before is None or (alert.condition == "retracted" and alert.state.value != before.state.value)
    more = {
        "code": alert.code, "response": alert.response, "reason": reason, "sampled_at": alert.state.sampled_at,
        "delivery": alert.state.delivery,
        "before": None if before is None or hidden else {
            "severity": before.state.severity, "value": before.state.value, "summary": before.state.summary,
        },
    }  # fmt: skip
    return _encoder.encode({**msgspec.structs.asdict(record), **more})
