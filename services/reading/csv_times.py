"""Times as people and programs write them in a file, to ISO 8601 text; reformatted only, no zone is made up."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache

from services.reading.timestamps import to_iso

_ISO = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)(?:[T ](?P<clock>\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)(?P<offset>Z|[+-]\d\d:?\d\d)?)?",
    re.ASCII,
)
_DOTTED = re.compile(
    r"(?P<day>\d{1,2})\. ?(?P<month>\d{1,2})\. ?(?P<year>\d{4})(?: +(?P<hour>\d{1,2}):(?P<rest>\d\d(?::\d\d)?))?",
    re.ASCII,
)
"""Day, month, year: with full stops nobody writes the month first. With slashes some do, so that is not read."""


@lru_cache(maxsize=65536)
def read_moment(text: str) -> str:
    """`2024-03-01T08:10+01:00`, `2024-03-01 08:10`, `2024-03-01`, `20240301081000+0100`, `1.3.2024 8:10`; else ""."""
    if found := _ISO.fullmatch(text):
        return _existing(found["date"], found["clock"], _offset(found["offset"] or ""))
    if found := _DOTTED.fullmatch(text):
        date = f"{found['year']}-{int(found['month']):02}-{int(found['day']):02}"
        clock = f"{int(found['hour']):02}:{found['rest']}" if found["hour"] else None
        return _existing(date, clock, "")
    return to_iso(text) if len(text) >= len("20240301") else ""


def _offset(text: str) -> str:
    return f"{text[:3]}:{text[-2:]}" if text not in ("", "Z") else text


def _existing(date: str, clock: str | None, offset: str) -> str:
    text = f"{date}T{clock}{offset}" if clock else date
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return ""
    return text
