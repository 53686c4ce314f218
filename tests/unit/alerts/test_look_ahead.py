"""How far each rule looks ahead is declared; a neighbour of a sample that comes later must not be overlooked.

For every rule: a day with a value of everything it reads, then one neighbour more, taken minutes to days afterwards. The
quick way, which judges again only what the neighbour can reach, must say what the plain way says.
"""

from __future__ import annotations

from itertools import product

import msgspec
import pytest

from alerts.context import Context
from alerts.memo import ask_again
from alerts.result import Result
from alerts.rule import Rule, View
from alerts.rules import RULES
from alerts.series import Series
from tests.builders import hours, result, view
from tests.unit.alerts.test_memo import CONTEXTS, VALUES

LATER = (0.5, 12, 23.5, 24, 24.5, 36, 47.5, 48, 48.5, 71.5, 72, 72.5, 96)
BEFORE, THEN = 24 * 30, 24 * 60
SKIPPED = frozenset({"igg", "iga", "igg3", "sife", "uife", "umprot"})
"""Read in the same place and way as their sisters, which are tried."""


def _days(names: list[str], spread: int, extreme: int) -> list[Result]:
    """A calm day, and a month later a day of extreme values (the first or the last listed), together or apart."""
    calm = [result(name, VALUES[name][len(VALUES[name]) // 2], hours(BEFORE)) for name in names]
    return calm + [result(name, VALUES[name][extreme], hours(THEN + spread * i)) for i, name in enumerate(names)]


def _plain(rule: Rule, known: Context, series: Series) -> tuple[object, ...]:
    memo = ask_again(_view(known, series), rule, None, None)
    return memo.alerts, memo.undetermined


def _view(known: Context, series: Series) -> View:
    return msgspec.structs.replace(view(context=known), series=series)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_later_neighbour_is_not_overlooked(rule: Rule) -> None:
    names = sorted(rule.inputs & VALUES.keys() - SKIPPED)
    known = CONTEXTS[1]
    for spread, extreme, neighbour, delay in product((0, 20), (0, -1), names, LATER):
        others = [name for name in names if name != neighbour]
        if not others:
            continue
        first = _days(others, spread, extreme)
        series = Series().merge(first)
        memo = ask_again(_view(known, series), rule, None, None)
        for value in VALUES[neighbour]:
            late = [result(neighbour, value, hours(THEN + delay))]
            after = series.merge(late)
            found = ask_again(_view(known, after), rule, memo, series.reach(late))
            expected = _plain(rule, known, after)
            assert (found.alerts, found.undetermined) == expected, (neighbour, value, delay, spread, extreme)
