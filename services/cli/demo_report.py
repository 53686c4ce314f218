"""What the demo counted: messages, results, alerts, deliveries and how long they took."""

from __future__ import annotations

from datetime import datetime
from statistics import quantiles
from typing import LiteralString

import msgspec
from rich.table import Table

from services.cli.demo_setup import Demo
from services.cli.inbox import Inbox
from services.cli.saying import Sayer
from services.cli.ward.app import Sent
from services.shared.database import connect_blocking

MISSION = ("relapse", "hypercalcaemia", "renal_failure", "hyperviscosity")
_COUNTS: LiteralString = """
SELECT (SELECT count(*) FROM source_message), (SELECT count(*) FROM result),
       (SELECT count(*) FROM quarantine WHERE closed_at IS NULL), (SELECT count(*) FROM dead_letter),
       (SELECT count(*) FROM delivery WHERE status IN ('queued', 'sending'))
"""
_FAMILIES: LiteralString = """
SELECT family, count(*), count(*) FILTER (WHERE decided), count(*) FILTER (WHERE handed) FROM (
    SELECT family, EXISTS (SELECT FROM delivery d WHERE d.alert_id = alert.alert_id) AS decided,
           EXISTS (SELECT FROM delivery d WHERE d.alert_id = alert.alert_id AND d.status = 'handed_over') AS handed
    FROM alert) AS a GROUP BY family ORDER BY family
"""
_HANDED: LiteralString = """
SELECT id::text, extract(epoch FROM handed_over_at - received_at)::float8, created_at FROM delivery
WHERE status = 'handed_over'
"""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the demo at one moment."""

    answers: dict[str, int]
    history: int
    live: int
    messages: int
    results: int
    quarantined: int
    dead_letters: int
    waiting: int
    families: dict[str, tuple[int, int, int]]
    """Family -> alerts, those that were decided to be sent, those that were handed over."""
    handed_over: int
    missing: int
    """Handed over by our own record, but not in the inbox."""
    received: int
    seconds: tuple[float, ...]
    """From the receipt of the message to the hand-over."""

    @property
    def settled(self) -> bool:
        """Everything acknowledged is stored, and nothing waits to be delivered."""
        return self.waiting == 0 and self.messages >= self.answers.get("AA", 0)

    def line(self, elapsed: float) -> str:
        """Progress in a line."""
        alerts = ", ".join(f"{family} {count[0]}" for family, count in self.families.items()) or "none yet"
        return (
            f"{elapsed:5.0f} s  sent {self.history + self.live}, results {self.results}, "
            f"inbox {self.received}, alerts: {alerts}"
        )


def measure(dsn: str, inbox: Inbox, demo: Demo) -> Figures:
    """Count now, in the database, the inbox and the ward's own record."""
    file = demo.place.data_dir / "ward.json"
    sent = msgspec.json.decode(file.read_bytes(), type=Sent) if file.exists() else Sent(base=datetime.min)  # noqa: DTZ901 - never shown
    received = inbox.received()
    arrived = {item.id for item in received}
    with connect_blocking(dsn, "demo") as conn:
        messages, results, quarantined, dead, waiting = conn.execute(_COUNTS).fetchone() or (0,) * 5
        families = {row[0]: (row[1], row[2], row[3]) for row in conn.execute(_FAMILIES)}
        handed = conn.execute(_HANDED).fetchall()
    begun = min((item.at for item in received), default=None)
    ours = [row for row in handed if begun is not None and row[2] >= begun]
    return Figures(
        answers=sent.answers, history=sent.history, live=sent.live, messages=messages, results=results,
        quarantined=quarantined, dead_letters=dead, waiting=waiting, families=families, handed_over=len(handed),
        missing=sum(1 for row in ours if row[0] not in arrived), received=len(received),
        seconds=tuple(sorted(row[1] for row in ours if row[1] is not None)),
    )  # fmt: skip


def show(figures: Figures, sayer: Sayer) -> None:
    """The closing table."""
    table = Table(title="Halo demo: made-up patients", title_justify="left")
    table.add_column("what")
    table.add_column("figure", justify="right")
    for what, figure in _rows(figures):
        table.add_row(what, figure)
    if sayer.console.is_terminal:
        sayer.console.print(table)
    else:
        for what, figure in _rows(figures):
            sayer.say(f"{what:44} {figure:>12}")


def _rows(figures: Figures) -> list[tuple[str, str]]:
    rows = [
        ("messages sent over MLLP", str(figures.history + figures.live)),
        *((f"answered {code}", str(count)) for code, count in sorted(figures.answers.items())),
        ("messages stored", str(figures.messages)),
        ("results stored", str(figures.results)),
        ("results in quarantine", str(figures.quarantined)),
        ("dead letters", str(figures.dead_letters)),
        *((f"alerts: {name} (delivered)", f"{n} ({d})") for name, (n, _, d) in figures.families.items()),
        ("deliveries handed over", str(figures.handed_over)),
        ("deliveries waiting", str(figures.waiting)),
        ("messages in the inbox", str(figures.received)),
    ]
    if len(figures.seconds) > 1:
        cuts = quantiles(figures.seconds, n=100)
        rows += [("receipt to hand-over, p50", f"{cuts[49] * 1000:.0f} ms")]
        rows += [("receipt to hand-over, p99", f"{cuts[98] * 1000:.0f} ms")]
    return rows


def verdict(figures: Figures) -> list[str]:
    """What was wrong; nothing when the demo kept its promise."""
    faults = [] if figures.results else ["no result arrived"]
    faults += [
        f"no alert of the family {family} was delivered"
        for family in MISSION
        if not figures.families.get(family, (0, 0, 0))[2]
    ]
    faults += [
        f"{decided - delivered} of {decided} alerts of {family} were not delivered"
        for family, (_, decided, delivered) in figures.families.items()
        if delivered < decided
    ]
    if figures.waiting:
        faults.append(f"{figures.waiting} deliveries still wait")
    if figures.missing:
        faults.append(f"{figures.missing} deliveries are recorded as handed over but not in the inbox")
    if figures.messages < figures.answers.get("AA", 0):
        faults.append(f"{figures.answers['AA'] - figures.messages} acknowledged messages are not stored")
    return faults
