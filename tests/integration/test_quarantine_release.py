"""Held results are let through, closed, ignored: each with a person and a time, through the same door as any sample."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest

from schemas.patient_event import Coding, LabReport
from services.clock.timers import Timers
from services.ledger import held_items, quarantine, stewarding
from services.ledger.batch import Ledger
from services.ledger.opening import open_ledger
from services.ledger.quarantine import Wanted
from services.ledger.stewarding import RELEASE, NotNow
from services.mapping.mapped import Quarantined
from services.shared.clock import SystemClock
from tests.real import events
from tests.real.ledgers import ask, one, settings, stream

OPEN = "SELECT reason FROM quarantine WHERE closed_at IS NULL ORDER BY reason, id"
COUNTS = "SELECT sum(results), sum(stored), sum(duplicate), sum(quarantined), sum(ignored) FROM source_message"
MENDED = '[[code]]\nlaboratory = "LAB1"\ncode = "KALC"\nanalyte = "ca"\n'


def local(number: int, value: str = "3.62", code: str = "KALC", **more: Any) -> LabReport:
    """A calcium under the laboratory's own code."""
    made = events.report(number, {"ca_mmol": value}, **more)
    coded = tuple(
        msgspec.structs.replace(r, code=(Coding(code=code, system="L", display="Kalcij"),)) for r in made.results
    )
    return events.again(made, results=coded)


class Bench:
    """One made-up hospital: what came in, a steward, and the clock that carries out what was decided."""

    def __init__(self, database: str, folder: Path) -> None:
        self.database, self.folder = database, folder
        self._offset = 0

    def ledger(self, site: str = "") -> Ledger:
        own = settings(self.database, self.folder)
        if site:
            file = self.folder / "site.toml"
            file.write_text(site)
            own = own.model_copy(update={"site": file})
        return open_ledger(own, stream())

    async def takes(self, *reports: LabReport, site: str = "") -> None:
        store = self.ledger(site)
        await store.store(events.records(*reports, start=self._offset))
        await store.close()
        self._offset += len(reports)

    async def fires(self, site: str = "") -> int:
        store = self.ledger(site)
        timers = Timers(self.database, SystemClock(), every=1, actions={RELEASE: store.readmitter()})
        try:
            return await timers.fire()
        finally:
            await timers.close()
            await store.close()

    async def does(self, work: Any) -> Any:
        async with await psycopg.AsyncConnection.connect(self.database) as conn:
            return await work(conn)

    def ids(self) -> list[str]:
        return [row[0] for row in ask(self.database, "SELECT id::text FROM quarantine ORDER BY received_at, id")]

    async def releases(self, who: str = "vida", note: str = "") -> Any:
        return await self.does(lambda conn: stewarding.release(conn, self.ids(), who, note))


@pytest.fixture
def bench(database: str, tmp_path: Path) -> Bench:
    return Bench(database, tmp_path)


async def test_what_is_understood_now_is_evaluated_and_the_item_closes(bench: Bench) -> None:
    await bench.takes(local(1), local(2, "2.30"))
    assert ask(bench.database, OPEN) == [("local_code_needed",)] * 2
    found = await bench.releases(note="mapping mended")
    assert found.items == 2
    assert ask(bench.database, "SELECT who, note, cardinality(items) FROM quarantine_release") == [
        ("vida", "mapping mended", 2)
    ]
    assert await bench.fires(MENDED) == 2, "a transaction a person"
    assert ask(bench.database, OPEN) == []
    assert ask(bench.database, "SELECT rule, condition, severity FROM alert") == [("CA_HIGH", "active", "CRITICAL")]
    assert ask(bench.database, "SELECT DISTINCT closed_by, closed_as FROM quarantine") == [("vida", "released")]
    assert ask(bench.database, COUNTS) == [(2, 2, 0, 0, 0)]
    version = one(bench.database, "SELECT DISTINCT site_version FROM quarantine_log WHERE kind = 'taken'")
    assert len(version) == 12, "the site file that read it"
    assert one(bench.database, "SELECT count(*) FROM delivery") == 2


async def test_what_is_still_not_understood_stays_with_todays_reason(bench: Bench) -> None:
    await bench.takes(local(1, "362"))
    await bench.releases()
    await bench.fires(MENDED)
    assert ask(bench.database, OPEN) == [("outside_hard_limit",)]
    assert ask(bench.database, "SELECT kind, note FROM quarantine_log ORDER BY id") == [
        ("released", ""), ("still_held", "outside_hard_limit"),
    ]  # fmt: skip
    assert ask(bench.database, COUNTS) == [(1, 0, 0, 1, 0)]
    assert one(bench.database, "SELECT count(*) FROM alert") == 0


async def test_what_looks_critical_only_when_it_is_read_again_is_called_for(bench: Bench) -> None:
    made = local(1, "13.9")
    await bench.takes(events.again(made, results=tuple(msgspec.structs.replace(r, unit="") for r in made.results)))
    assert ask(bench.database, "SELECT kind FROM timer") == []
    await bench.releases()
    await bench.fires(MENDED)
    assert ask(bench.database, "SELECT reason, analyte, would_be, looks_in FROM quarantine") == [
        ("unit_missing", "ca", "CRITICAL", "mg/dL")
    ]
    due = one(bench.database, "SELECT due_at - clock_timestamp() FROM timer WHERE kind = 'unverified'")
    assert timedelta(minutes=13) < due <= timedelta(minutes=15)


async def test_of_old_samples_only_what_still_holds_is_told_and_as_late(bench: Bench) -> None:
    old = local(1, hours=-24 * 9)
    over = local(2, hours=-24 * 9)
    better = [events.report(2, {"ca_mmol": "2.31", "alb": "4.0"}, hours=hours) for hours in (0, 24)]
    await bench.takes(old, over, *better)
    await bench.releases()
    await bench.fires(MENDED)
    told = ask(
        bench.database,
        "SELECT p.sent_id, a.condition, a.late, d.reason FROM alert AS a JOIN patient AS p ON p.id = a.patient_id"
        " LEFT JOIN delivery AS d ON d.alert_id = a.alert_id AND d.channel = 'pager' WHERE a.rule = 'CA_HIGH' ORDER BY 1",
    )
    assert told == [("HOSP|1", "active", True, "late"), ("HOSP|2", "cleared", True, None)]
    reasons = "SELECT payload->>'reason' FROM alert_event_payload WHERE payload->>'reason' LIKE 'late%%'"
    assert {reason for (reason,) in ask(bench.database, reasons)} == {"late", "late_and_no_longer_true"}


async def test_what_a_newer_sample_was_stored_before_is_late_however_fresh(bench: Bench) -> None:
    await bench.takes(local(1, hours=-3), events.report(1, {"ca_mmol": "3.40", "alb": "4.0"}, order="newer"))
    await bench.releases()
    await bench.fires(MENDED)
    opened = ask(bench.database, "SELECT opened_at, late FROM alert WHERE rule = 'CA_HIGH' AND condition = 'active'")
    assert opened == [(events.NOW - timedelta(hours=3), True)]


async def test_a_release_twice_or_after_a_redelivery_stores_once(bench: Bench) -> None:
    await bench.takes(local(1))
    await bench.releases()
    await bench.takes(events.again(local(1, salt="again")), site=MENDED)
    assert ask(bench.database, OPEN) == [], "it arrived acceptable meanwhile"
    await bench.fires(MENDED)
    assert one(bench.database, "SELECT count(*) FROM result") == 1
    with pytest.raises(NotNow):
        await bench.releases()


async def test_a_message_of_nobody_is_moved_to_the_patient_the_file_takes_now(bench: Bench) -> None:
    listed = '[identifier]\nauthorities = ["OTHER"]\n'
    await bench.takes(events.report(1, {"ca_mmol": "3.62"}), site=listed)
    assert ask(bench.database, OPEN) == [("unlisted_authority",)]
    assert one(bench.database, "SELECT count(*) FROM patient") == 0
    await bench.releases()
    ask(bench.database, "DELETE FROM timer WHERE kind <> 'quarantine_release'")
    await bench.does(lambda conn: _in_force(conn, '[identifier]\nauthorities = ["OTHER", "HOSP"]\n'))
    await bench.fires(listed)
    assert ask(bench.database, OPEN) == []
    assert ask(bench.database, "SELECT p.sent_id FROM alert JOIN patient AS p ON p.id = patient_id") == [("HOSP|1",)]


async def _in_force(conn: Any, content: str) -> None:
    from services.ledger import site_in_force  # noqa: PLC0415 - one test changes the file behind the ledger's back
    from services.mapping.site_file import read_site  # noqa: PLC0415 - the same

    site = read_site(content)
    await site_in_force.keep(conn, site)
    await conn.execute(
        "INSERT INTO active_version (kind, version, hash, from_at, who) VALUES ('site', %s, %s, clock_timestamp(), 'x')",
        (site.version, site_in_force.hash_of(content)),
    )


async def test_closing_needs_a_reason_and_can_be_taken_back(bench: Bench) -> None:
    await bench.takes(local(1))
    (item,) = bench.ids()
    with pytest.raises(NotNow):
        await bench.does(lambda conn: stewarding.close(conn, [item], "vida", ""))
    await bench.does(lambda conn: stewarding.close(conn, [item], "vida", "another patient, says the laboratory"))
    found = await bench.does(lambda conn: quarantine.one(conn, UUID(item)))
    assert (found.closed_by, found.closed_as, found.close_reason) == (
        "vida", "closed", "another patient, says the laboratory",
    )  # fmt: skip
    with pytest.raises(NotNow):
        await bench.releases()
    await bench.does(lambda conn: stewarding.reopen(conn, item, "vida"))
    await bench.does(lambda conn: stewarding.remark(conn, item, "vida", "asked again"))
    kinds = [entry.kind for entry in await bench.does(lambda conn: quarantine.log(conn, UUID(item)))]
    assert kinds == ["closed", "reopened", "noted"]
    with pytest.raises(psycopg.errors.RestrictViolation):
        ask(bench.database, "DELETE FROM quarantine_log")


async def test_what_a_person_closes_while_it_is_read_again_stays_closed(bench: Bench) -> None:
    """The item was read as open, the close was stored, then comes what the reading made of it."""
    await bench.takes(local(1), local(2))
    (event, other) = (
        e for (e,) in ask(bench.database, "SELECT event_id::text FROM quarantine ORDER BY received_at, id")
    )
    found = await bench.does(lambda conn: held_items.of(conn, [event, other]))
    assert [held_items.returns(item) for item in found] == [True, True]
    await bench.does(lambda conn: stewarding.close(conn, [found[0].id], "vida", "another patient"))
    again = Quarantined(reason="unit_missing", index=0, segment=4)
    await bench.does(lambda conn: held_items.amend(conn, [(item.id, again) for item in found]))
    assert ask(bench.database, "SELECT id::text, closed_as FROM quarantine WHERE closed_by = 'vida'") == [
        (found[0].id, "closed")
    ]
    assert ask(bench.database, OPEN) == [("unit_missing",)], "the other one is held for the reason of today"


async def test_an_unknown_code_is_one_line_and_is_ignored_at_its_laboratory_only(bench: Bench) -> None:
    other = events.again(local(3, code="XX"), results=tuple(
        msgspec.structs.replace(r, laboratory="LAB2") for r in local(3, code="XX").results))  # fmt: skip
    await bench.takes(local(1, code="XX"), local(2, "2.30", code="XX"), other, local(4, "3.70"))
    groups, _ = await bench.does(lambda conn: quarantine.groups(conn, Wanted()))
    assert [(g.code, g.laboratory, g.count) for g in groups] == [
        ("XX", "LAB1", 2),
        ("KALC", "LAB1", 1),
        ("XX", "LAB2", 1),
    ]
    assert (groups[0].display, sorted(groups[0].examples)) == ("Kalcij", ["2.30", "3.62"])
    ignoring = lambda reason: lambda conn: stewarding.ignore(conn, "LAB1", "XX", reason, "vida", "no use")  # noqa: E731 - two calls
    with pytest.raises(NotNow):
        await bench.does(ignoring("unit_missing"))
    assert await bench.does(ignoring("local_code_needed")) == 2
    await bench.takes(local(5, code="XX"))
    assert ask(bench.database, "SELECT laboratory, code FROM quarantine WHERE closed_at IS NULL ORDER BY 1, 2") == [
        ("LAB1", "KALC"), ("LAB2", "XX"),
    ]  # fmt: skip
    assert ask(bench.database, COUNTS) == [(5, 0, 0, 2, 3)]
    (feed,) = await bench.does(quarantine.feeds)
    assert (feed.came, feed.ignored, feed.quarantined, feed.adds_up) == (5, 3, 2, True)
    assert await bench.does(lambda conn: stewarding.heed(conn, "LAB1", "XX", "vida")) == 3
    assert ask(bench.database, COUNTS) == [(5, 0, 0, 5, 0)]


async def test_pages_of_items_neither_repeat_nor_skip(bench: Bench) -> None:
    await bench.takes(*(local(n % 3, str(n), hours=n / 60, code=f"C{n % 4}") for n in range(1, 14)))
    seen: list[Any] = []
    cursor = ""
    while True:
        found, cursor = await bench.does(lambda conn, c=cursor: quarantine.items(conn, Wanted(), c, 4))
        seen += [item.id for item in found]
        if not cursor:
            break
    assert len(seen) == len(set(seen)) == 13
    first, more = await bench.does(lambda conn: quarantine.groups(conn, Wanted(), "", 3))
    rest, end = await bench.does(lambda conn: quarantine.groups(conn, Wanted(), more, 3))
    assert (len(first), len(rest), end) == (3, 1, "")
    with pytest.raises(quarantine.WrongCursor):
        await bench.does(lambda conn: quarantine.items(conn, Wanted(), "nonsense", 4))


async def test_two_stewards_at_once_release_once(bench: Bench) -> None:
    await bench.takes(local(1))
    await asyncio.gather(bench.releases("vida"), bench.releases("metka"))
    await bench.fires(MENDED)
    assert one(bench.database, "SELECT count(*) FROM result") == 1
    assert ask(bench.database, COUNTS) == [(1, 1, 0, 0, 0)]


async def test_a_clock_that_dies_in_the_middle_leaves_it_to_the_next_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.takes(local(1))
    await bench.releases()
    monkeypatch.setattr("services.ledger.settling._PAGES_OVER", "SELECT 1/0, %s::text[]")
    assert await bench.fires(MENDED) == 0
    assert (one(bench.database, "SELECT count(*) FROM result"), ask(bench.database, OPEN)) == (
        0,
        [("local_code_needed",)],
    )
    monkeypatch.undo()
    assert await bench.fires(MENDED) == 1
    assert ask(bench.database, "SELECT rule FROM alert") == [("CA_HIGH",)]


async def test_the_call_for_it_ends_with_it(bench: Bench) -> None:
    made = events.report(1, {"ca_mmol": "13.9"})
    await bench.takes(events.again(made, results=tuple(msgspec.structs.replace(r, unit="") for r in made.results)))
    calls = "SELECT count(*) FROM operations_alert WHERE kind = 'steward_page' AND closed_at IS NULL"
    assert one(bench.database, calls) == 1
    await bench.does(lambda conn: stewarding.close(conn, bench.ids(), "vida", "telephoned: 2.41 mmol/L, sent anew"))
    assert one(bench.database, calls) == 0
