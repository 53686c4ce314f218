"""The ward process of the demo: `python -m services.cli.ward.app --state DIR`. Sends made-up draws over MLLP.

First a year of history as fast as it is answered, then live draws at a pace. What was sent is kept in `ward.json`, so
that a second start goes on where the first one ended; `ward.stop` in the same folder makes it pause.
"""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from services.cli.ward.courses import HISTORY
from services.cli.ward.people import Person, people
from services.cli.ward.schedule import history, interleaved, live
from services.shared.log import configure, get_logger
from services.shared.metrics import announce
from services.shared.mllp_client import MllpClient, acknowledgements
from services.shared.probes import Probes
from services.shared.settings import Settings

logger = get_logger()
LIVE_SECONDS = 0.75
"""Between two live draws at speed 1."""
FIRST_ROUND = 3
"""Draws one after the other of the patients who fall ill, before the others are bled."""
SAVE_EVERY = 20


class Sent(msgspec.Struct):
    """How far the ward is."""

    base: datetime
    """When it was first started: history ends there."""
    history: int = 0
    live: int = 0
    answers: dict[str, int] = {}
    draws: dict[str, int] = {}
    """Live draws by patient."""


class Ward:
    """Sends and remembers."""

    def __init__(self, folder: Path, client: MllpClient, speed: float, count: int, seed: int) -> None:
        self._file, self._stop_file = folder / "ward.json", folder / "ward.stop"
        self._client, self._pause, self._seed = client, LIVE_SECONDS / speed, seed
        self._people = people(count, seed)
        self._stop = threading.Event()
        self.sent = self._load()

    def stop(self, *_signal: object) -> None:
        """End after the present message."""
        self._stop.set()

    def run(self) -> None:
        """Until stopped."""
        for message in list(history(self._people, self.sent.base, self._seed))[self.sent.history :]:
            if self._stop.is_set():
                break
            self._send(message)
            self.sent.history += 1
            self._save(every=SAVE_EVERY)
        for person in self._rounds():
            if self._stop.wait(self._pause):
                break
            if not self._stop_file.exists():
                self._bleed(person)
        self._save()

    def _rounds(self) -> Iterable[Person]:
        """The first one of each course comes several times first, so that its story unfolds; then everyone in turn."""
        order = interleaved(self._people)
        first = list({person.course: person for person in reversed(order)}.values())
        for _ in range(FIRST_ROUND):
            yield from first
        while True:
            yield from order

    def _bleed(self, person: Person) -> None:
        number = self.sent.draws.get(person.number, 0)
        self._send(live(person, HISTORY + number, datetime.now(UTC), self._seed))
        self.sent.draws[person.number] = number + 1
        self.sent.live += 1
        self._save()

    def _send(self, message: bytes) -> None:
        """Until it is answered: an engine resends after a lost connection, and Halo drops the double."""
        while not self._stop.is_set():
            try:
                (answer,) = acknowledgements(self._client.send(message))
            except OSError as error:
                logger.info("ward.resend", error=str(error))
                self._stop.wait(0.5)
                continue
            self.sent.answers[answer.code] = self.sent.answers.get(answer.code, 0) + 1
            return

    def _load(self) -> Sent:
        if self._file.exists():
            return msgspec.json.decode(self._file.read_bytes(), type=Sent)
        return Sent(base=datetime.now(UTC).replace(second=0, microsecond=0))

    def _save(self, every: int = 1) -> None:
        if (self.sent.history + self.sent.live) % every == 0:
            scratch = self._file.with_suffix(".new")
            scratch.write_bytes(msgspec.json.encode(self.sent))
            scratch.replace(self._file)


def main() -> None:
    """Run until SIGTERM."""
    parser = argparse.ArgumentParser(description="Sends made-up results of made-up patients.")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--mllp", required=True, help="HOST:PORT")
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--patients", type=int, default=40)
    parser.add_argument("--seed", type=int, default=2026)
    arguments = parser.parse_args()
    settings = Settings()
    configure("ward", json=settings.log_json)
    announce("ward")
    host, _, port = arguments.mllp.rpartition(":")
    with MllpClient(host=host, port=int(port)) as client, Probes(settings.metrics_bind, settings.metrics_port):
        ward = Ward(arguments.state, client, arguments.speed, arguments.patients, arguments.seed)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, ward.stop)
        ward.run()


if __name__ == "__main__":
    main()
