"""How the worker is, for its probes; written by the loop, read by the probes' thread."""

from __future__ import annotations

from time import monotonic

from services.processor import metrics

STUCK_SECONDS = 60.0


class State:
    """Assigned or not, database there or not, and when the loop last turned."""

    def __init__(self) -> None:
        self.assigned: set[int] | None = None
        self.stopped: set[int] = set()
        self._unavailable = ""
        self._turned = monotonic()

    def unavailable(self, reason: str) -> None:
        """The database does not answer."""
        self._unavailable = reason
        metrics.UNAVAILABLE.set(1)

    def available(self) -> None:
        """The database answers."""
        self._unavailable = ""
        metrics.UNAVAILABLE.set(0)

    def progressed(self) -> None:
        """The loop turned."""
        self._turned = monotonic()

    def live(self) -> dict[str, str]:
        """Nothing while the loop turns."""
        age = monotonic() - self._turned
        return {"loop": f"has not turned for {age:.0f} s"} if age > STUCK_SECONDS else {}

    def ready(self) -> dict[str, str]:
        """Why no result is being processed; nothing when all is well."""
        wrong = {}
        if self.assigned is None:
            wrong["kafka"] = "no partitions assigned yet"
        if self._unavailable:
            wrong["database"] = self._unavailable
        if self.stopped:
            wrong["stopped"] = f"partitions {sorted(self.stopped)} stopped after too many dead letters in a row"
        return wrong
