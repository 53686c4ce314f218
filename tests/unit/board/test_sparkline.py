"""A sparkline is the same, byte for byte, for the same values, and draws nothing that needs a script or a style."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.board.chart import round_values
from services.board.records import Dot, Trend
from services.board.sparkline import HEIGHT, WIDTH, sparkline

START = datetime(2026, 3, 1, 8, tzinfo=UTC)


def trend(*values: str, low: str | None = "2.10", high: str | None = "2.60", comparator: str = "") -> Trend:
    dots = tuple(
        Dot(at=START + timedelta(days=n), value=Decimal(v), comparator=comparator) for n, v in enumerate(values)
    )
    return Trend(
        analyte="ca", unit="mmol/L", dots=dots, low=Decimal(low) if low else None, high=Decimal(high) if high else None
    )


def test_bytes_are_golden() -> None:
    assert sparkline(trend("2.40", "2.50", "2.91"), "Ca: 2.91 mmol/L", "Values: 3") == (
        '<svg class="spark" viewBox="0 0 160 44" role="img" preserveAspectRatio="xMaxYMid meet">'
        "<title>Ca: 2.91 mmol/L</title><desc>Values: 3</desc>"
        '<rect class="band" x="0" y="18.6" width="160" height="18.1"/>'
        '<polyline class="line" points="5.0,25.8 79.0,22.2 153.0,7.3"/>'
        '<path class="last high" d="M148.0,11.3 L158.0,11.3 L153.0,2.3 Z"/></svg>'
    )


@pytest.mark.parametrize(
    ("value", "low", "high", "shape"),
    [("2.61", "2.10", "2.60", "last high"), ("2.60", "2.10", "2.60", "last normal"), ("2.10", "2.10", "2.60", "last normal"),
     ("2.09", "2.10", "2.60", "last low"), ("2.09", None, None, "last unknown"), ("9", None, "2.60", "last high")],
)  # fmt: skip
def test_last_shape_tells_where_the_value_lies(value: str, low: str | None, high: str | None, shape: str) -> None:
    assert f'class="{shape}"' in sparkline(trend("2.3", value, low=low, high=high), "t", "d")


def test_no_reference_no_band() -> None:
    assert "band" not in sparkline(trend("2.3", "2.4", low=None, high=None), "t", "d")


def test_a_bound_is_drawn_hollow() -> None:
    assert "censored" in sparkline(trend("2.3", comparator="<"), "t", "d")


def test_texts_are_escaped() -> None:
    assert "<script>" not in sparkline(trend("2.3"), "<script>", "<script>")


numbers = st.decimals(min_value="0.01", max_value="9999", places=2, allow_nan=False)


@given(st.lists(numbers, min_size=1, max_size=40), st.none() | numbers, st.none() | numbers)
def test_everything_stays_inside_the_picture(values: list[Decimal], low: Decimal | None, high: Decimal | None) -> None:
    one = trend(*map(str, values), low=str(low) if low else None, high=str(high) if high else None)
    root = ET.fromstring(sparkline(one, "t", "d"))  # noqa: S314 - our own picture
    for line in root.iter("polyline"):
        for point in line.attrib["points"].split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= WIDTH
            assert 0 <= y <= HEIGHT
    for band in root.iter("rect"):
        assert float(band.attrib["height"]) >= 0
        assert 0 <= float(band.attrib["y"]) <= HEIGHT


@given(numbers, numbers)
def test_axis_values_lie_within_and_rise(one: Decimal, other: Decimal) -> None:
    low, high = min(one, other), max(one, other) + Decimal("0.01")
    found = round_values(low, high)
    assert found == sorted(set(found))
    assert all(low <= value <= high for value in found)
    assert 1 <= len(found) <= 7
