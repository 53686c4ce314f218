"""What mapping makes of a report; together the three parts account for every result that was sent."""

from __future__ import annotations

from datetime import datetime

import msgspec

from alerts.result import Result
from services.mapping.urgency import Looks

CONFLICT = "identity_conflict"
"""Reason of quarantine of what may be about somebody else (agreed behaviour 2)."""


class Quarantined(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A result that must not be evaluated until a person has looked at it. Claims no result id."""

    reason: str
    index: int
    """Position in `LabReport.results`."""
    code: str = ""
    system: str = ""
    display: str = ""
    laboratory: str = ""
    analyte: str = ""
    """Empty while the code is not known."""
    value: str = ""
    """As sent, with its comparator."""
    unit: str = ""
    """As sent."""
    status: str = ""
    """As sent."""
    segment: int
    collected_at: str = ""
    """As sent."""
    detail: str = ""
    would_be: Looks = ""
    """The highest severity it would have if it were read in an allowed unit."""
    looks_in: tuple[str, ...] = ()
    """Allowed units in which it would have that severity."""
    slot: str = ""
    """Where the slot is known: the item closes when an acceptable result of it arrives."""
    not_before: datetime | None = None
    """When the reason will be gone by itself: a collection time in the future is tried again then."""


class Ignored(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A result nobody asked Halo to read: `ignored_code` by the site's list, `document` for a file without a code."""

    reason: str
    index: int
    code: str = ""
    segment: int


class Mapped(msgspec.Struct, frozen=True, kw_only=True):
    """Every reported result is in exactly one of the three; derived results (flag `derived`) come on top."""

    results: tuple[Result, ...]
    quarantined: tuple[Quarantined, ...]
    ignored: tuple[Ignored, ...]

    @property
    def derived(self) -> int:
        """How many of `results` come on top of those that were sent."""
        return sum("derived" in result.flags for result in self.results)
