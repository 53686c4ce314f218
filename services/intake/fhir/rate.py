"""How much one sender may ask for: requests a second, and requests at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from uuid import UUID


class TooMuch(Exception):
    """Come again after `seconds`."""

    def __init__(self, text: str, seconds: int) -> None:
        super().__init__(text)
        self.text, self.seconds = text, seconds


@dataclass(slots=True)
class _Share:
    left: float
    at: float
    running: int = 0


class Rates:
    """One share a token, so there are as many as there are valid tokens."""

    def __init__(self, rate: float, in_flight: int, clock: Callable[[], float] = monotonic) -> None:
        self._rate, self._in_flight, self._clock = rate, in_flight, clock
        self._shares: dict[UUID, _Share] = {}

    @contextmanager
    def request(self, token: UUID) -> Iterator[None]:
        """While it is answered. Raises TooMuch."""
        now, most = self._clock(), 2 * self._rate
        share = self._shares.setdefault(token, _Share(left=most, at=now))
        share.left, share.at = min(most, share.left + (now - share.at) * self._rate), now
        if share.running >= self._in_flight:
            raise TooMuch(f"more than {self._in_flight} requests of this token at the same time", 1)
        if share.left < 1:
            raise TooMuch(f"more than {self._rate:g} requests a second of this token", 1)
        share.left -= 1
        share.running += 1
        try:
            yield
        finally:
            share.running -= 1
