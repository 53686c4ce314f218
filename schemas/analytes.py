"""The closed table of analytes (`analytes.toml`): codes, units, limits, traps, each number with its source."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

import msgspec

from schemas.errors import UnknownAnalyte

LOINC_SYSTEMS = frozenset({"LN", "LOINC", "http://loinc.org", "urn:oid:2.16.840.1.113883.6.1", "2.16.840.1.113883.6.1"})
"""Every way LOINC is named as a code system (HL7 table 0396, FHIR, its OID)."""
OWN_SYSTEMS = frozenset({"HALO", "99HALO"})
"""Code systems in which the code is the analyte's id itself."""


class _Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line of the table; a misspelt key is an error."""


class Number(_Row, frozen=True, kw_only=True):
    """A single number with its unit and source."""

    value: Decimal
    unit: str = ""
    source: str


class Limits(_Row, frozen=True, kw_only=True):
    """Inclusive limits on the canonical value."""

    low: Decimal | None = None
    high: Decimal | None = None
    source: str


class Unit(_Row, frozen=True, kw_only=True):
    """An accepted unit: reported number x factor = canonical value, exactly."""

    unit: str
    factor: Decimal
    flag: str = ""
    source: str


class Trap(_Row, frozen=True, kw_only=True):
    """A range of numbers in `unit` that are another unit's; applies to the number as reported."""

    unit: str
    from_: Decimal | None = msgspec.field(default=None, name="from")
    above: Decimal | None = None
    to: Decimal | None = None
    below: Decimal | None = None
    reason: str
    source: str

    def holds(self, number: Decimal) -> bool:
        """True when the number looks like another unit's."""
        return not (
            (self.from_ is not None and number < self.from_)
            or (self.above is not None and number <= self.above)
            or (self.to is not None and number > self.to)
            or (self.below is not None and number >= self.below)
        )


class Never(_Row, frozen=True, kw_only=True):
    """A LOINC code that must not be read as this analyte; `locally`: a site file may map it all the same."""

    code: str
    reason: str
    locally: bool = False
    source: str


class Urgent(_Row, frozen=True, kw_only=True):
    """From when a canonical value would raise HIGH or CRITICAL on its own."""

    operator: Literal[">", ">=", "<", "<="]
    value: Decimal
    severity: Literal["HIGH", "CRITICAL"]
    source: str


class Analyte(_Row, frozen=True, kw_only=True):
    """One analyte. `unit` is canonical; `id` is its key in the table."""

    id: str = ""
    kind: Literal["number", "immunofixation", "text"] = "number"
    en: str
    sl: str
    loinc: tuple[str, ...] = ()
    bands: tuple[str, ...] = ()
    """Those of one band of several: the quantity is at least that."""
    never: tuple[Never, ...] = ()
    unit: str = ""
    units: tuple[Unit, ...] = ()
    per_volume: tuple[str, ...] = ()
    """Units that need the 24 h volume to become canonical."""
    ratios: tuple[str, ...] = ()
    """Units stored and shown, never compared (NOT_FOR_IMWG)."""
    hard: Limits | None = None
    soft: Limits | None = None
    traps: tuple[Trap, ...] = ()
    reference: Limits | None = None
    """Limits of normal where the specification gives them; the laboratory's own go first."""
    loq: Number | None = None
    """Limit of quantification where the laboratory gives none, canonical unit."""
    rcv_percent: Number | None = None
    """Symmetric reference change value at 95 %."""
    urgent: tuple[Urgent, ...] = ()


class Consistency(_Row, frozen=True, kw_only=True):
    """Numbers of the checks within one draw and one message."""

    globulin_margin: Number
    ratio_percent: Number
    future_minutes: Number
    haemolysis_index: Number


class Table(_Row, frozen=True, kw_only=True):
    """The whole file."""

    version: str
    consistency: Consistency
    aliases: dict[str, str]
    analyte: dict[str, Analyte]


def _load() -> Table:
    text = files("schemas").joinpath("analytes.toml").read_text("utf-8")
    table = msgspec.convert(tomllib.loads(text), Table, strict=True)
    named = {name: msgspec.structs.replace(row, id=name) for name, row in table.analyte.items()}
    return msgspec.structs.replace(table, analyte=named)


TABLE = _load()
ANALYTES = MappingProxyType(TABLE.analyte)
"""Every analyte by id."""
BY_LOINC = MappingProxyType({code: row.id for row in ANALYTES.values() for code in row.loinc})
NEVER = MappingProxyType({never.code: never for row in ANALYTES.values() for never in row.never})


def analyte(name: str) -> Analyte:
    """The row of an id. Raises UnknownAnalyte."""
    row = ANALYTES.get(name)
    if row is None:
        raise UnknownAnalyte(f"{name!r} is not in schemas/analytes.toml; it lists {', '.join(sorted(ANALYTES))}")
    return row
