"""ORU and OUL to reported results: which field each part comes from is the integrator's table (docs/integrator.md)."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.patient_event import ReportedResult, Where
from services.reading.fields import Row
from services.reading.header import Header
from services.reading.orders import Observation, Order, group_orders
from services.reading.segments import Segment, cut
from services.reading.timestamps import to_iso
from services.reading.values import read_codings, read_unit, read_value


def read_results(raw: bytes, header: Header) -> tuple[ReportedResult, ...]:
    """Every OBX of `raw` in the order sent, each with its place in `raw`."""
    rows = (Row(segment, header.dialect) for segment in _segments(raw, header))
    orders = group_orders(rows, (header.type, header.trigger))
    return tuple(_result(observation, order, header) for order in orders for observation in order.observations)


def _segments(raw: bytes, header: Header) -> Sequence[Segment]:
    """Cut anew only where `raw` is a part of the message: places count within `raw`."""
    return header.segments if raw is header.message else cut(raw, header.dialect.field)


def _result(observation: Observation, order: Order, header: Header) -> ReportedResult:
    row = observation.row
    specimens = order.specimens_of(observation)
    times = _times(row, order, specimens)
    collected_at, collected_from = next(((at, name) for name, at in times.items()), ("", ""))
    return ReportedResult(
        code=read_codings(row.first(3)),
        status=row.component(11),
        value=read_value(row),
        where=_where(row.segment),
        laboratory=row.component(23) or row.component(15) or header.facility,
        filler_order=_of(order.request, 3) or _of(order.common, 3),
        placer_order=_of(order.request, 2) or _of(order.common, 2),
        accession=_same([_of(specimen, 30) for specimen in specimens]),
        specimen=_same([_specimen_id(specimen) for specimen in specimens]),
        specimen_conditions=_conditions(specimens),
        sub_id=row.first(4).text(),
        collected_at=collected_at,
        collected_from=collected_from,
        collection_times=times if len(set(times.values())) > 1 else {},
        analysed_at=to_iso(row.component(19)),
        reported_at=to_iso(_of(order.request, 22)),
        unit=read_unit(row),
        value_type=row.component(2),
        reference_range=row.first(7).text(),
        method=_method(row),
        flags=tuple(flag for flag in (field.component(1) for field in row.repeats(8)) if flag),
        comments=_comments(observation, order),
        parent_order=_parent_order(order),
        parent_result=order.request.first(26).text() if order.request and order.request.raw(26) else "",
    )


def _where(segment: Segment) -> Where:
    return Where(segment=segment.number, offset=segment.offset, length=segment.length)


def _of(row: Row | None, number: int) -> str:
    return row.component(number) if row else ""


def _times(row: Row, order: Order, specimens: list[Row]) -> dict[str, str]:
    """SPM-17, OBR-7, OBX-14 as far as they are sent; the first counts unless the laboratory's entry says otherwise.

    One that is sent but is no time is "" under its name: taking the next field would be a guess.
    """
    sources = (
        ("SPM-17", _same([_of(specimen, 17) for specimen in specimens])),
        ("OBR-7", _of(order.request, 7)),
        ("OBX-14", row.component(14)),
    )
    return {name: to_iso(text) for name, text in sources if text.strip()}


def _parent_order(order: Order) -> str:
    """OBR-29: the filler's number of the order that this one came out of (a culture), else the placer's."""
    if order.request is None or not order.request.raw(29):
        return ""
    parent = order.request.first(29)
    return parent.subcomponent(2, 1) or parent.subcomponent(1, 1)


def _same(texts: list[str]) -> str:
    """What all specimens agree on; several that differ say nothing about one observation."""
    return texts[0] if len(set(texts)) == 1 else ""


def _specimen_id(specimen: Row) -> str:
    """SPM-2: the filler's id, else the placer's."""
    pair = specimen.first(2)
    return pair.subcomponent(2, 1) or pair.subcomponent(1, 1)


def _conditions(specimens: list[Row]) -> tuple[str, ...]:
    """SPM-24 of all of them: where it is unclear which one was haemolysed, each may have been."""
    codes = [field.component(1) for specimen in specimens for field in specimen.repeats(24)]
    return tuple(dict.fromkeys(code for code in codes if code))


def _method(row: Row) -> str:
    names = [field.component(1) or field.component(2) for field in row.repeats(17)]
    return "; ".join(name for name in names if name)


def _comments(observation: Observation, order: Order) -> tuple[str, ...]:
    texts = ("\n".join(field.text() for field in note.repeats(3)) for note in [*observation.notes, *order.notes])
    return tuple(text for text in texts if text.strip())
