"""How many events a transaction takes: as many as a second is enough for.

The rules are asked inside the transaction, which holds its patients' locks meanwhile. On a slow machine, or for
patients with long histories, a whole batch could take longer than others wait for a lock, or than the database lets
us think.
"""

from __future__ import annotations

FIRST = 32
MOST = 256
SECONDS = 1.0


class Pace:
    """Grows twofold while transactions are quick, shrinks at once to what would have fitted."""

    def __init__(self) -> None:
        self.size = FIRST

    def took(self, events: int, seconds: float) -> None:
        """A transaction of so many events was committed after so many seconds."""
        if seconds > SECONDS:
            self.size = max(1, int(events * SECONDS / seconds))
        elif events >= self.size and seconds < SECONDS / 2:
            self.size = min(self.size * 2, MOST)

    def failed(self, events: int) -> None:
        """A transaction of so many events was not committed; perhaps it was too long."""
        self.size = max(1, events // 2)
