"""Site files, `halo site ...` and reports by local codes for tests. All made up."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import msgspec
from click.testing import CliRunner, Result

from schemas.identity import event_id
from schemas.patient_event import Coding, LabReport, Quantity, ReportedResult, Where
from services.cli.app import halo
from tests.real import events

BEFORE = """zone = "Europe/Ljubljana"

[[code]]
laboratory = "LAB1"
code = "KALCIJ"
analyte = "ca"
"""


def local(
    number: int,
    values: Mapping[str, tuple[str, str]],
    *,
    hours: float = 0,
    purpose: str = "live",
    authority: str = "HOSP",
) -> LabReport:
    """Values (number, unit) by local code of one sample taken `hours` after `events.NOW`."""
    made = events.report(number, {}, hours=hours, purpose=purpose)
    taken = (events.NOW + timedelta(hours=hours)).isoformat().replace("+00:00", "Z")
    results = tuple(
        ReportedResult(
            code=(Coding(code=code, system="L", display=f"name of {code}"),), status="F", value=Quantity(number=value),
            unit=unit, where=Where(segment=4 + n, offset=100 * n, length=90), laboratory="LAB1",
            filler_order=f"L{number}-{hours}", collected_at=taken, reported_at=taken, specimen=f"SL{number}-{hours}",
        )
        for n, (code, (value, unit)) in enumerate(values.items())
    )  # fmt: skip
    digest = hashlib.sha256(repr((number, values, hours, authority)).encode()).hexdigest()
    who = msgspec.structs.replace(made.patient, id=f"{authority}|{number}")
    source = msgspec.structs.replace(made.source, sha256=digest)
    return msgspec.structs.replace(
        made, event_id=event_id(source.sender, digest, who.id), patient=who, source=source, results=results
    )


def site_file(folder: Path, text: str, name: str = "site.toml") -> Path:
    file = folder / name
    file.write_text(text, "utf-8")
    return file


def run(*arguments: object, typed: str = "") -> Result:
    """`halo site ...` in this process; the environment names the database."""
    return CliRunner().invoke(halo, ["site", *map(str, arguments)], input=typed)


def done(*arguments: object) -> str:
    """What a command said that went well."""
    result = run(*arguments)
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    return result.output
