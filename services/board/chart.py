"""The larger chart of the alert and patient pages: axes, reference band, thresholds, deciding samples. Inline SVG."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from html import escape

from services.board.records import Dot, Trend
from services.board.sparkline import Frame, band
from services.board.words import Words

WIDTH, HEIGHT = 860, 300
BOX = (70, 18, 840, 258)
TICKS = 5
NEAR = 70
"""Labels on the time axis closer than this are left out."""


class Threshold:
    """A line that a rule compares with."""

    def __init__(self, value: Decimal, label: str) -> None:
        self.value, self.label = value, label


def chart(
    trend: Trend, words: Words, title: str, *, thresholds: Sequence[Threshold] = (), deciding: Collection[datetime] = ()
) -> str:
    """Every value of the trend. `deciding` are collection times to be marked."""
    bounds = [limit for limit in (trend.low, trend.high) if limit is not None] + [t.value for t in thresholds]
    frame = Frame(trend.dots, bounds, BOX)
    parts = [
        band(frame, trend, BOX[0], BOX[2]),
        *_value_axis(frame, words),
        *_time_axis(frame, trend.dots, words),
        *(_threshold(frame, threshold) for threshold in thresholds),
        _line(frame, trend.dots),
        *(_dot(frame, dot, words, trend.unit, marked=dot.at in deciding) for dot in trend.dots),
    ]
    head = f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"><title>{escape(title)}</title>'
    return f"{head}{''.join(parts)}</svg>"


def _line(frame: Frame, dots: Sequence[Dot]) -> str:
    points = " ".join(f"{frame.x(dot.at):.1f},{frame.y(dot.value):.1f}" for dot in dots)
    return f'<polyline class="line" points="{points}"/>'


def _dot(frame: Frame, dot: Dot, words: Words, unit: str, *, marked: bool) -> str:
    x, y = frame.x(dot.at), frame.y(dot.value)
    text = f"{dot.comparator}{words.number(dot.value)} {unit}, {words.stamp(dot.at)}"
    ring = f'<circle class="deciding" cx="{x:.1f}" cy="{y:.1f}" r="9"/>' if marked else ""
    style = "dot censored" if dot.comparator else "dot"
    return f'{ring}<circle class="{style}" cx="{x:.1f}" cy="{y:.1f}" r="4"><title>{escape(text)}</title></circle>'


def _threshold(frame: Frame, threshold: Threshold) -> str:
    y = frame.y(threshold.value)
    return (
        f'<line class="limit" x1="{BOX[0]}" x2="{BOX[2]}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="limit-label" x="{BOX[0] + 6}" y="{y - 5:.1f}">{escape(threshold.label)}</text>'
    )


def _value_axis(frame: Frame, words: Words) -> Iterable[str]:
    for value in round_values(frame.low, frame.high):
        y = frame.y(value)
        yield f'<line class="grid" x1="{BOX[0]}" x2="{BOX[2]}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="tick" x="{BOX[0] - 8}" y="{y + 5:.1f}" text-anchor="end">{words.number(value)}</text>'


def round_values(low: Decimal, high: Decimal) -> list[Decimal]:
    """Up to about five round numbers between the two."""
    raw = (high - low) / TICKS
    power = Decimal(10) ** raw.adjusted()
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)
    first = (low // step) * step
    if first < low:
        first += step
    found = []
    while first <= high:
        found.append(first.quantize(step.normalize()) if step < 1 else first.quantize(Decimal(1)))
        first += step
    return found


def _time_axis(frame: Frame, dots: Sequence[Dot], words: Words) -> Iterable[str]:
    """The time of a sample under it, where there is room; the first and the last always."""
    taken: list[float] = []
    for at in _important_first([dot.at for dot in dots]):
        x = frame.x(at)
        anchor, middle = ("end", x - NEAR / 2) if x > BOX[2] - NEAR / 2 else ("middle", x)
        if any(abs(middle - other) < NEAR for other in taken):
            continue
        taken.append(middle)
        yield f'<text class="tick" x="{x:.1f}" y="{BOX[3] + 18}" text-anchor="{anchor}">{words.day(at)}</text>'
        yield f'<text class="tick" x="{x:.1f}" y="{BOX[3] + 34}" text-anchor="{anchor}">{words.clock(at)}</text>'


def _important_first(times: Sequence[datetime]) -> Iterable[datetime]:
    yield times[-1]
    yield times[0]
    yield from reversed(times[1:-1])
