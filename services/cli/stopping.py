"""Ctrl-C, SIGTERM and SIGHUP as one wish to stop, seen by loops and interrupting long waits at the start."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

WISHES = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """A person or the system wants an end. Like KeyboardInterrupt no ordinary `except` takes it."""


@contextmanager
def interrupting() -> Iterator[None]:
    """Inside, the first wish raises Stopped; further ones are ignored, as the stop that follows has its deadline."""
    before = {number: signal.getsignal(number) for number in WISHES}

    def stop(number: int, _frame: object) -> None:
        for each in WISHES:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(signal.Signals(number).name)

    for number in WISHES:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
