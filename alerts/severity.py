"""Severity of an alert (clinical specification, alert behaviour 1)."""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    """INFO is shown and never sent; the others carry acknowledgement times."""

    INFO = "INFO"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"

    @property
    def rank(self) -> int:
        """0 for INFO to 4 for CRITICAL."""
        return _ORDER.index(self)

    def raised(self, levels: int = 1, cap: Severity | None = None) -> Severity:
        """`levels` up, never above `cap` (CRITICAL by default)."""
        top = (cap or Severity.CRITICAL).rank
        return _ORDER[max(self.rank, min(self.rank + levels, top))]


_ORDER = list(Severity)


def worst(severities: list[Severity]) -> Severity:
    """The highest; at least one must be given."""
    return max(severities, key=lambda severity: severity.rank)
