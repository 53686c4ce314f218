"""One report of eight results against 10, 100, 1000 and 5000 prior results of the patient: the quick and the plain way.

    .venv/bin/python -m tests.bench.bench_evaluate

CPU milliseconds a report, best and median of several; ratios against the smallest history, because milliseconds are
this machine's. `merge` is the series, `quick` is what the worker does (`services/ledger/evaluating.py`), with its settings
for garbage: a rule is asked when its inputs changed, from where the report reaches; best and median are those of fifteen
different reports, one after the other. `one` is the same for a report of one haemoglobin. `plain` asks
every rule about everything, `derived` lists the derived values of the whole history. Made-up results.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from statistics import median
from time import process_time

import msgspec

from alerts.derived import derive
from alerts.evaluate import evaluate
from alerts.result import Result
from alerts.rule import View
from alerts.rules import RULES
from alerts.series import Series
from alerts.thresholds import default_pack
from services.ledger.context import Demographics
from services.ledger.evaluating import EVERYTHING, Reach, Rules
from services.ledger.stored import Stored
from services.shared import collecting
from tests.builders import context, hours, result

PANEL = {"ca": "2.4", "alb": "40", "creat": "90", "k": "4.5", "hb": "115", "plt": "200", "mspike": "12", "tp": "80"}
KNOWN = context(birth_date=date(1956, 3, 1), sex="F")
SIZES = (10, 100, 1000, 5000)
REPORTS, RUNS = 15, 40


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


def timed(work: Callable[[], object], repeat: int) -> tuple[float, float]:
    """CPU milliseconds of the fastest run, and of the one in the middle."""
    spent = []
    for _ in range(repeat):
        began = process_time()
        work()
        spent.append(process_time() - began)
    return min(spent) * 1000, median(spent) * 1000


def measure(prior: int) -> dict[str, tuple[float, float]]:
    """One size of history."""
    chance, draws = random.Random(prior), max(1, prior // len(PANEL))
    before = Series().merge([one for n in range(draws) for one in report(n, chance)])
    new = report(draws, chance)
    single = [one for one in new if one.analyte == "hb"]
    known, rules = _person(before), Rules(RULES, default_pack())
    rules.ask(known, EVERYTHING)
    after = _after(known, new)
    new_view = rules.view(after)
    few = 20 if prior <= 100 else 3
    return {
        "merge": timed(lambda: before.merge(new), 200),
        "quick": successive(rules, known, draws, chance),
        "one": timed(_asked(rules, known, single), 200),
        "plain": timed(lambda: evaluate(_fresh(new_view), derived=False), few),
        "derived": timed(lambda: list(derive(_fresh(new_view))), few),
    }


def successive(rules: Rules, known: Stored, first: int, chance: random.Random) -> tuple[float, float]:
    """Of several reports, each asked many times and then taken in: the fastest run, and the median of their medians."""
    spent = []
    for number in range(first, first + REPORTS):
        new = report(number, chance)
        spent.append(timed(_asked(rules, known, new), RUNS))
        reach, known = _reach(known, new), _after(known, new)
        rules.ask(known, reach)
    return min(best for best, _ in spent), median(middle for _, middle in spent)


def _reach(known: Stored, new: list[Result]) -> Reach:
    return Reach(analytes=frozenset(one.analyte for one in new), since=known.series.reach(new))


def _person(series: Series) -> Stored:
    received = [one.received_at for one in series.results()]
    return Stored(
        root=1, patient="MADE|1", public_id="P", version=0, members=(1,), series=series, entries=(),
        demographics=Demographics(), context=KNOWN, alerts={}, as_of=max(received), incomplete={}, memos={},
    )  # fmt: skip


def _after(known: Stored, new: list[Result]) -> Stored:
    """The person with the report, and with what the rules said before it."""
    as_of = max([known.as_of, *(one.received_at for one in new)])
    return msgspec.structs.replace(known, series=known.series.merge(new), as_of=as_of, memos=dict(known.memos))


def _asked(rules: Rules, known: Stored, new: list[Result]) -> Callable[[], object]:
    reach, after, memos = _reach(known, new), _after(known, new), known.memos

    def ask() -> object:
        after.memos = dict(memos)
        return rules.ask(after, reach)

    return ask


def _fresh(seen: View) -> View:
    """The view of a new evaluation: nothing of an earlier run is worked out already."""
    return msgspec.structs.replace(seen, memo={})


def main() -> None:
    """Print the table."""
    ways = ("merge", "quick", "one", "plain", "derived")
    collecting.seldom()
    print("prior results " + "".join(f"{way:>30}" for way in ways))
    first: dict[str, tuple[float, float]] = {}
    for size in SIZES:
        found = measure(size)
        first = first or found
        cells = (f"{found[w][0]:7.2f} median {found[w][1]:7.2f} ({found[w][0] / first[w][0]:5.1f})" for w in ways)
        print(f"{size:>13} " + "".join(f"{cell:>30}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
