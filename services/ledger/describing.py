"""One person as `halo evaluate` prints it (design 4.4). Pure; the same for events in memory and for the stored ones."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from alerts.alert import AlertState
from alerts.evaluate import evaluate
from alerts.result import Result, Status
from alerts.rule import View
from alerts.rules import RULES

_WORDS = {
    Status.FINAL: "final", Status.CORRECTED: "corrected", Status.AMENDED: "amended", Status.DELETED: "deleted",
    Status.WRONG_PATIENT: "wrong_patient", Status.PRELIMINARY: "preliminary", Status.RESULTS_ENTERED: "preliminary",
    Status.PARTIAL: "preliminary", Status.PROMOTED: "final", Status.APPENDED: "appended", Status.VERIFIED: "verified",
    Status.NO_VALUE: "no_value", Status.PENDING: "pending", Status.ORDER_DETAIL: "order_detail",
    Status.NOT_ASKED: "not_asked",
}  # fmt: skip
_encoder = msgspec.json.Encoder(decimal_format="string")


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A quarantined result, with what orders it."""

    event_id: str
    segment: int
    reason: str
    code: str
    value: str
    unit: str
    slot: str = ""
    received_at: datetime = datetime.min.replace(tzinfo=UTC)

    @property
    def order(self) -> tuple[str, int, str, str]:
        """Independent of arrival."""
        return (self.event_id, self.segment, self.code, self.reason)


def line(
    view: View, held: Iterable[Held], alerts: Iterable[AlertState] | None = None, *, as_of: datetime | None
) -> bytes:
    """A JSON object without a newline. `alerts`: the stored ones; None makes them of the view."""
    found = evaluate(view, RULES)
    states = found.alerts if alerts is None else sorted(alerts, key=lambda a: (a.rule, a.opened_at, a.alert_id))
    return _encoder.encode({
        "patient": view.patient, "as_of": as_of, "rule_pack": view.pack.version,
        "results": [_result(result) for result in winners(view)],
        "derived": found.derived,
        "alerts": [_alert(state) for state in states],
        "undetermined": found.undetermined,
        "quarantined": [_held(item) for item in sorted(held, key=lambda item: item.order)],
    } | ({"failed": found.failed} if found.failed else {}))  # fmt: skip


def winners(view: View) -> list[Result]:
    """The version that counts of every measurement that was not withdrawn, in collection order."""
    found = [m.winner for analyte in view.series.analytes for m in view.series.measurements(analyte) if not m.withdrawn]
    return sorted(found, key=lambda r: (r.collected_at, r.analyte, r.result_id))


def _result(result: Result) -> dict[str, Any]:
    return {
        "analyte": result.analyte, "value": result.value, "unit": result.unit, "comparator": result.comparator,
        "coded": result.coded or None, "quality": result.quality, "collected_at": result.collected_at,
        "status": _WORDS[result.status], "result_id": result.result_id,
    }  # fmt: skip


def _alert(state: AlertState) -> dict[str, Any]:
    return {
        "alert_id": state.alert_id, "family": state.family, "rule": state.rule, "level": state.level,
        "severity": state.severity, "condition": state.condition, "flags": state.flags, "opened_at": state.opened_at,
        "regraded_at": state.regraded_at, "summary": state.summary, "reasons": state.reasons,
    }  # fmt: skip


def _held(item: Held) -> dict[str, Any]:
    return {
        "reason": item.reason, "code": item.code, "value": item.value, "unit": item.unit, "segment": item.segment,
    }  # fmt: skip
