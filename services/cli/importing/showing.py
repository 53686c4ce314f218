"""How far an import is, and what became of it in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from services.cli.importing.running import Import
from services.cli.importing.tally import Tally
from services.cli.saying import Sayer

EVERY = 5.0
"""Seconds between two lines in a pipe."""
SHOWN = 50
"""Refusals on a terminal; a file of them is written with --refusals."""

Told = Callable[[int, Import], None]


@contextmanager
def progress(total: int, sayer: Sayer) -> Iterator[Told]:
    """A bar on a terminal, plain lines into a pipe: share of the bytes, results, rate and what is left."""
    began = monotonic()
    if not sayer.console.is_terminal:
        yield _lines(total, began, sayer)
        return
    columns = (TextColumn("importing"), BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=sayer.console) as bar:
        task = bar.add_task("", total=max(total, 1))
        yield lambda done, one: bar.update(task, completed=done, description=_rate(one, began))


def _lines(total: int, began: float, sayer: Sayer) -> Told:
    last = began

    def tell(done: int, one: Import) -> None:
        nonlocal last
        now = monotonic()
        if now - last >= EVERY:
            last = now
            left = (now - began) * (total - done) / max(done, 1)
            sayer.say(f"{100 * done // max(total, 1)} %, {_rate(one, began)}, about {left:.0f} s left")

    return tell


def _rate(one: Import, began: float) -> str:
    rate = one.handed / max(monotonic() - began, 0.001)
    return f"{one.handed:,} results, {rate:,.0f}/s, {one.tally.refused} refused"


def summary(tally: Tally) -> Iterator[str]:
    """What came in and what it became; the five add up."""
    yield (
        f"messages: {tally.messages} read, {tally.messages - tally.known} sent, {tally.known} were there already, "
        f"{tally.repeated} stand in the files twice, {tally.unused} of unused types, {tally.refused} refused"
    )
    yield (
        f"results: {tally.results + tally.refused} in = {tally.stored} stored + {tally.duplicate} duplicate + "
        f"{tally.quarantined} quarantined + {tally.ignored} ignored + {tally.refused} refused (rows or messages)"
    )
    if tally.lost:
        yield f"{tally.lost} records are dead letters: `halo dead-letters`"
    if tally.unaccounted:
        yield f"{tally.unaccounted} results are in none of these: a fault of Halo; their messages are kept"


def refused_lines(refusals: list[str]) -> Iterator[str]:
    """At most SHOWN of them, then how many more."""
    yield from (f"refused: {line}" for line in refusals[:SHOWN])
    if len(refusals) > SHOWN:
        yield f"refused: {len(refusals) - SHOWN} more; --refusals FILE writes all of them"
