"""`halo import`: history from files through Kafka; nobody is paged, nothing is lost, and a rerun sends only the rest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition

from tests.conftest import Topics
from tests.real.ledgers import ask, one
from tests.real.workers import ROOT, wait, worker

HEADER = "authority;patient;order;code;system;value;unit;status;collected_at;reported_at\n"
LAB = {"2000-8": "mmol/L", "14682-9": "umol/L", "718-7": "g/L", "33358-3": "g/L"}


def rows(patients: range, draws: int) -> Iterator[str]:
    """Made-up years: a draw a month; calcium and M-protein rise in the last half year."""
    for patient in patients:
        for n in range(draws):
            high = n > draws - 6
            values = {"2000-8": "3,10" if high else "2,31", "14682-9": "88", "718-7": "121",
                      "33358-3": str(n if high else 5)}  # fmt: skip
            for code, value in values.items():
                day = f"{2014 + n // 12}-{n % 12 + 1:02}-1{patient % 9}T08:00:00+01:00"
                yield f"HOSP;{patient};O{patient}-{n};{code};LN;{value};{LAB[code]};F;{day};{day}\n"


class Place:
    """Servers, a worker and a folder."""

    def __init__(self, topics: Topics, database: str, folder: Path) -> None:
        self.bootstrap, self.database, self.folder = topics.bootstrap, database, folder
        self._started: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("HALO_")}
        env |= {"HALO_KAFKA": self.bootstrap, "HALO_DATABASE": self.database, "HALO_DATA_DIR": str(self.folder)}
        command = [sys.executable, "-m", "services.cli.app", "import", *arguments]
        started = subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._started.append(started)
        return started

    def end(self) -> None:
        """Whatever still runs after a failed test."""
        for started in (each for each in self._started if each.poll() is None):
            started.kill()
            started.communicate()

    def run(self, *arguments: str) -> tuple[int, str]:
        running = self.start(*arguments)
        output, _ = running.communicate(timeout=120)
        return running.returncode, output

    def file(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text, "utf-8")
        return str(path)

    def counts(self) -> tuple[int, ...]:
        """Results in, stored, duplicate, quarantined, ignored."""
        query = "SELECT sum(results), sum(stored), sum(duplicate), sum(quarantined), sum(ignored) FROM source_message"
        return tuple(int(number or 0) for number in ask(self.database, query)[0])


@pytest.fixture
def place(topics: Topics, database: str, tmp_path: Path) -> Iterator[Place]:
    with worker(topics.bootstrap, database, tmp_path) as running:
        wait(lambda: running.ready()["code"] == 200)
        made = Place(topics, database, tmp_path)
        yield made
        made.end()


def test_history_is_stored_and_judged_and_nobody_hears_of_it(place: Place) -> None:
    wrong = "HOSP;7;O7;;LN;2,31;mmol/L;F;2024-01-01;\nHOSP;7;O8;9999-9;LN;1;g/L;F;2024-01-01;\n"
    file = place.file("years.csv", HEADER + "".join(rows(range(6), 30)) + wrong)
    code, said = place.run(file)
    assert code == 1, said
    assert "refused: years.csv, line 722: row_unreadable: neither `code` nor `loinc`" in said
    assert "results: 722 in = 720 stored + 0 duplicate + 1 quarantined + 0 ignored + 1 refused" in said
    assert place.counts() == (721, 720, 0, 1, 0)
    assert one(place.database, "SELECT count(*) FROM refused") == 1
    assert one(place.database, "SELECT count(DISTINCT purpose) FROM source_message WHERE purpose = 'history'") == 1
    assert one(place.database, "SELECT count(*) FROM alert WHERE condition = 'active' AND rule = 'CA_HIGH'") == 6
    assert one(place.database, "SELECT count(*) FROM delivery") == 0
    again = place.run(file)
    assert (again[0], place.counts()) == (1, (721, 720, 0, 1, 0))
    assert "0 sent, 7 were there already" in again[1], again[1]
    assert "results: 722 in = 720 stored" in again[1]


def test_a_killed_import_goes_on_where_the_ledger_stands(place: Place) -> None:
    file = place.file("years.csv", HEADER + "".join(rows(range(300), 6)))
    running = place.start(file)
    wait(lambda: one(place.database, "SELECT count(*) FROM source_message") > 5)
    running.kill()
    running.communicate()
    before = one(place.database, "SELECT count(*) FROM source_message")
    code, said = place.run(file)
    assert code == 0, said
    assert before < 300, "it had ended before it was killed"
    assert f"results: {300 * 24} in = {300 * 24} stored + 0 duplicate" in said
    assert place.counts() == (300 * 24, 300 * 24, 0, 0, 0)


def test_a_file_that_cannot_be_read_sends_nothing_and_says_no_word_of_what_is_stored(place: Place) -> None:
    file = place.folder / "wrong.csv"
    for content in (b"a;b\n1;2\n", HEADER.encode() + "HOSP;1;O1;718-7;LN;1;g/L;F;\u010d\n".encode("cp1250")):
        file.write_bytes(content)
        code, said = place.run(str(file), "--format", "csv")
        assert code == 1
        assert "wrong.csv" in said
        assert "stored" not in said


def test_broken_off_by_a_person_it_ends_by_itself(place: Place) -> None:
    """More people than may be on the way at once, so that something is left to send."""
    running = place.start(place.file("years.csv", HEADER + "".join(rows(range(4_000), 5))))
    wait(lambda: one(place.database, "SELECT count(*) FROM source_message") > 2)
    running.send_signal(signal.SIGINT)
    output, _ = running.communicate(timeout=20)
    assert running.returncode == 130, output
    assert "Run it again" in output


def test_it_waits_while_nobody_processes(topics: Topics, database: str, tmp_path: Path) -> None:
    """At most 200 records a partition are on their way, whatever the file holds."""
    place = Place(topics, database, tmp_path)
    running = place.start("--format", "hl7v2", place.file("many.hl7", "".join(map(message, range(1500)))))
    wait(lambda: max(ends(topics).values()) > 0)
    time.sleep(3)
    assert running.poll() is None
    assert max(ends(topics).values()) <= 200
    with worker(topics.bootstrap, database, tmp_path):
        output, _ = running.communicate(timeout=90)
    assert running.returncode == 0, output
    assert "results: 1500 in = 1500 stored" in output
    place.end()


def message(number: int) -> str:
    """A made-up HL7 v2 message of one potassium."""
    day = f"20{10 + number % 14}{number % 12 + 1:02}{number % 27 + 1:02}080000+0100"
    return (
        f"MSH|^~\\&|LIS|LAB1|||{day}||ORU^R01|M{number}|P|2.5.1\rPID|1||{number % 40}^^^HOSP\r"
        f"OBR|1||O{number}|CHEM|||{day}|||||||||||||||{day}|||F\r"
        f"OBX|1|NM|2823-3^K^LN||4.{number % 10}|mmol/L|||||F\r"
    )


def ends(topics: Topics) -> dict[int, int]:
    consumer = KafkaConsumer(bootstrap_servers=topics.bootstrap)
    places = [TopicPartition("patient-events.v1", p) for p in range(topics.partitions)]
    found = {place.partition: end for place, end in consumer.end_offsets(places).items()}
    consumer.close()
    return found
