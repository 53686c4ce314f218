"""Each invariant of the ledger goes red when the part that keeps it is broken on purpose.

One check (`tests.real.faulty.faults`) looks at the stored truth. On the sound code it finds nothing, whatever dies; on
each broken variant it must find the loss, the tear or the silence.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from services.ledger.batch import Ledger
from tests.real import events, faulty
from tests.real.faulty import Died, SkipsByOffset, Tape, both_at_once, faults, offset_of, outbox_outside
from tests.real.ledgers import ledger, stream

REPORTS = [events.report(1, {"creat": value}, hours=12 * n) for n, value in enumerate(("80", "84", "240", "250"))]


async def _killed_while_storing(database: str, folder: Path, *, early: bool, trusts_kafka: bool) -> None:
    """A process dies while it stores record 2; its successor starts where its policy says."""
    tape = Tape(events.records(*REPORTS))
    first = ledger(database, folder)
    with pytest.raises(Died):
        await tape.run(first, 0, early=early, dies_at=2)
    await first.close()
    start = tape.kafka if trusts_kafka else offset_of(database)
    second = ledger(database, folder)
    await tape.run(second, start, early=False)
    await second.close()


@pytest.mark.parametrize("trusts_kafka", [False, True])
async def test_acknowledged_after_the_commit_nothing_is_lost(
    database: str, tmp_path: Path, *, trusts_kafka: bool
) -> None:
    """Sound order: whichever position the successor believes, all is stored."""
    await _killed_while_storing(database, tmp_path, early=False, trusts_kafka=trusts_kafka)
    assert await faults(database, REPORTS) == []


async def test_acknowledged_before_the_commit_is_lost(database: str, tmp_path: Path) -> None:
    """The fault: acknowledged first, then stored. The successor that believes Kafka never sees the record again."""
    await _killed_while_storing(database, tmp_path, early=True, trusts_kafka=True)
    assert f"lost: {REPORTS[2].event_id}" in await faults(database, REPORTS)


async def test_even_then_our_own_offset_saves_it(database: str, tmp_path: Path) -> None:
    """Why an assignment starts at the database's offset: a Kafka that is ahead is harmless."""
    await _killed_while_storing(database, tmp_path, early=True, trusts_kafka=False)
    assert await faults(database, REPORTS) == []


@pytest.mark.parametrize("kind", [Ledger, SkipsByOffset])
async def test_a_kafka_that_begins_anew(database: str, tmp_path: Path, kind: type[Ledger]) -> None:
    """Offsets start at 0 again with new records. Ids decide and all is stored; by offset they would be skipped."""
    old = ledger(database, tmp_path)
    await old.store(events.records(*REPORTS[:2]))
    await old.close()
    anew = ledger(database, tmp_path, name=stream(topic_id="topic-2"))
    if kind is SkipsByOffset:
        anew.__class__ = SkipsByOffset
        anew.believed = offset_of(database)  # type: ignore[attr-defined]
    await anew.store(events.records(*REPORTS[2:]))
    await anew.close()
    found = await faults(database, REPORTS)
    assert found == [] if kind is Ledger else len([one for one in found if one.startswith("lost")]) == 2


@pytest.mark.parametrize("locked", [True, False])
async def test_two_writers_on_one_patient(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, locked: bool
) -> None:
    """The second waits for the first and sees its result; without the lock neither knows of the other's."""
    first, second = ledger(database, tmp_path), ledger(database, tmp_path)
    await first.store(events.records(events.report(1, {"hb": "12.0"}, hours=-100)))
    if not locked:
        faulty.without_patient_lock(monkeypatch)
    calm, high = events.records(REPORTS[0])[0], events.records(REPORTS[2], partition=1)[0]
    await both_at_once(first, second, calm, high)
    await first.close()
    await second.close()
    found = await faults(database, [REPORTS[0], REPORTS[2]])
    assert bool([one for one in found if one.startswith("torn")]) is not locked
    assert found == [] or not locked


@pytest.mark.parametrize("dies", [True, False])
async def test_an_outbox_outside_the_transaction_falls_silent(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, dies: bool
) -> None:
    """Inside, every change is published; outside, a death in between leaves an alert of which nobody hears."""
    async with outbox_outside(monkeypatch, database, dies=dies):
        store = ledger(database, tmp_path)
        await store.store(events.records(*REPORTS))
        await store.close()
    found = await faults(database, REPORTS)
    assert bool([one for one in found if one.startswith("not published")]) is dies


@pytest.mark.parametrize("outside", [True, False])
async def test_a_death_before_the_commit(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, outside: bool
) -> None:
    """Nothing of the transaction is there, and the successor does all of it once.

    The fault: an outbox on a connection of its own is there already. It tells of an alert that is not stored, and the
    successor tells of it again.
    """
    dying = ledger(database, tmp_path)
    with monkeypatch.context() as patch:
        faulty.dies_before_commit(patch, outside=database if outside else None)
        with pytest.raises(Died):
            await dying.store(events.records(*REPORTS))
    await dying.close()
    assert _kinds(await faults(database, REPORTS)) == {"lost"} | ({"published, not stored"} if outside else set())
    successor = ledger(database, tmp_path)
    await successor.store(events.records(*REPORTS))
    await successor.close()
    assert _kinds(await faults(database, REPORTS)) == ({"published twice"} if outside else set())


def _kinds(found: list[str]) -> set[str]:
    return {one.partition(":")[0] for one in found}


async def test_the_sound_ledger_publishes_everything(database: str, tmp_path: Path) -> None:
    """The same check on the code as it is."""
    store = ledger(database, tmp_path)
    await store.store(events.records(*REPORTS))
    await store.close()
    assert await faults(database, REPORTS) == []
