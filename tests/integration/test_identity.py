"""Who a result belongs to: conflicts are held, shared numbers are asked about, merges come from who may merge."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from schemas.patient_event import ContextChange, Event, Identifier, LabReport, PatientMerge
from services.ledger.batch import Ledger
from services.ledger.opening import open_ledger
from services.mapping.site_file import read_site
from tests.real import events
from tests.real.ledgers import ask, ledger, one, settings, stream

ZZZS = Identifier(value="777", authority="ZZZS", type="HC")
HELD = "SELECT reason, code, would_be FROM quarantine ORDER BY segment"
COUNTS = "SELECT results, stored, duplicate, quarantined, ignored FROM source_message ORDER BY received_at"


def named(event: LabReport, *more: Identifier, **changes: str) -> LabReport:
    """With all numbers of PID-3, and other words on the person."""
    authority, _, value = event.patient.id.partition("|")
    numbers = (Identifier(value=value, authority=authority), *more)
    return msgspec.structs.replace(
        event, patient=msgspec.structs.replace(event.patient, identifiers=numbers, **changes)
    )


async def stored(database: str, folder: Path, *given: Event, store: Ledger | None = None) -> None:
    own = store or ledger(database, folder)
    start = one(database, "SELECT coalesce(max(next_offset), 0) FROM consumer_offset")
    outcome = await own.store(events.records(*given, start=start))
    await own.close()
    assert outcome.dead_letters == 0


async def test_two_of_three_that_contradict_the_record_are_held_and_the_record_stays(
    database: str, tmp_path: Path
) -> None:
    first = named(events.report(1, {"ca": "9.0"}))
    other = named(events.report(1, {"ca": "13.9", "k": "4.0"}, hours=1), family="Otherwise", sex="M")
    wedding = named(events.report(1, {"ca": "9.1"}, hours=2), family="Otherwise")
    await stored(database, tmp_path, first, other, wedding)
    assert ask(database, HELD) == [("identity_conflict", "17861-6", "CRITICAL"), ("identity_conflict", "2823-3", "")]
    assert ask(database, COUNTS) == [(1, 1, 0, 0, 0), (2, 0, 0, 2, 0), (1, 1, 0, 0, 0)]
    assert ask(database, "SELECT sex, family FROM patient") == [("F", "Otherwise")]
    assert one(database, "SELECT count(*) FROM alert") == 0
    detail = one(database, "SELECT detail FROM operations_alert WHERE key LIKE 'identity_conflict:%'")
    assert "family name and sex contradict the record" in detail
    assert "Otherwise" not in detail


async def test_two_known_patients_in_one_message_are_held_and_asked_about(database: str, tmp_path: Path) -> None:
    one_, other = events.report(1, {"ca": "9.0"}), events.report(2, {"ca": "9.0"})
    both = named(events.report(1, {"ca": "9.2"}, hours=1), Identifier(value="2", authority="HOSP"))
    await stored(database, tmp_path, named(one_), named(other), both)
    assert ask(database, HELD) == [("identity_conflict", "17861-6", "")]
    assert ask(database, "SELECT reason, state FROM patient_link") == [("identity_conflict", "open")]


async def test_a_number_that_two_records_share_is_a_question_and_nothing_is_held(database: str, tmp_path: Path) -> None:
    here = named(events.report(1, {"ca": "9.0"}), ZZZS)
    there = named(msgspec.structs.replace(
        events.report(2, {"ca": "9.0"}), patient=msgspec.structs.replace(events.patient(2), id="OTHER|5")), ZZZS)  # fmt: skip
    await stored(database, tmp_path, here, there)
    await stored(database, tmp_path, named(events.report(1, {"ca": "9.1"}, hours=1), ZZZS))
    assert ask(database, HELD) == []
    assert ask(database, "SELECT reason, state FROM patient_link") == [("same_number", "open")]
    assert one(database, "SELECT count FROM operations_alert WHERE key LIKE 'patient_link:%'") == 1
    assert one(database, "SELECT count(*) FROM patient_alias") == 0
    confirmed = PatientMerge(
        event_id=events.merge(1, 2).event_id, patient=here.patient, retired=there.patient,
        source=msgspec.structs.replace(events.source("x", events.NOW), format="halo", sender="steward1"),
    )  # fmt: skip
    await stored(database, tmp_path, confirmed)
    assert ask(database, "SELECT state, decided_by FROM patient_link") == [("confirmed", "steward1")]
    assert one(database, "SELECT count(*) FROM patient_alias") == 1


async def test_a_number_that_came_before_its_own_record_is_a_question_not_a_conflict(
    database: str, tmp_path: Path
) -> None:
    here = [named(events.report(1, {"ca": "9.0"}, hours=n), ZZZS) for n in range(3)]
    alone = msgspec.structs.replace(
        events.report(2, {"ca": "9.0"}), patient=msgspec.structs.replace(
            events.patient(2), id="ZZZS|777", identifiers=(ZZZS,)))  # fmt: skip
    await stored(database, tmp_path, here[0], alone, *here[1:])
    assert ask(database, HELD) == []
    assert ask(database, "SELECT reason, state FROM patient_link") == [("same_number", "open")]


async def test_an_order_number_on_two_patients_is_kept_on_both_and_told(database: str, tmp_path: Path) -> None:
    await stored(
        database, tmp_path, events.report(1, {"ca": "9.0"}, order="7"), events.report(1, {"k": "4"}, order="7")
    )
    assert one(database, "SELECT count(*) FROM operations_alert") == 0
    await stored(database, tmp_path, events.report(2, {"ca": "9.0"}, order="7"))
    assert one(database, "SELECT count(*) FROM result") == 3
    assert "order_id_reused" in one(database, "SELECT detail FROM operations_alert WHERE key = 'order_id_reused:LAB1'")


async def test_a_merge_by_a_sender_that_may_not_is_only_proposed(database: str, tmp_path: Path) -> None:
    text = '[[sender]]\nname = "lab"\napplication = "LIS"\nfacility = "LAB1"\n'
    path = tmp_path / "site.toml"
    path.write_text(text)
    assert not read_site(text).may_merge(events.source("x", events.NOW))
    closed = open_ledger(settings(database, tmp_path, site=path), stream())
    await stored(database, tmp_path, events.report(1, {"ca": "9.0"}), events.merge(1, 2), store=closed)
    assert ask(database, "SELECT reason, state FROM patient_link") == [("merge_not_allowed", "open")]
    assert (
        one(database, "SELECT count(*) FROM patient_merge"),
        one(database, "SELECT count(*) FROM patient_alias"),
    ) == (0, 0)


async def test_a_link_of_a_sender_waits_for_a_person(database: str, tmp_path: Path) -> None:
    link = msgspec.structs.replace(events.merge(1, 2), link=True)
    await stored(database, tmp_path, link)
    assert ask(database, "SELECT reason FROM patient_link") == [("linked_by_sender",)]
    assert one(database, "SELECT count(*) FROM patient_merge") == 0


@pytest.mark.parametrize("parted", [(1, 2), (2, 1)])
async def test_parting_undoes_a_merge_whichever_is_named_first(
    database: str, tmp_path: Path, parted: tuple[int, int]
) -> None:
    await stored(database, tmp_path, events.report(1, {"ca": "9.0"}), events.merge(1, 2))
    assert one(database, "SELECT count(*) FROM patient_alias") == 1
    await stored(database, tmp_path, events.merge(*parted, hours=1, undo=True))
    assert one(database, "SELECT count(*) FROM patient_alias") == 0


async def test_administration_about_somebody_else_is_held_too(database: str, tmp_path: Path) -> None:
    known = named(events.report(1, {"ca": "9.0"}))
    change = events.context_change(1, hours=1)
    wrong = msgspec.structs.replace(change.patient, family="Otherwise", birth_date="1960-05-05")
    await stored(database, tmp_path, known, msgspec.structs.replace(change, patient=wrong))
    assert ask(database, "SELECT reason, place FROM quarantine") == [("identity_conflict", -1)]
    assert one(database, "SELECT birth_date FROM patient") == "1950-01-01"


async def test_administration_of_an_unlisted_number_is_held_and_makes_no_patient(database: str, tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text('[identifier]\nauthorities = ["ZZZS"]\n')
    many: list[ContextChange] = [events.context_change(n) for n in range(25)]
    await stored(database, tmp_path, *many, store=open_ledger(settings(database, tmp_path, site=path), stream()))
    assert one(database, "SELECT count(*) FROM quarantine WHERE reason = 'unlisted_authority'") == 25
    assert one(database, "SELECT count(*) FROM patient") == 0
