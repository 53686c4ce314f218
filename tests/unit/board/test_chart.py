"""The larger chart: labels of the time axis never lie on one another."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from services.board import chart
from services.board.chart import NEAR


class _Frame:
    """Places times over the whole width."""

    def __init__(self, times: list[datetime]) -> None:
        self._start, self._span = times[0], (times[-1] - times[0]).total_seconds()

    def x(self, at: datetime) -> float:
        left, right = chart.BOX[0], chart.BOX[2]
        return left + (right - left) * (at - self._start).total_seconds() / self._span


class _Words:
    def day(self, at: datetime) -> str:
        return f"{at:%d %b %Y}"

    def clock(self, at: datetime) -> str:
        return f"{at:%H:%M}"


class _Dot:
    def __init__(self, at: datetime) -> None:
        self.at = at


def test_time_labels_keep_apart() -> None:
    start = datetime(2025, 10, 1, tzinfo=UTC)
    for count in range(5, 40):
        times = [start + timedelta(days=30 * n) for n in range(count)]
        drawn = "".join(chart._time_axis(_Frame(times), [_Dot(at) for at in times], _Words()))  # type: ignore[arg-type]
        labels = re.findall(r'x="([\d.]+)" y="[\d.]+" text-anchor="(\w+)">\d\d \w', drawn)
        middles = sorted(float(x) - (NEAR / 2 if anchor == "end" else 0) for x, anchor in labels)
        gaps = [after - before for before, after in pairwise(middles)]
        assert min(gaps) >= NEAR - 0.2, (count, gaps)
