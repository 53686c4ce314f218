"""What long commands say: styled on a terminal, plain lines into a pipe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console


def counted(number: int, what: str) -> str:
    """`1 patient`, `2 patients`."""
    return f"{number} {what}" + ("" if number == 1 else "s")


class Sayer:
    """Tells a person how far a command is."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)

    def say(self, text: str, *, style: str = "") -> None:
        """One line, at once."""
        if self.console.is_terminal:
            self.console.print(text, style=style or None, markup=False)
        else:
            print(text, flush=True)  # noqa: T201 - a command's output; rich would buffer it in a pipe

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """A piece of work that may take seconds; its duration is said at the end."""
        begun = monotonic()
        if self.console.is_terminal:
            with self.console.status(text):
                yield
        else:
            self.say(f"{text} ...")
            yield
        self.say(f"{text}: {monotonic() - begun:.1f} s", style="green")
