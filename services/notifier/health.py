"""What the notifier knows of its servers, for `/readyz` and the metrics."""

from __future__ import annotations

from services.notifier import metrics


class Health:
    """Faults by name; written by the loops, read by the probes' thread."""

    def __init__(self) -> None:
        self._faults: dict[str, str] = {"database": "not connected yet", "kafka": "not connected yet"}

    def up(self, name: str) -> None:
        """It answers."""
        self._faults = {key: value for key, value in self._faults.items() if key != name}
        if name == "kafka":
            metrics.KAFKA_UP.set(1)

    def down(self, name: str, error: BaseException) -> bool:
        """It does not; True when that is news."""
        news = name not in self._faults
        self._faults = {**self._faults, name: f"{type(error).__name__}: {error}"}
        if name == "kafka":
            metrics.KAFKA_UP.set(0)
        return news

    def faults(self) -> dict[str, str]:
        """All present ones, with their reasons."""
        return dict(self._faults)
