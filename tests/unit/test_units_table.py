"""The closed table of units is the one of the clinical specification (analytes 2), to the letter; all else is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest

from schemas.analytes import ANALYTES
from schemas.errors import UnitRefused
from schemas.patient_event import Quantity
from schemas.units import ALIASES, convert, scales
from services.mapping.report import map_report
from tests.unit.reports import report, result

ACCEPTED = {
    "mspike": "g/L 1; g/dL 10; mg/dL 0.01", "mpct": "% 1", "umprot": "mg/(24.h) 1; g/(24.h) 1000",
    "flck": "mg/L 1; mg/dL 10", "flcl": "mg/L 1; mg/dL 10", "flc_ratio": "{ratio} 1",
    "ca": "mmol/L 1; mg/dL 0.2495; meq/L 0.5", "ca_adj": "mmol/L 1; mg/dL 0.2495", "ica": "mmol/L 1; mg/dL 0.2495",
    "alb": "g/L 1; g/dL 10; umol/L 0.0665", "creat": "umol/L 1; mg/dL 88.4; mmol/L 1000",
    "egfr": "mL/min/{1.73_m2} 1", "hb": "g/L 1; g/dL 10; mmol/L 16.11",
    "igg": "g/L 1; mg/dL 0.01; mg/L 0.001", "iga": "g/L 1; mg/dL 0.01; mg/L 0.001",
    "igm": "g/L 1; mg/dL 0.01; mg/L 0.001", "igg3": "g/L 1; mg/dL 0.01", "tp": "g/L 1; g/dL 10",
    "visc": "mPa.s 1; cP 1; {ratio} 1", "b2m": "mg/L 1; ug/mL 1; nmol/L 0.0118", "ldh": "U/L 1; ukat/L 60",
    "urate": "umol/L 1; mg/dL 59.48", "neut": "10*9/L 1; 10*3/uL 1; /uL 0.001", "plt": "10*9/L 1; 10*3/uL 1",
    "k": "mmol/L 1; meq/L 1", "phos": "mmol/L 1; mg/dL 0.3229",
}  # fmt: skip
SPELLED = {
    "g/L": "g/l", "g/dL": "g/dl", "mg/L": "mg/l", "mg/dL": "mg/dl", "mmol/L": "mmol/l",
    "umol/L": "umol/l µmol/L μmol/L mcmol/L", "mg/(24.h)": "mg/24h mg/d", "g/(24.h)": "g/24h g/d",
    "mL/min/{1.73_m2}": "mL/min/1.73m2 mL/min/1,73m2", "mPa.s": "mPa·s",
    "10*9/L": "x10*9/L 10^9/L x10^9/L 10E9/L G/L", "10*3/uL": "K/uL 10^3/uL", "ukat/L": "µkat/L μkat/L",
    "U/L": "IU/L", "meq/L": "mEq/L",
}  # fmt: skip


def test_accepted_units_and_factors_are_exactly_those_of_the_specification() -> None:
    for name, written in ACCEPTED.items():
        expected = {unit: Decimal(factor) for unit, factor in (pair.rsplit(" ", 1) for pair in written.split("; "))}
        assert {unit: scale.factor for unit, scale in scales(name).items()} == expected, name


def test_aliases_are_exactly_those_of_the_specification() -> None:
    assert {alias: unit for unit, all_ in SPELLED.items() for alias in all_.split()} == dict(ALIASES)


STRANGE = [
    "",
    "MMOL/L",
    "mmol",
    "mmol/l ",
    "mMol/L",
    "mol/L",
    "g",
    "mg%",
    "mg/100mL",
    "g/100ml",
    "UMOL/L",
    "GL",
    "x10^9",
    "%",
]


@pytest.mark.parametrize("name", [row.id for row in ANALYTES.values() if row.kind == "number" and row.id in ACCEPTED])
def test_an_unknown_or_missing_unit_is_refused_for_every_analyte(name: str) -> None:
    for unit in (unit for unit in STRANGE if unit not in scales(name)):
        with pytest.raises(UnitRefused) as refused:
            convert(name, "5", unit)
        assert refused.value.reason == ("unit_missing" if not unit else "unit_not_allowed")


@pytest.mark.parametrize("value", ["2.9", "0", "<2.9"])
def test_a_value_without_a_unit_is_quarantined_even_a_zero(value: str) -> None:
    number, comparator = value.lstrip("<"), value[: len(value) - len(value.lstrip("<"))]

    mapped = map_report(report(result("2000-8", Quantity(number=number, comparator=comparator), "")))
    assert ([item.reason for item in mapped.quarantined], mapped.results) == (["unit_missing"], ())
