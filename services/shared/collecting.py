"""How often Python looks for garbage that reference counting does not find.

A process that keeps the series of thousands of patients has millions of objects that live long. At Python's own
thresholds the search walks through them again and again: two fifths of a worker's time while history came in.
"""

from __future__ import annotations

import gc

YOUNG = 100_000
"""New objects before the young are searched; Python's own is 700. Some ten MiB of garbage at most."""
MIDDLE, OLD = 20, 50
"""Searches of the younger before the next older are searched; the old also only after they grew by a quarter."""


def seldom() -> None:
    """Once, at the start, after everything is imported: what is there now is never searched again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
