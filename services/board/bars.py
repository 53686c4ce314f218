"""Counts by hour as inline SVG bars, byte for byte the same for the same counts: no script, no style."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT = 192, 40


def bars(counts: Sequence[int], title: str) -> str:
    """One bar an hour, the oldest left; an hour without any is a gap. `title` is read aloud in place of the picture."""
    top = max(counts, default=0) or 1
    step = WIDTH / max(len(counts), 1)
    shapes = "".join(
        f'<rect x="{i * step:.1f}" y="{HEIGHT - _height(count, top):.1f}" width="{max(step - 1, 1):.1f}" '
        f'height="{_height(count, top):.1f}"/>'
        for i, count in enumerate(counts) if count
    )  # fmt: skip
    return (
        f'<svg class="bars" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" preserveAspectRatio="none">'
        f'<title>{escape(title)}</title><line x1="0" y1="{HEIGHT}" x2="{WIDTH}" y2="{HEIGHT}"/>{shapes}</svg>'
    )


def _height(count: int, top: int) -> float:
    """A single message is seen beside a thousand."""
    return max(count / top * (HEIGHT - 2), 2.0)
