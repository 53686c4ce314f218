"""Numbers, units, times and spans as each language writes them."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, lru_cache

from babel.dates import format_date

from alerts.logic import Interval, Operator
from alerts.wording.catalogue import Language, catalogue

_SHOWN = Decimal("0.001")
"""Three decimals in a headline; the explanation shows every digit."""
_COMPUTED = Decimal("0.000001")
_EXPONENT = {_SHOWN: -3, _COMPUTED: -6}
_HUNDREDTH = Decimal("0.01")
_UNITS = {
    "umol/L": "µmol/L", "10*9/L": "x10^9/L", "mg/(24.h)": "mg/24 h", "mL/min/{1.73_m2}": "mL/min/1.73 m2",
    "{ratio}": "", "mPa.s": "mPa.s",
}  # fmt: skip
_DAYS = {"en": "d MMM", "sl": "d. M."}
_LONG = timedelta(hours=72)


def number(value: Decimal, language: Language, *, exact: bool = False) -> str:
    """Digits as measured, at most three decimals unless `exact`; decimal comma in Slovene.

    Even `exact` gives six decimals at most: no laboratory sends more, only a division does, and JSON keeps them all.
    """
    text, shown = f"{value:f}", _COMPUTED if exact else _SHOWN
    if len(text.partition(".")[2]) > -_EXPONENT[shown]:
        text = f"{value.quantize(shown, ROUND_HALF_UP).normalize():f}"
    return text.replace(".", ",") if language == "sl" else text


def signed(value: Decimal, language: Language) -> str:
    """A change, always with its sign."""
    return ("+" if value >= 0 else "") + number(value, language)


@cache
def unit(code: str, language: Language) -> str:
    """A UCUM code as people write it."""
    text = _UNITS.get(code, code)
    return text.replace("1.73", "1,73") if language == "sl" else text


def measured(value: Decimal, code: str, language: Language, *, exact: bool = False) -> str:
    """Number and unit."""
    return f"{number(value, language, exact=exact)} {unit(code, language)}".rstrip()


def interval(known: Interval, code: str, language: Language) -> str:
    """What is known of a quantity, exactly: a number, a bound, or both ends."""
    if known.exact is not None:
        return measured(known.exact, code, language, exact=True)
    low, high = known.low, known.high
    if high is None:
        return ("≥ " if known.low_closed else "> ") + measured(low, code, language, exact=True)
    if low <= 0:
        return ("≤ " if known.high_closed else "< ") + measured(high, code, language, exact=True)
    return f"{number(low, language, exact=True)} - {measured(high, code, language, exact=True)}"


def compared(known: Interval, code: str, language: Language, operator: Operator, limit: Decimal) -> str:
    """As `interval`, a computed number to two decimals wherever the comparison with the limit reads the same."""
    if known.exact is not None:
        short = known.exact.quantize(_HUNDREDTH, ROUND_HALF_UP)
        computed = known.exact.as_tuple().exponent < _EXPONENT[_SHOWN]  # type: ignore[operator]
        if computed and Interval.exactly(short).test(operator, limit) is known.test(operator, limit):
            return measured(short, code, language, exact=True)
    return interval(known, code, language)


def moment(at: datetime, offset: int, language: Language, *, date_only: bool = False) -> str:
    """Day and local time of a sample; `offset` in minutes east of UTC, as the sender wrote it."""
    local = at.astimezone(_zone(offset))
    day = _day(local.date(), language)
    if date_only:
        return day
    return catalogue(language).text("day_and_time", day=day, time=f"{local.hour:02}:{local.minute:02}")


@lru_cache(maxsize=256)
def _zone(offset: int) -> timezone:
    return timezone(timedelta(minutes=offset))


@lru_cache(maxsize=4096)
def _day(day: date, language: Language) -> str:
    return format_date(day, _DAYS[language], locale=language)


@lru_cache(maxsize=4096)
def span(hours: Decimal, language: Language) -> str:
    """How long a change took: in hours up to three days, then in whole days."""
    length = timedelta(hours=float(hours))
    if length >= _LONG:
        return catalogue(language).count("in_days", round(length / timedelta(days=1)))
    return catalogue(language).count("in_hours", max(1, round(length / timedelta(hours=1))))


_PLAIN = str.maketrans("čšžćđČŠŽĆĐµ≥≤", "cszcdCSZCDu><")


def pager(text: str) -> str:
    """The text with nothing but GSM-7 characters: no carons, no micro sign; `≥` and `≤` keep their meaning."""
    return text.replace("≥", ">=").replace("≤", "<=").translate(_PLAIN)
