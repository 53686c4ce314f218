"""Results without a value whose words hold a number that looks CRITICAL: `3.95 H`, `>3.5 mmol/L`. Pure.

The number is not used, and the result stays without a value (result life cycle 3: any other text is `unparsed`). But
somebody must look: a clinician is called as for a held value (agreed behaviour 2, `services.ledger.unverified`).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from alerts.result import Result
from schemas.analytes import ANALYTES
from schemas.patient_event import LabReport
from services.mapping.report import value_text
from services.mapping.site import Site
from services.mapping.urgency import UNPARSED, looks_in, would_be


class AmongWords(msgspec.Struct, frozen=True, kw_only=True):
    """One of them, as sent."""

    result_id: str
    slot: str
    analyte: str
    laboratory: str
    value: str
    unit: str
    looks_in: tuple[str, ...]
    """In which units it would be CRITICAL: the one sent, or any allowed one where that says nothing."""


def critical(report: LabReport, results: Iterable[Result], site: Site) -> list[AmongWords]:
    """Of the results of this report those that look CRITICAL."""
    sent = {(one.where.segment, one.where.offset): one for one in report.results}
    found = []
    for result in results:
        one = sent.get((result.source.segment, result.source.offset)) if result.reason == UNPARSED else None
        if one is None:
            continue
        row, unit = ANALYTES[result.analyte], site.unit(one.laboratory, one.unit.strip())
        if would_be(row, one.value, unit) == "CRITICAL":
            found.append(AmongWords(
                result_id=result.result_id, slot=result.slot, analyte=row.id, laboratory=one.laboratory,
                value=value_text(one.value), unit=one.unit, looks_in=looks_in(row, one.value, unit, "", "CRITICAL"),
            ))  # fmt: skip
    return found
