"""Trends: calcium is never a mixture of total and adjusted, and one broken derivation takes no page down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from alerts.logic import Interval
from alerts.result import Provenance, Result, Status
from alerts.thresholds import default_pack, load
from services.board.reading import trends as reading
from services.board.records import PatientRow
from services.shared import rule_pack

START = datetime(2026, 3, 1, 8, tzinfo=UTC)
ROW = PatientRow(
    id=1,
    public_id="p",
    family="",
    given="",
    birth_date="",
    sex="",
    ward="",
    bed="",
    place_at=None,
    series_version=1,
    incomplete={},
)
UNITS = {"ca": "mmol/L", "alb": "g/L"}


def result(
    analyte: str, value: str, day: int, status: Status = Status.FINAL, version: int = 0, comments: tuple[str, ...] = ()
) -> Result:
    at = START + timedelta(days=day)
    return Result(
        result_id=f"{analyte}{day}{status}{version}", slot=f"{analyte}{day}", patient="MADEUP|1", analyte=analyte, status=status,
        collected_at=at, version_time=at + timedelta(hours=version), received_at=at, kind="NUMERIC", value=Decimal(value),
        interval=Interval.exactly(Decimal(value)), unit=UNITS[analyte], specimen=f"s{day}",
        comments=comments,
        source=Provenance(event_id="e", segment=1, offset=0, length=1),
    )  # fmt: skip


def test_adjusted_where_the_newest_draw_has_albumin() -> None:
    """Payne: total + 0.02 x (40 - albumin); the day before borrows the albumin of 24 h later."""
    found = reading.calcium(
        reading.trends([result("ca", "2.50", 0), result("ca", "2.60", 1), result("alb", "30", 1)], ROW, default_pack())
    )
    assert found is not None
    assert (found.analyte, [dot.value for dot in found.dots]) == (
        "adjusted_calcium",
        [Decimal("2.70"), Decimal("2.80")],
    )


def test_total_where_the_newest_draw_has_none() -> None:
    found = reading.calcium(
        reading.trends([result("ca", "2.50", 0), result("alb", "30", 0), result("ca", "2.60", 9)], ROW, default_pack())
    )
    assert found is not None
    assert (found.analyte, [dot.value for dot in found.dots]) == ("ca", [Decimal("2.50"), Decimal("2.60")])


def test_only_winners_are_drawn() -> None:
    made = reading.trends(
        [
            result("ca", "3.90", 0),
            result("ca", "2.40", 0, Status.CORRECTED, 1),
            result("ca", "2.6", 1, Status.WRONG_PATIENT),
        ],
        ROW,
        default_pack(),
    )
    assert [dot.value for dot in made["ca"].dots] == [Decimal("2.40")]


def test_comments_that_come_later_stand_beside_the_value() -> None:
    """OBX-11 B and V annotate; the value and what the rules see stay."""
    made = reading.trends(
        [
            result("ca", "2.40", 0, comments=("slightly lipaemic",)),
            result("ca", "9.99", 0, Status.VERIFIED, 2, comments=("verified by Dr Made-Up",)),
            result("ca", "9.99", 0, Status.APPENDED, 1, comments=("repeated: 2.41", "slightly lipaemic")),
            result("ca", "2.50", 1),
        ],
        ROW,
        default_pack(),
    )
    first, second = made["ca"].dots
    assert first.value == Decimal("2.40")
    assert first.comments == ("slightly lipaemic", "repeated: 2.41", "verified by Dr Made-Up")
    assert second.comments == ()


def test_a_broken_derivation_leaves_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_view: object) -> list[object]:
        raise ZeroDivisionError

    monkeypatch.setattr(reading, "derive", broken)
    assert list(reading.trends([result("ca", "2.50", 0), result("alb", "30", 0)], ROW, default_pack())) == ["alb", "ca"]


def test_what_is_derived_follows_the_rules_in_force() -> None:
    """A page must not show another adjusted calcium than the alert beside it."""
    text = rule_pack.shipped()
    other = text.replace('per_albumin = { value = "0.02"', 'per_albumin = { value = "0.03"')
    assert other != text
    found = reading.trends([result("ca", "2.50", 0), result("alb", "30", 0)], ROW, load(other))
    assert [dot.value for dot in found["adjusted_calcium"].dots] == [Decimal("2.80")]
