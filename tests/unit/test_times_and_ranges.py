"""Times become UTC by the sender's zone; reference ranges become canonical limits or none."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from services.mapping.reference_range import NONE, Range, read_range
from services.mapping.times import read_time

LJUBLJANA = ZoneInfo("Europe/Ljubljana")


@pytest.mark.parametrize(
    ("text", "utc", "offset", "flags"),
    [
        ("2026-03-01T10:00:00+01:00", (2026, 3, 1, 9, 0), 60, ()),
        ("2026-03-01T10:00:00Z", (2026, 3, 1, 10, 0), 0, ()),
        ("2026-03-01T10:00:00-05:30", (2026, 3, 1, 15, 30), -330, ()),
        ("2026-03-01T10:00", (2026, 3, 1, 9, 0), 60, ()),
        ("2026-03-01T10", (2026, 3, 1, 9, 0), 60, ()),
        ("2026-07-01T10:00:00", (2026, 7, 1, 8, 0), 120, ()),
        ("2026-03-01", (2026, 3, 1, 11, 0), 60, ("date_only",)),
        ("2026-07-01", (2026, 7, 1, 10, 0), 120, ("date_only",)),
        ("2026-10-25T02:30:00", (2026, 10, 25, 0, 30), 120, ("doubled_hour",)),
        ("2026-10-25T02:30:00+01:00", (2026, 10, 25, 1, 30), 60, ()),
        ("2026-10-25T03:00:00", (2026, 10, 25, 2, 0), 60, ()),
        ("2026-03-29T02:30:00", (2026, 3, 29, 1, 30), 60, ("skipped_hour",)),
    ],
)
def test_times(text: str, utc: tuple[int, ...], offset: int, flags: tuple[str, ...]) -> None:
    moment = read_time(text, LJUBLJANA)
    assert moment is not None
    assert moment.at == datetime(*utc, tzinfo=UTC)  # type: ignore[misc, arg-type]
    assert (moment.offset, moment.flags) == (offset, flags)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026",
        "2026-03",
        "2026-02-30",
        "20260301",
        "2026-W09-1",
        "2026-03-01T25:00",
        "rubbish",
        "0001-01-01T00:00:00+14:00",
    ],
)
def test_what_names_no_day(text: str) -> None:
    assert read_time(text, LJUBLJANA) is None


def limits(low: str | None, high: str | None) -> Range:
    return Range(Decimal(low) if low else None, Decimal(high) if high else None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3.5-5.1", limits("3.5", "5.1")),
        ("2,15 - 2,60", limits("2.15", "2.6")),
        ("70_105", limits("70", "105")),
        ("70\u2013105", limits("70", "105")),
        ("[3.5 - 5.1]", limits("3.5", "5.1")),
        ("3.5 to 5.1", limits("3.5", "5.1")),
        ("od 3,5 do 5,1", limits("3.5", "5.1")),
        ("3.5-5.1 mmol/L", limits("3.5", "5.1")),
        ("<2.6", limits(None, "2.6")),
        ("<= 2.6", limits(None, "2.6")),
        ("do 2,6", limits(None, "2.6")),
        ("> 60", limits("60", None)),
        ("3.5-5.1 mg/dL", NONE),
        ("5.1-3.5", NONE),
        ("1.234,5-2", NONE),
        ("3-4-5", NONE),
        ("negative", NONE),
        ("", NONE),
    ],
)
def test_reference_ranges(text: str, expected: Range) -> None:
    assert read_range(text, Decimal(1), "mmol/L") == expected


def test_a_range_is_scaled_exactly() -> None:
    assert read_range("8.6-10.2", Decimal("0.2495"), "mg/dL") == limits("2.1457", "2.5449")
