"""One draw as an ORU^R01 of HL7 v2.5.1, the way a laboratory sends it."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from services.cli.ward.courses import Draw
from services.cli.ward.people import Person

ZONE = ZoneInfo("Europe/Ljubljana")
CODES = {
    "mspike": ("33358-3", "M-protein", "g/L", ""),
    "ca": ("2000-8", "Calcium", "mmol/L", "2.10-2.60"),
    "alb": ("1751-7", "Albumin", "g/L", "35-52"),
    "creat": ("14682-9", "Creatinine", "umol/L", "59-104"),
    "hb": ("718-7", "Haemoglobin", "g/L", "120-150"),
    "igg": ("2465-3", "IgG", "g/L", "7.0-16.0"),
    "igm": ("2472-9", "IgM", "g/L", "0.4-2.3"),
    "tp": ("2885-2", "Total protein", "g/L", "64-83"),
    "k": ("2823-3", "Potassium", "mmol/L", "3.8-5.5"),
    "plt": ("777-3", "Platelets", "10*9/L", "150-410"),
    "visc": ("3128-6", "Serum viscosity", "mPa.s", "1.4-1.8"),
}
"""Analyte -> LOINC code, name, unit, reference range of the made-up laboratory."""


def oru(person: Person, order: str, draw: Draw, collected: datetime, sent: datetime) -> bytes:
    """The message, segments ended by CR, in UTF-8. `order` is the filler order, unique a draw."""
    reported = min(collected + timedelta(minutes=40), sent)
    segments = [
        f"MSH|^~\\&|DEMOLAB|MADEUP|HALO|DEMO|{_time(sent)}||ORU^R01^ORU_R01|{order}|P|2.5.1||||||UNICODE UTF-8",
        f"PID|1||{person.number}^^^MADEUP^MR||{person.family}^{person.given}||{person.birth_date:%Y%m%d}|{person.sex}",
        f"PV1|1|I|{person.ward}^^{person.bed}",
        f"ORC|RE||{order}^DEMOLAB",
        f"OBR|1||{order}^DEMOLAB|MYE^Myeloma panel (made up)^L|||{_time(collected)}{'|' * 15}{_time(reported)}|||F",
        *(_obx(number, name, value) for number, (name, value) in enumerate(draw.values.items(), start=1)),
        f"SPM|1|{order}&DEMOLAB||119364003^Serum specimen^SCT|||||||||||||{_time(collected)}",
    ]
    return "".join(segment + "\r" for segment in segments).encode()


def _obx(number: int, name: str, value: str) -> str:
    code, label, unit, limits = CODES[name]
    return f"OBX|{number}|NM|{code}^{label}^LN||{value}|{unit}^{unit}^UCUM|{limits}||||F"


def _time(time: datetime) -> str:
    """The laboratory's wall clock with its offset, as such systems send it."""
    return time.astimezone(ZONE).strftime("%Y%m%d%H%M%S%z")
