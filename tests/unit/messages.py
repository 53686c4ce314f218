"""Made-up HL7 v2 reports for playing the clinical vectors through the same door as real data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from click.testing import CliRunner

from schemas.analytes import ANALYTES
from services.cli.evaluate import command

ORIGIN = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
"""Day 0 of every made-up story."""
AUTHORITY = "HOSP"


def day(number: float | str) -> datetime:
    """So many days after ORIGIN; fractions and negative ones too."""
    return ORIGIN + timedelta(seconds=float(Decimal(str(number)) * 86400))


def stamp(moment: datetime) -> str:
    """As HL7 writes it."""
    return f"{moment:%Y%m%d%H%M%S}+0000"


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One result as its laboratory sends it."""

    patient: str
    code: str
    """LOINC, or an id of our own without one."""
    value: str = ""
    unit: str = ""
    status: str = "F"
    order: str = "O1"
    specimen: str = ""
    collected: datetime = ORIGIN
    date_only: bool = False
    reported: datetime | None = ORIGIN
    """OBR-22; None leaves it out."""
    sent: datetime | None = None
    """MSH-7, the reception in `halo evaluate`; as reported unless given."""
    method: str = ""
    reference: str = ""
    comment: str = ""
    condition: str = ""
    """SPM-24."""
    value_type: str = ""

    def message(self) -> str:
        """The message, segments ended by carriage returns."""
        sent = self.sent or self.reported or self.collected
        taken = f"{self.collected:%Y%m%d}" if self.date_only else stamp(self.collected)
        reported = "" if self.reported is None else stamp(self.reported)
        kind = self.value_type or ("NM" if self.value.replace(".", "", 1).isdigit() else "ST")
        segments = [
            rf"MSH|^~\&|LIS|LAB1|HALO|HOSP|{stamp(sent)}||ORU^R01^ORU_R01|{self.patient}|P|2.5.1",
            f"PID|1||{self.patient}^^^{AUTHORITY}^MR||Made-up^Person||19500102|F",
            f"OBR|1||{self.order}|PANEL|||{taken}|||||||||||||||{reported}|||{self.status}",
            (
                f"OBX|1|{kind}|{self.code}^^LN||{escaped(self.value)}|{escaped(self.unit)}|{self.reference}||||"
                f"{self.status}||||||{self.method}"
            ),
            *([f"NTE|1|L|{self.comment}"] if self.comment else []),
        ]
        if self.specimen or self.condition:
            segments.append(f"SPM|1|^{self.specimen}||SER||||||||||||||||||||{self.condition}")
        return "\r".join(segments) + "\r"


def escaped(text: str) -> str:
    """Delimiters of HL7 written as its escape sequences."""
    names = {"\\": "E", "|": "F", "^": "S", "&": "T", "~": "R"}
    return "".join(f"\\{names[letter]}\\" if letter in names else letter for letter in text)


def loinc(analyte: str) -> str:
    """A code of the analyte that the closed table takes."""
    return (ANALYTES[analyte].loinc or (analyte,))[0]


def evaluated(folder: Path, messages: Iterable[str], *options: object, name: str = "story.hl7") -> dict[str, Any]:
    """What `halo evaluate` prints of the messages, by patient number."""
    path = folder / name
    path.write_bytes("\n".join(messages).encode())
    done = CliRunner().invoke(command, [*(str(option) for option in options), str(path)])
    assert done.exit_code == 0, done.stderr
    assert done.stderr == ""
    lines = [msgspec.json.decode(line) for line in done.stdout.splitlines()]
    assert all("failed" not in line for line in lines)
    return {line["patient"].partition("|")[2]: line for line in lines}
