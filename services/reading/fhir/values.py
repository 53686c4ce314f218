"""`value[x]`, units, ranges and words of an Observation or component, as sent; nothing is converted or guessed."""

from __future__ import annotations

from schemas.analytes import ANALYTES
from schemas.patient_event import Absent, Coded, Coding, Text, Value
from schemas.patient_event import Quantity as Number
from schemas.units import canonical_spelling, scales
from services.reading.fhir.faults import Invalid
from services.reading.fhir.types import Concept, Quantity, Range, Ratio, Valued

UCUM = frozenset({"http://unitsofmeasure.org", "urn:oid:2.16.840.1.113883.6.8"})
_NORMAL = "normal"
_KINDS = tuple(name for name in Valued.__struct_fields__ if name.startswith("value_"))


def read_value(of: Valued) -> Value:
    """Raises Invalid for two values, or a value beside the reason why there is none (FHIR invariant obs-6)."""
    kinds = [name for name in _KINDS if getattr(of, name) is not None]
    if len(kinds) > 1:
        raise Invalid("structure", f"more than one value[x]: {', '.join(map(_camel, kinds))}", "value")
    reason = _word(of.data_absent_reason) if of.data_absent_reason is not None else ""
    if not kinds:
        return Absent(reason=reason)
    if of.data_absent_reason is not None:
        raise Invalid("invariant", f"a {_camel(kinds[0])} and a dataAbsentReason ({reason}) contradict", "value")
    return _value(of)


def _value(of: Valued) -> Value:  # noqa: PLR0911 - one return a type of value
    if of.value_quantity is not None:
        return _number(of.value_quantity)
    if of.value_codeable_concept is not None:
        return _coded(of.value_codeable_concept)
    if of.value_integer is not None:
        return Number(number=of.value_integer)
    if of.value_range is not None:
        return Text(text=_range(of.value_range))
    if of.value_ratio is not None:
        return Text(text=_ratio(of.value_ratio))
    if of.value_period is not None:
        return Text(text=f"{of.value_period.start} - {of.value_period.end}")
    if of.value_boolean is not None:
        return Text(text=str(of.value_boolean).lower())
    if of.value_sampled_data is not None:
        return Text(text=of.value_sampled_data.data)
    return Text(text=of.value_string or of.value_time or of.value_date_time or "")


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def _number(quantity: Quantity) -> Value:
    """A comparator alone is no value."""
    return Number(number=quantity.value, comparator=quantity.comparator) if quantity.value else Absent()


def _coded(concept: Concept) -> Value:
    codings = read_codings(concept)
    return Coded(codings=codings) if concept.coding and codings else Text(text=concept.text)


def _range(range_: Range) -> str:
    low, high = (side.comparator + side.value if side else "" for side in (range_.low, range_.high))
    return f"{low} - {high}" if low and high else f">= {low}" if low else f"<= {high}"


def _ratio(ratio: Ratio) -> str:
    """`1:128`; a ratio is no single number."""
    parts = (f"{side.comparator}{side.value}" if side else "" for side in (ratio.numerator, ratio.denominator))
    return ":".join(parts)


def read_codings(concept: Concept) -> tuple[Coding, ...]:
    """All codings with a code; the text stands for one where there is none, as a laboratory's own word."""
    found = tuple(Coding(code=one.code, system=one.system, display=one.display) for one in concept.coding if one.code)
    return found or ((Coding(code=concept.text, display=concept.text),) if concept.text else ())


def _word(concept: Concept) -> str:
    return next((one.code for one in concept.coding if one.code), concept.text)


def read_unit(of: Valued) -> str:
    """The unit as sent: the UCUM code, else the text, else a code of another system."""
    if of.value_quantity is not None:
        return unit_of(of.value_quantity)
    if of.value_range is not None:
        side = of.value_range.low or of.value_range.high
        return unit_of(side) if side else ""
    return ""


def unit_of(quantity: Quantity) -> str:
    """Where code and text are two different units both are given as one text: nobody accepts it, a person decides."""
    if quantity.system in UCUM and quantity.code:
        if quantity.unit and _contradict(quantity.code, quantity.unit):
            return f"{quantity.code} ({quantity.unit})"
        return quantity.code
    return quantity.unit or quantity.code


def _contradict(code: str, unit: str) -> bool:
    """Both are units that some analyte accepts, and no analyte takes them for the same."""
    one, other = canonical_spelling(code), canonical_spelling(unit)
    if one == other or not (_known(one) and _known(other)):
        return False
    both = ((scales(name).get(one), scales(name).get(other)) for name in ANALYTES)
    return not any(a is not None and b is not None and a.factor == b.factor for a, b in both)


def _known(unit: str) -> bool:
    return any(unit in scales(name) for name in ANALYTES)


def read_reference_range(of: Valued) -> str:
    """The only range, or the only normal one, as OBX-7 would write it; of several that apply to whom "" : no guess."""
    found = [one for one in of.reference_range if not one.type.coding or _word(one.type) == _NORMAL]
    if len(found) != 1:
        return ""
    low, high = found[0].low, found[0].high
    if not (low and low.value) and not (high and high.value):
        return found[0].text
    unit = next((unit_of(side) for side in (low, high) if side and unit_of(side)), "")
    text = _limits(low.value if low else "", high.value if high else "")
    return text if unit in ("", read_unit(of)) else f"{text} {unit}"


def _limits(low: str, high: str) -> str:
    if low and high:
        return f"{low}-{high}"
    return f">={low}" if low else f"<={high}"


def read_flags(of: Valued) -> tuple[str, ...]:
    """Interpretation codes (H, L, HH, ...), as OBX-8."""
    return tuple(flag for flag in map(_word, of.interpretation) if flag)


def read_method(method: Concept | None) -> str:
    """Code of the method, else its text, as OBX-17."""
    return _word(method) if method is not None else ""
