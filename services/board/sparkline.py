"""A trend as inline SVG, byte for byte the same for the same values: no script, no style, no external part."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from html import escape

from services.board.records import Dot, Trend

WIDTH, HEIGHT, MARGIN = 160, 44, 5
SHOWN = 14
"""Newest values drawn."""


class Frame:
    """From times and values to coordinates."""

    def __init__(self, dots: Sequence[Dot], bounds: Sequence[Decimal], box: tuple[int, int, int, int]) -> None:
        self.left, self.top, self.right, self.bottom = box
        self.start, self.end = dots[0].at, dots[-1].at
        values = [dot.value for dot in dots] + list(bounds)
        low, high = min(values), max(values)
        room = (high - low) * Decimal("0.08") or abs(high) * Decimal("0.1") or Decimal(1)
        self.low, self.high = low - room, high + room

    def x(self, at: datetime) -> float:
        """Left to right by time; a single value stands at the right."""
        span = (self.end - self.start).total_seconds()
        share = (at - self.start).total_seconds() / span if span else 1.0
        return self.left + (self.right - self.left) * share

    def y(self, value: Decimal) -> float:
        """Greater is higher."""
        return self.bottom - (self.bottom - self.top) * float((value - self.low) / (self.high - self.low))


def sparkline(trend: Trend, title: str, description: str) -> str:
    """The trend's newest values with the laboratory's reference band and a last dot.

    `title` and `description` are read aloud in place of the picture.
    """
    dots = trend.dots[-SHOWN:]
    bounds = _useful_bounds(trend, dots)
    frame = Frame(dots, bounds, (MARGIN, MARGIN, WIDTH - MARGIN - 2, HEIGHT - MARGIN))
    parts = [band(frame, trend, 0, WIDTH), _line(frame, dots), last_dot(frame, trend)]
    return (
        f'<svg class="spark" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" preserveAspectRatio="xMaxYMid meet">'
        f"<title>{escape(title)}</title><desc>{escape(description)}</desc>{''.join(parts)}</svg>"
    )


def _useful_bounds(trend: Trend, dots: Sequence[Dot]) -> list[Decimal]:
    """Limits of normal belong in the picture unless they would squeeze the values flat."""
    values = [dot.value for dot in dots]
    span = max(values) - min(values) or abs(values[-1]) * Decimal("0.2") or Decimal(1)
    limits = [limit for limit in (trend.low, trend.high) if limit is not None]
    return [limit for limit in limits if min(values) - 3 * span <= limit <= max(values) + 3 * span]


def band(frame: Frame, trend: Trend, left: int, right: int) -> str:
    """The laboratory's limits of normal as a rectangle, cut to the frame; nothing when it sent none."""
    if trend.low is None and trend.high is None:
        return ""
    top = frame.top if trend.high is None else max(frame.top, frame.y(trend.high))
    bottom = frame.bottom if trend.low is None else min(frame.bottom, frame.y(trend.low))
    if bottom <= top:
        return ""
    return f'<rect class="band" x="{left}" y="{top:.1f}" width="{right - left}" height="{bottom - top:.1f}"/>'


def _line(frame: Frame, dots: Sequence[Dot]) -> str:
    points = " ".join(f"{frame.x(dot.at):.1f},{frame.y(dot.value):.1f}" for dot in dots)
    return f'<polyline class="line" points="{points}"/>'


def last_dot(frame: Frame, trend: Trend) -> str:
    """Where the trend ends: a dot within normal, a triangle up or down outside, hollow when only a bound is known."""
    x, y = frame.x(trend.last.at), frame.y(trend.last.value)
    style = f"last {trend.position}" + (" censored" if trend.last.comparator else "")
    if trend.position == "high":
        return f'<path class="{style}" d="M{x - 5:.1f},{y + 4:.1f} L{x + 5:.1f},{y + 4:.1f} L{x:.1f},{y - 5:.1f} Z"/>'
    if trend.position == "low":
        return f'<path class="{style}" d="M{x - 5:.1f},{y - 4:.1f} L{x + 5:.1f},{y - 4:.1f} L{x:.1f},{y + 5:.1f} Z"/>'
    return f'<circle class="{style}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
