"""After a change: who is told, why or why not, and the rows that say so (deliveries, alerts.v1, log, screens)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from alerts import deciding
from alerts.deciding import Decision
from schemas.identity import stable_id
from services.ledger import changing
from services.ledger.announcing import announce, for_channel
from services.ledger.comparing import Change
from services.ledger.deciding import decide
from services.ledger.journal import Entry
from services.ledger.stored import Stored, StoredAlert
from services.ledger.writes import Writes, alert_row
from services.shared.channels import Channel


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """The event that made the change."""

    event_id: str | None
    received_at: datetime
    history: bool = False
    kind: deciding.Cause = "sample"


class Teller:
    """Turns changes into rows. Holds the configured channels and the version of the site file."""

    def __init__(self, channels: tuple[Channel, ...], site_version: str, *, made_up: bool = False) -> None:
        self._channels = tuple(sorted((channel.name, channel.recipient) for channel in channels))
        self._site_version, self._made_up = site_version, made_up

    def tell(self, person: Stored, change: Change, cause: Cause, writes: Writes) -> StoredAlert:
        """Collect every row of the change and keep the alert's new form in `person`."""
        after = changing.apply(change, person.root, person.series, cause.received_at)
        decision = decide(change, after, cause=cause.kind, history=cause.history, now=datetime.now(UTC))
        record = announce(person, change, after, site_version=self._site_version, made_up=self._made_up)
        if decision.send:
            body = for_channel(record, after, decision.reason, change.before)
            after = self._deliver(change, after, decision, body, cause, writes)
        person.alerts[after.alert_id] = after
        writes.alerts[after.alert_id] = alert_row(after, self._site_version, cause.event_id, cause.received_at)
        writes.announcements.append((len(writes.journal), record))
        writes.journal.append(_entry(change, after, decision, cause))
        writes.live["alert", person.root, after.alert_id] = None
        return after

    def _deliver(
        self, change: Change, after: StoredAlert, decision: Decision, body: bytes, cause: Cause, writes: Writes
    ) -> StoredAlert:
        recipients = after.told if decision.only_told else self._channels
        for channel, recipient in recipients:
            identity = stable_id("delivery", after.alert_id, str(after.version), channel, recipient)
            writes.deliveries.append((
                identity, after.alert_id, after.version, after.patient_id, channel, recipient, change.kind,
                decision.reason, body, cause.received_at,
            ))  # fmt: skip
        return told(after, recipients)


def told(alert: StoredAlert, recipients: tuple[tuple[str, str], ...]) -> StoredAlert:
    """`alert` as last notified: later values are compared with this one."""
    if not recipients:
        return alert
    return msgspec.structs.replace(
        alert, told=tuple(sorted({*alert.told, *recipients})), told_at=datetime.now(UTC),
        told_severity=str(alert.state.severity), told_value=alert.state.value, told_level=alert.state.level,
        told_analyte=alert.state.analyte, told_sampled_at=alert.state.sampled_at,
    )  # fmt: skip


def _entry(change: Change, after: StoredAlert, decision: Decision, cause: Cause) -> Entry:
    payload: dict[str, Any] = {
        "level": after.state.level, "severity": str(after.state.severity), "condition": after.condition,
        "summary": after.state.summary, "event_id": cause.event_id or "", "rule_pack": after.state.rule_pack,
        "notify": "yes" if decision.send else "no", "reason": decision.reason,
        "superseded_by": after.superseded_by or "",
    }  # fmt: skip
    return Entry(
        chain=after.patient_id, kind=change.kind, alert_id=after.alert_id, alert_version=after.version,
        actor="halo", payload=payload,
    )  # fmt: skip
