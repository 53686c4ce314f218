"""One report of eight results against 10, 100, 1000 and 5000 prior results of the patient: the quick and the plain way.

    .venv/bin/python -m tests.bench.bench_evaluate

CPU milliseconds a report, best of several; ratios against the smallest history, because milliseconds are this
machine's. `merge` is the series, `quick` asks every rule whose inputs changed from where the report reaches (memo),
`plain` asks every rule about everything, `derived` lists the derived values of the whole history. Made-up results.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from time import process_time

import msgspec

from alerts.derived import derive
from alerts.evaluate import evaluate
from alerts.memo import Memo, ask_again
from alerts.result import Result
from alerts.rule import View
from alerts.rules import RULES
from alerts.series import Series
from tests.builders import context, hours, result, view

PANEL = {"ca": "2.4", "alb": "40", "creat": "90", "k": "4.5", "hb": "115", "plt": "200", "mspike": "12", "tp": "80"}
KNOWN = context(birth_date=date(1956, 3, 1), sex="F")
SIZES = (10, 100, 1000, 5000)


def report(number: int, chance: random.Random) -> list[Result]:
    """A made-up panel of one draw, one a week."""
    return [
        result(
            name,
            str(Decimal(value) + chance.randint(0, 3) * Decimal("0.1")),
            hours(168 * number),
            specimen=f"T{number}",
        )
        for name, value in PANEL.items()
    ]


def best(work: Callable[[], object], repeat: int) -> float:
    """CPU milliseconds of the fastest run."""
    spent = []
    for _ in range(repeat):
        began = process_time()
        work()
        spent.append(process_time() - began)
    return min(spent) * 1000


def measure(prior: int) -> dict[str, float]:
    """One size of history."""
    chance, draws = random.Random(prior), max(1, prior // len(PANEL))
    before = Series().merge([one for n in range(draws) for one in report(n, chance)])
    new = report(draws, chance)
    since, after = before.reach(new), before.merge(new)
    old_view, new_view = (msgspec.structs.replace(view(context=KNOWN), series=series) for series in (before, after))
    memos = {rule.name: ask_again(old_view, rule, None, None) for rule in RULES}
    repeat = 20 if prior <= 100 else 3
    return {
        "merge": best(lambda: before.merge(new), repeat),
        "quick": best(lambda: _quick(_fresh(new_view), memos, since), repeat),
        "plain": best(lambda: evaluate(_fresh(new_view), derived=False), repeat),
        "derived": best(lambda: list(derive(_fresh(new_view))), repeat),
    }


def _quick(seen: View, memos: dict[str, Memo], since: datetime | None) -> list[Memo]:
    return [ask_again(seen, rule, memos[rule.name], since) for rule in RULES]


def _fresh(seen: View) -> View:
    """The view of a new evaluation: nothing of an earlier run is worked out already."""
    return msgspec.structs.replace(seen, memo={})


def main() -> None:
    """Print the table."""
    ways = ("merge", "quick", "plain", "derived")
    print("prior results " + "".join(f"{way:>18}" for way in ways))
    first: dict[str, float] = {}
    for size in SIZES:
        found = measure(size)
        first = first or found
        cells = (f"{found[way]:8.2f} ms ({found[way] / first[way]:5.1f})" for way in ways)
        print(f"{size:>13} " + "".join(f"{cell:>18}" for cell in cells))


if __name__ == "__main__":
    main()
