"""From a record in Kafka to an alert in Postgres, through a real processor."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import Topics
from tests.real import events
from tests.real.ledgers import ask, one
from tests.real.workers import produce, wait, worker


def test_an_event_in_kafka_becomes_an_alert_in_postgres(topics: Topics, database: str, tmp_path: Path) -> None:
    with worker(topics.bootstrap, database, tmp_path) as running:
        produce(topics.bootstrap, [events.report(n, {"ca": "13.9"}) for n in range(20)])
        wait(lambda: one(database, "SELECT count(*) FROM alert") == 20, what=running.output)
        assert one(database, "SELECT count(DISTINCT alert_id) FROM delivery") == 20
        wait(lambda: running.ready()["code"] == 200, what=lambda: str(running.ready()))
        assert ask(database, "SELECT sum(next_offset) FROM consumer_offset") == [(20,)]
