"""Files of events: one `patient-events.v1` JSON value a line."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.codec import decode_event
from schemas.errors import UndecodableEvent
from services.reading.outcome import DATA_TYPE_ERROR, Outcome, Refusal
from services.reading.refusing import refuse
from services.reading.source import make_source


def read(data: bytes, received_at: str = "") -> Iterator[Outcome]:
    """One outcome for each line that is not blank; a line that is no event is refused with its number."""
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if line.strip():
            yield _line(line.strip(), number, received_at)


def _line(line: bytes, number: int, received_at: str) -> Outcome:
    try:
        return Outcome(events=(decode_event(line),))
    except UndecodableEvent as error:
        refusal = Refusal(reason="not_an_event", text=str(error), condition=DATA_TYPE_ERROR, location=f"line {number}")
        return refuse(refusal, line, make_source(line, received_at))
