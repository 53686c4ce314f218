"""How long to wait before the next attempt: doubling up to a ceiling, for ever. There is no last attempt."""

from __future__ import annotations

from services.notifier.channels.message import Handover


def wait_seconds(handover: Handover, attempts: int, first: float, longest: float) -> float:
    """Seconds until the next attempt after `attempts` failed ones; a recipient may ask for more, up to the ceiling."""
    paced: float = min(first * 2.0 ** min(attempts - 1, 30), longest)
    return min(max(paced, handover.retry_after or 0), longest)
