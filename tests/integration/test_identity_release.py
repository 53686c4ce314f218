"""A held message about somebody else turns out to be this patient's after all; a merge asks again what nobody answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import psycopg

from schemas.patient_event import ContextEntry
from tests.integration.test_identity import named, stored
from tests.integration.test_quarantine_release import Bench
from tests.real import events
from tests.real.ledgers import ask, one


async def test_what_a_person_says_is_this_patients_counts_and_the_record_follows(database: str, tmp_path: Path) -> None:
    bench = Bench(database, tmp_path)
    other = {"family": "Otherwise", "sex": "M"}
    first = named(events.report(1, {"ca": "9.0"}))
    change = events.context_change(1, ContextEntry(kind="isotype", code="IgG-kappa"), hours=2)
    change = msgspec.structs.replace(change, patient=msgspec.structs.replace(change.patient, **other))
    await stored(database, tmp_path, first, named(events.report(1, {"ca": "13.9"}, hours=1), **other), change)
    assert one(database, "SELECT count(*) FROM context_event") == 0
    await bench.releases(note="asked the ward: it is her, sex was wrong")
    assert await bench.fires() >= 1
    assert ask(database, "SELECT closed_as, closed_by FROM quarantine") == [("released", "vida")] * 2
    assert ask(database, "SELECT results, stored, quarantined FROM source_message ORDER BY received_at") == [
        (1, 1, 0), (1, 1, 0), (0, 0, 0),
    ]  # fmt: skip
    assert ask(database, "SELECT rule, condition FROM alert") == [("CA_HIGH", "active")]
    assert ask(database, "SELECT family, sex FROM patient") == [("Otherwise", "M")]
    assert one(database, "SELECT kind FROM context_event") == "isotype"
    await stored(database, tmp_path, named(events.report(1, {"ca": "9.1"}, hours=3), **other))
    assert one(database, "SELECT count(*) FROM quarantine WHERE closed_at IS NULL") == 0


async def test_of_two_people_under_one_number_what_is_the_patients_after_all_is_let_through(
    database: str, tmp_path: Path
) -> None:
    """Another site file, which reads all reports again, does not take it away."""
    bench = Bench(database, tmp_path)
    made = events.report(1, {"alb": "4.0", "ca": "13.9"})
    doubted = msgspec.structs.replace(made.results[1], contradicts="family name and sex")
    await stored(database, tmp_path, named(events.again(made, results=(made.results[0], doubted))))
    assert ask(database, "SELECT reason, value, would_be FROM quarantine") == [
        ("identity_conflict", "13.9", "CRITICAL")
    ]
    assert one(database, "SELECT count(*) FROM timer WHERE kind = 'unverified'") == 1
    assert ask(database, "SELECT analyte FROM result") == [("alb",)]
    await bench.releases(note="asked the ward: it is her")
    assert await bench.fires() >= 1
    assert ask(database, "SELECT closed_as FROM quarantine") == [("released",)]
    assert ask(database, "SELECT rule, condition FROM alert") == [("CA_HIGH", "active")]
    async with await psycopg.AsyncConnection.connect(database) as conn:
        store = bench.ledger()
        remapper = store.remapper()
        site = await remapper.govern(conn)
        work = await remapper.work_on(conn, "HOSP|1", bring=False)
        whole, _ = await remapper.look(
            conn, work.persons[work.locked.root("HOSP|1")], site, "another", datetime.now(UTC)
        )
        await store.close()
    assert whole.reread
    assert not whole.removed


ANSWERED = """UPDATE alert SET response = 'acknowledged', acknowledged_by = 'vida', acknowledged_at = now(),
    acknowledged_version = version, acknowledgement_expires_at = %s FROM patient
    WHERE patient.id = alert.patient_id AND patient.sent_id = %s"""
STATE = """SELECT p.sent_id, a.condition, a.response, a.acknowledgement_expires_at FROM alert AS a
    JOIN patient AS p ON p.id = a.patient_id WHERE a.rule = 'CA_HIGH' ORDER BY p.sent_id"""


async def test_after_a_merge_unanswered_beats_answered(database: str, tmp_path: Path) -> None:
    await stored(database, tmp_path, events.report(1, {"ca": "13.9"}), events.report(2, {"ca": "13.5"}, hours=1))
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=4)
    ask(database, ANSWERED, until, "HOSP|1")
    await stored(database, tmp_path, events.merge(1, 2, hours=2))
    assert ask(database, STATE) == [
        ("HOSP|1", "active", "unacknowledged", None),
        ("HOSP|2", "superseded", "unacknowledged", None),
    ]


async def test_after_a_merge_the_earlier_deadline_wins(database: str, tmp_path: Path) -> None:
    await stored(database, tmp_path, events.report(1, {"ca": "13.9"}), events.report(2, {"ca": "13.5"}, hours=1))
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=4)
    ask(database, ANSWERED, until, "HOSP|1")
    ask(database, ANSWERED, until - timedelta(hours=1), "HOSP|2")
    await stored(database, tmp_path, events.merge(1, 2, hours=2))
    assert ask(database, STATE)[0] == ("HOSP|1", "active", "acknowledged", until - timedelta(hours=1))
