"""HL7 v2 times (DTM, TS) to ISO 8601 text, reformatted only: same precision, same offset, no zone made up."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache

_SHAPE = re.compile(
    r"(?P<year>\d{4})(?:(?P<month>\d\d)(?:(?P<day>\d\d)(?:(?P<hour>\d\d)(?:(?P<minute>\d\d)"
    r"(?:(?P<second>\d\d)(?:\.(?P<fraction>\d{1,6}))?)?)?)?)?)?(?P<offset>[+-]\d{4})?",
    re.ASCII,
)


@lru_cache(maxsize=4096)
def to_iso(text: str) -> str:
    """`20260301100000+0100` as `2026-03-01T10:00:00+01:00`; "" for what is no time (mapping quarantines).

    Shorter input stays shorter: `20260301` is `2026-03-01`, `202603` is `2026-03`. An offset is kept only beside a
    time of day; a date has none.
    """
    if not text:
        return ""
    found = _SHAPE.fullmatch(text.strip())
    if found is None or not _exists(found):
        return ""
    return _date(found) + _time(found)


def moment_of(text: str) -> str:
    """As `to_iso`, for what is said of a person: a month or a year, or one beyond reason, is no moment and gives ""."""
    found = to_iso(text)
    return found if len(found) >= _DAY and _FIRST_YEAR <= found[:4] <= _LAST_YEAR else ""


_DAY = len("2026-03-01")
_FIRST_YEAR, _LAST_YEAR = "1900", "2200"


def _exists(found: re.Match[str]) -> bool:
    part = {name: int(value) for name, value in found.groupdict(default="1").items() if name not in _NOT_COUNTED}
    offset = found["offset"]
    if offset and (int(offset[1:3]) > _MAX_OFFSET_HOURS or int(offset[3:]) > _MAX_MINUTE):
        return False
    try:
        datetime(part["year"], part["month"], part["day"], part["hour"], part["minute"], part["second"])  # noqa: DTZ001 - only asks whether the calendar has it
    except ValueError:
        return False
    return True


_NOT_COUNTED = frozenset({"fraction", "offset"})
_MAX_OFFSET_HOURS = 14
_MAX_MINUTE = 59


def _date(found: re.Match[str]) -> str:
    return "-".join(part for part in (found["year"], found["month"], found["day"]) if part)


def _time(found: re.Match[str]) -> str:
    if not found["hour"]:
        return ""
    clock = ":".join(part for part in (found["hour"], found["minute"], found["second"]) if part)
    fraction = f".{found['fraction']}" if found["fraction"] else ""
    offset = found["offset"]
    return f"T{clock}{fraction}" + (f"{offset[:3]}:{offset[3:]}" if offset else "")
