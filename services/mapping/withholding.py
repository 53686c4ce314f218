"""A mapped report of which nothing is taken, because it may be about somebody else: every result is quarantined."""

from __future__ import annotations

from typing import Literal

import msgspec

from alerts.result import Result
from schemas.analytes import ANALYTES
from schemas.patient_event import LabReport, Quantity, ReportedResult
from services.mapping.mapped import Mapped, Quarantined
from services.mapping.report import value_text
from services.mapping.urgency import UNPARSED, would_be


def withhold(report: LabReport, mapped: Mapped, reason: str, detail: str) -> Mapped:
    """What was ignored stays so; all else waits for this one reason, also what is in doubt for another one besides.

    `would_be` follows from the value as it was understood: nobody has doubts of the number, only of whose it is.
    """
    places = {(sent.where.segment, sent.where.offset): index for index, sent in enumerate(report.results)}
    found = [
        _held(index, report.results[index], result, reason, detail)
        for result in mapped.results
        if "derived" not in result.flags
        and (index := places.get((result.source.segment, result.source.offset))) is not None
    ]
    besides = [
        msgspec.structs.replace(item, reason=reason, detail=f"{detail}; besides {item.reason}", not_before=None)
        for item in mapped.quarantined
    ]
    everything = sorted([*besides, *found], key=lambda item: item.index)
    return Mapped(results=(), quarantined=tuple(everything), ignored=mapped.ignored)


def _held(index: int, sent: ReportedResult, result: Result, reason: str, detail: str) -> Quarantined:
    first, looks = sent.code[0] if sent.code else None, _urgency(sent, result)
    return Quarantined(
        reason=reason, index=index, code=first.code if first else "", system=first.system if first else "",
        display=first.display if first else "", laboratory=sent.laboratory, analyte=result.analyte,
        value=value_text(sent.value), unit=sent.unit, status=sent.status, segment=sent.where.segment,
        collected_at=sent.collected_at, detail=detail, would_be=looks, slot=result.slot,
        looks_in=(sent.unit or result.unit,) if looks else (),
    )  # fmt: skip


def _urgency(sent: ReportedResult, result: Result) -> Literal["", "HIGH", "CRITICAL"]:
    if result.reason == UNPARSED:
        return would_be(ANALYTES[result.analyte], sent.value, sent.unit)
    if result.value is None:
        return ""
    number = Quantity(number=format(result.value, "f"), comparator=result.comparator or "")
    return would_be(ANALYTES[result.analyte], number, result.unit)
