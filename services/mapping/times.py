"""Times as sent to aware UTC, by the sender's zone where no offset was sent (clinical specification, life cycle 2)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

_DATE = len("2026-03-01")
NOON = timedelta(hours=12)


class Moment(msgspec.Struct, frozen=True):
    """A time of collection or reporting."""

    at: datetime
    """UTC. A date without a time of day is 12:00 local."""
    offset: int
    """Minutes east of UTC."""
    date_only: bool = False
    flags: tuple[str, ...] = ()
    """`date_only`; `doubled_hour` in the October hour that happens twice, the first is taken; `skipped_hour`."""

    @property
    def local_date(self) -> str:
        """ISO date on the sender's wall."""
        return (self.at + timedelta(minutes=self.offset)).date().isoformat()

    @property
    def earliest(self) -> datetime:
        """The earliest moment it can be: of a bare date its first minute."""
        return self.at - NOON if self.date_only else self.at


@lru_cache(maxsize=65536)
def read_time(text: str, zone: ZoneInfo) -> Moment | None:
    """None for what names no day: empty text, a bare year or month, a date the calendar has not."""
    if len(text) < _DATE or text[4] != "-" or text[7] != "-":
        return None
    try:
        sent = datetime.fromisoformat(text)
        return _moment(sent, zone, date_only=len(text) == _DATE)
    except (ValueError, OverflowError):
        return None


def _moment(sent: datetime, zone: ZoneInfo, *, date_only: bool) -> Moment:
    if date_only:
        local = (sent + NOON).replace(tzinfo=zone)
        return Moment(local.astimezone(UTC), _minutes(local), date_only=True, flags=("date_only",))
    if sent.tzinfo is not None:
        return Moment(sent.astimezone(UTC), _minutes(sent))
    local = sent.replace(tzinfo=zone)
    return Moment(local.astimezone(UTC), _minutes(local), flags=_doubt(local))


def _minutes(moment: datetime) -> int:
    offset = moment.utcoffset()
    return 0 if offset is None else round(offset.total_seconds() / 60)


def _doubt(local: datetime) -> tuple[str, ...]:
    """Hours that the change of the clocks makes happen twice, or not at all."""
    first, second = local.utcoffset(), local.replace(fold=1).utcoffset()
    if first is None or second is None or first == second:
        return ()
    return ("doubled_hour",) if first > second else ("skipped_hour",)
