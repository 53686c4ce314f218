"""A report becomes results: identity, versions, times, what results of one draw say of each other, what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.logic import Interval
from alerts.result import Status
from schemas.errors import UndecodableEvent
from schemas.identity import slot_id
from schemas.patient_event import Absent, Coded, Coding, Quantity, Text
from services.mapping.report import map_report
from services.mapping.site import DEFAULT_SITE
from tests.unit.reports import report, result, text

CALCIUM = "2000-8"


def calcium(number: str = "2.81", **fields: object):
    return result(CALCIUM, number, "mmol/L", **fields)


def one(*results, **fields):
    (mapped,) = map_report(report(*results, **fields)).results
    return mapped


def reason(*results, **fields) -> list[str]:
    mapped = map_report(report(*results, **fields))
    assert not mapped.results
    return [item.reason for item in mapped.quarantined]


# ---------------------------------------------------------------------------------------------- identity, versions


def test_the_slot_is_patient_laboratory_order_code_and_sub_id() -> None:
    mapped = one(calcium(sub_id="2"))
    assert mapped.slot == slot_id("MADEUP|1", "LAB1", "O-1", CALCIUM, "LN", "2")
    assert one(calcium("2.5", sub_id="2", status="C")).slot == mapped.slot


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"filler_order": "F", "accession": "A", "specimen": "S", "placer_order": "P"}, "F"),
        ({"filler_order": "", "accession": "A", "specimen": "S", "placer_order": "P"}, "A"),
        ({"filler_order": "", "specimen": "S", "placer_order": "P"}, "S"),
        ({"filler_order": "", "placer_order": "P"}, "P"),
        ({"filler_order": ""}, "2026-03-01T06:15:00+00:00"),
    ],
)
def test_the_order_key_takes_the_first_that_is_there(given: dict[str, str], key: str) -> None:
    mapped = one(calcium(**given))
    assert mapped.slot == slot_id("MADEUP|1", "LAB1", key, CALCIUM, "LN", "")
    assert ("weak_identity" in mapped.flags) is (key.startswith("2026"))


def test_the_same_again_is_the_same_id_and_any_change_is_another() -> None:
    first = one(calcium()).result_id
    assert one(calcium()).result_id == first
    changed = [
        calcium("2.82"), calcium(status="C"), calcium(reference_range="2.1-2.6"), calcium(method="ISE"),
        calcium(flags=("H",)), calcium(comments=("repeated",)), calcium(specimen_conditions=("HEM",)),
        calcium(reported_at="2026-03-01T08:30:00+01:00"), calcium(collected_at="2026-03-01T07:16:00+01:00"),
        calcium(sub_id="2"), result(CALCIUM, Quantity(number="2.81", comparator="<"), "mmol/L"),
        result(CALCIUM, "2.81", "mmol/l"),
    ]  # fmt: skip
    ids = {one(sent).result_id for sent in changed}
    assert first not in ids
    assert len(ids) == len(changed)


def test_a_new_message_time_alone_is_the_same_result_where_the_laboratory_gave_a_time_of_its_own() -> None:
    own = calcium(reported_at="2026-03-01T08:30:00+01:00")
    again = report(own, sent_at="2026-03-02T09:00:00+01:00", received_at="2026-03-02T08:00:00Z")
    assert map_report(again).results[0].result_id == one(own, sent_at="2026-03-01T08:31:00+01:00").result_id


@pytest.mark.parametrize(
    ("fields", "sent_at", "expected"),
    [
        (
            {"reported_at": "2026-03-01T08:30:00+01:00", "analysed_at": "2026-03-01T08:10:00+01:00"},
            "",
            ("OBR-22", 7, 30),
        ),
        ({"analysed_at": "2026-03-01T08:10:00+01:00"}, "2026-03-01T08:40:00+01:00", ("OBX-19", 7, 10)),
        ({"reported_at": "2026-03-01"}, "2026-03-01T08:40:00+01:00", ("MSH-7", 7, 40)),
        ({"reported_at": "rubbish"}, "", ("received", 8, 0)),
    ],
)
def test_the_version_time_is_the_first_valid_one(
    fields: dict[str, str], sent_at: str, expected: tuple[str, int, int]
) -> None:
    mapped = one(calcium(**fields), sent_at=sent_at)
    assert (mapped.version_time_from, mapped.version_time.hour, mapped.version_time.minute) == expected


def test_one_order_and_code_twice_is_told_apart_by_specimen_or_time() -> None:
    by_specimen = map_report(report(calcium(specimen="S1"), calcium("2.5", specimen="S2"))).results
    assert len({r.slot for r in by_specimen}) == 2
    by_time = map_report(report(calcium(), calcium("2.5", collected_at="2026-03-01T06:15:00+01:00"))).results
    assert len({r.slot for r in by_time}) == 2


def test_one_order_and_code_twice_without_a_difference_is_quarantined_unless_it_is_the_same_words() -> None:
    assert reason(calcium("2.81"), calcium("3.9")) == ["slot_repeated", "slot_repeated"]
    same = map_report(report(calcium(), calcium())).results
    assert len({r.result_id for r in same}) == 1


def test_a_quarantined_item_names_its_slot_where_it_has_one() -> None:
    (item,) = map_report(report(calcium("99"))).quarantined
    assert item.slot == one(calcium()).slot, "the item closes when an acceptable result of this slot arrives"
    repeated = map_report(report(calcium("2.81"), calcium("3.9"))).quarantined
    assert {item.slot for item in repeated} == {""}


def test_a_bound_below_zero_is_no_quantity() -> None:
    below = Quantity(number="-1", comparator=">")
    assert reason(result("33358-3", below, "g/L")) == ["outside_hard_limit"]


def test_provenance_and_mapping_version_are_kept() -> None:
    mapped = one(calcium())
    assert (mapped.source.segment, mapped.source.offset, mapped.source.length) == (5, 100, 40)
    assert mapped.mapping_version == "2026.1+default"


# ------------------------------------------------------------------------------------------------------------ times


def test_collection_is_utc_with_the_offset_as_sent() -> None:
    mapped = one(calcium())
    assert mapped.collected_at == datetime(2026, 3, 1, 6, 15, tzinfo=UTC)
    assert mapped.collected_offset == 60


@pytest.mark.parametrize(("time", "expected"), [("", "collected_missing"), ("2026-03", "collected_missing"),
                                                ("2026-03-01T09:16:00+01:00", "collected_in_future")])  # fmt: skip
def test_collection_times_that_cannot_be(time: str, expected: str) -> None:
    mapped = map_report(report(calcium("3.9", collected_at=time)))
    assert not mapped.results
    assert [(item.reason, item.would_be) for item in mapped.quarantined] == [(expected, "CRITICAL")]


def test_fifteen_minutes_ahead_is_a_clock_and_today_as_a_bare_date_is_no_future() -> None:
    assert one(calcium(collected_at="2026-03-01T09:15:00+01:00"))
    today = one(calcium(collected_at="2026-03-01"))
    assert (today.collected_at.hour, today.flags) == (12, ("date_only",))


def test_before_birth() -> None:
    assert reason(calcium(), birth_date="2026-03-02") == ["collected_before_birth"]
    assert one(calcium(), birth_date="2026-03-01")
    assert one(calcium(), birth_date="1950")


def test_a_withdrawal_without_collection_time_still_withdraws_and_a_pending_one_may_lie_ahead() -> None:
    mapped = one(calcium(status="W", collected_at=""))
    assert (mapped.status, mapped.flags) == (Status.WRONG_PATIENT, ("collected_unknown",))
    assert one(calcium(status="I", collected_at="2026-03-01T18:00:00+01:00")).status is Status.PENDING


def test_an_event_without_a_receiving_time_is_not_ours() -> None:
    with pytest.raises(UndecodableEvent, match="received_at"):
        map_report(report(calcium(), received_at="yesterday"))


# ---------------------------------------------------------------------------------------------------------- statuses


@pytest.mark.parametrize("status", ["U", "B", "V", "X", "I", "O", "N", "D", "W"])
def test_a_status_that_brings_no_value_never_counts_as_one(status: str) -> None:
    mapped = one(calcium("9.9", status=status))
    assert (mapped.kind, mapped.value, mapped.interval) == ("NO_VALUE", None, None)


def test_not_obtained_keeps_the_reason() -> None:
    assert one(text("2823-3", "premalo vzorca", status="X")).reason == "insufficient"
    assert one(text("2823-3", "po dogovoru", status="X")).reason == "not_obtained"


def test_entered_in_error_hides_the_value_and_says_whose_word_it_was() -> None:
    mapped = one(calcium(status="entered-in-error"))
    assert (mapped.status, mapped.flags) == (Status.WRONG_PATIENT, ("entered_in_error",))


@pytest.mark.parametrize("status", ["", "f", "Z", "unknown", "FINAL"])
def test_other_statuses_are_quarantined_with_their_urgency(status: str) -> None:
    (item,) = map_report(report(calcium("3.9", status=status))).quarantined
    assert (item.reason, item.would_be, item.analyte) == ("unknown_status", "CRITICAL", "ca")


# -------------------------------------------------------------------------------------------------------- quarantine


@pytest.mark.parametrize(
    ("code", "number", "unit", "expected"),
    [
        (CALCIUM, "13.9", "", ("unit_missing", "CRITICAL")),  # mg/dL: 3.468
        (CALCIUM, "3.8", "", ("unit_missing", "CRITICAL")),
        (CALCIUM, "2.4", "", ("unit_missing", "CRITICAL")),  # meq/L: 1.2
        (CALCIUM, "10.4", "mmol/L", ("looks_like_mg_dl", "CRITICAL")),  # meq/L: 5.2
        (CALCIUM, "14", "mmol/L", ("looks_like_mg_dl", "CRITICAL")),
        ("2823-3", "12.1", "mmol/L", ("outside_hard_limit", "CRITICAL")),
        ("2823-3", "7.0", "MMOL/L", ("unit_not_allowed", "CRITICAL")),
        ("2823-3", "4.0", "MMOL/L", ("unit_not_allowed", "")),
        ("718-7", "10.9", "g/L", ("looks_like_g_dl", "")),
        ("718-7", "6.5", "g/L", ("looks_like_g_dl", "CRITICAL")),
        ("777-3", "24000", "/uL", ("unit_not_allowed", "")),
        ("2465-3", "1.234,5", "mg/dL", ("ambiguous_number", "")),
        ("3128-6", "5,0.0", "cP", ("ambiguous_number", "CRITICAL")),
        ("11050-2", "2540", "mg/L", ("total_light_chain_code", "")),
    ],
)  # fmt: skip
def test_a_value_in_quarantine_says_how_urgent_it_may_be(
    code: str, number: str, unit: str, expected: tuple[str, str]
) -> None:
    (item,) = map_report(report(result(code, number, unit))).quarantined
    assert (item.reason, item.would_be) == expected
    assert (item.value, item.unit, item.segment) == (number, unit, 5)


def test_unknown_codes_and_files() -> None:
    assert reason(result("9999-9", "5", "g/L")) == ["local_code_needed"]
    assert reason(result("K", "5", "mmol/L", system="L")) == ["local_code_needed"]
    assert reason(result("k", "5", "mmol/L", system="")) == ["local_code_needed"], "an id is no code of a laboratory"
    assert reason(result("x", "5", code=())) == ["local_code_needed"]
    mapped = map_report(report(result("PDF", Absent(reason="document"), system="L")))
    assert [(item.reason, item.code) for item in mapped.ignored] == [("document", "PDF")]


def test_codings_that_mean_different_things_are_not_chosen_between() -> None:
    both = (Coding(code=CALCIUM, system="LN"), Coding(code="1994-3", system="LN"))
    assert reason(result("", "2.8", "mmol/L", code=both)) == ["different_quantity"]
    one_known = (Coding(code="CA", system="L"), Coding(code=CALCIUM, system="http://loinc.org"))
    assert one(result("", "2.8", "mmol/L", code=one_known)).analyte == "ca"
    total = (Coding(code="36916-5", system="LN"), Coding(code="11050-2", system="LN"))
    assert reason(result("", "2540", "mg/L", code=total)) == ["total_light_chain_code"]


def test_nobodys_results_are_all_quarantined() -> None:
    assert reason(calcium(), calcium(sub_id="2"), id="") == ["patient_missing"] * 2


# ------------------------------------------------------------------------------------------------------------ values


def test_text_that_nobody_understands_is_kept_without_a_value_and_marked() -> None:
    mapped = one(text(CALCIUM, "glej komentar", "mmol/L"))
    assert (mapped.kind, mapped.reason, mapped.flags, mapped.comments) == (
        "NO_VALUE",
        "unparsed",
        ("unparsed",),
        ("glej komentar",),
    )


def test_one_band_of_the_m_protein_is_marked_and_the_total_is_not() -> None:
    assert one(result("51435-6", "8", "g/L")).flags == ("single_band",)
    assert one(result("33358-3", "8", "g/L")).flags == ()


def test_words_need_no_unit_and_bounds_do() -> None:
    assert one(text("33358-3", "sled")).interval == Interval(
        Decimal(0), Decimal(1), low_closed=False, high_closed=False
    )
    assert reason(text("33358-3", "< 1")) == ["unit_missing"]
    assert one(text("33358-3", "< 0,1", "g/dL")).interval == Interval(Decimal(0), Decimal(1), high_closed=False)


def test_a_word_for_an_analyte_without_a_limit_of_quantification_says_nothing_but_that_it_is_not_negative() -> None:
    assert one(text("2458-8", "negativno")).interval == Interval(Decimal(0), None, high_closed=False)


def test_a_coded_number_is_not_read_as_a_number() -> None:
    assert one(result(CALCIUM, Coded(codings=(Coding(code="5"),)), "mmol/L")).reason == "unparsed"
    assert one(result("33358-3", Coded(codings=(Coding(code="N1", display="Negativno"),)))).coded == "negative"


@pytest.mark.parametrize(
    ("number", "comparator", "expected"),
    [
        ("1", "<", "looks_like_mg_dl"),
        ("3000.1", ">", "outside_hard_limit"),
        ("10", "~", "ambiguous_number"),
    ],
)
def test_bounds_are_checked_like_numbers(number: str, comparator: str, expected: str) -> None:
    assert reason(result("14682-9", Quantity(number=number, comparator=comparator), "umol/L")) == [expected]


def test_the_reference_range_is_converted_with_the_value() -> None:
    mapped = one(result("718-7", "9,6", "g/dL", reference_range="12,0 - 15,0"))
    assert (mapped.value, mapped.reference_low, mapped.reference_high) == (Decimal(96), Decimal(120), Decimal(150))


def test_immunofixation_is_coded_and_its_text_kept() -> None:
    mapped = one(text("25700-6", "Monoklonski IgG kapa"))
    assert (mapped.kind, mapped.coded, mapped.interval) == ("CODED", "positive:IgG-kappa", None)
    assert mapped.comments == ("Monoklonski IgG kapa",)


def test_an_electrophoresis_comment_gives_no_number() -> None:
    mapped = one(text("12851-2", "3 g/L"))
    assert (mapped.kind, mapped.reason, mapped.value, mapped.comments) == ("NO_VALUE", "comment", None, ("3 g/L",))


def test_clumped_platelets_are_no_value() -> None:
    assert one(result("777-3", "24", "10*9/L", comments=("agregati trombocitov",))).reason == "clumped"
    assert one(result("777-3", "24", "10*9/L", comments=("brez agregatov",))).value == Decimal(24)


# ----------------------------------------------------------------------------------------------------------- one draw


def test_total_protein_below_albumin_is_queried_on_both() -> None:
    mapped = map_report(report(result("2885-2", "39.9", "g/L"), result("1751-7", "40", "g/L"))).results
    assert [(r.quality, r.flags) for r in mapped] == [("QUERY", ("protein_below_albumin",))] * 2
    equal = map_report(report(result("2885-2", "40", "g/L"), result("1751-7", "40", "g/L"))).results
    assert {r.quality for r in equal} == {"ACCEPT"}


@pytest.mark.parametrize(("m", "quality"), [("35", "ACCEPT"), ("35.1", "QUERY")])
def test_m_protein_above_the_globulins_is_queried(m: str, quality: str) -> None:
    mapped = map_report(
        report(result("33358-3", m, "g/L"), result("2885-2", "70", "g/L"), result("1751-7", "40", "g/L"))
    )
    assert [r.quality for r in mapped.results] == [quality, "ACCEPT", "ACCEPT"]


@pytest.mark.parametrize(
    ("ratio", "quality"), [("11", "ACCEPT"), ("11.01", "QUERY"), ("9", "ACCEPT"), ("0.1", "QUERY")]
)
def test_a_ratio_more_than_ten_per_cent_off_is_queried(ratio: str, quality: str) -> None:
    chains = (result("36916-5", "100", "mg/L"), result("33944-0", "10", "mg/L"))
    assert map_report(report(result("48378-4", ratio, "{ratio}"), *chains)).results[0].quality == quality


def test_results_of_other_specimens_say_nothing() -> None:
    mapped = map_report(report(
        result("33358-3", "60", "g/L", specimen="S1"),
        result("2885-2", "70", "g/L", specimen="S2"), result("1751-7", "40", "g/L", specimen="S2"),
    ))  # fmt: skip
    assert {r.quality for r in mapped.results} == {"ACCEPT"}


def test_what_another_result_contributed_is_part_of_the_id() -> None:
    m = result("33358-3", "60", "g/L")
    alone = map_report(report(m)).results[0]
    queried = map_report(report(m, result("2885-2", "70", "g/L"), result("1751-7", "40", "g/L"))).results[0]
    assert alone.slot == queried.slot
    assert alone.result_id != queried.result_id


def test_m_protein_from_its_share_only_with_the_protein_of_the_same_draw() -> None:
    share, protein = result("33647-9", "32.1", "%"), result("2885-2", "98", "g/L")
    assert [r.analyte for r in map_report(report(share)).results] == ["mpct"]
    mapped = map_report(report(share, protein))
    derived = mapped.results[-1]
    assert (derived.analyte, derived.value, derived.unit) == ("mspike", Decimal("31.458"), "g/L")
    assert derived.flags == ("derived", "from_percent")
    assert derived.slot != mapped.results[0].slot
    assert mapped.derived == 1
    own = map_report(report(share, protein, result("33358-3", "31", "g/L")))
    assert [r.analyte for r in own.results] == ["mpct", "tp", "mspike"], "the laboratory's own M goes first"


def test_a_share_corrected_with_another_protein_is_another_version_of_the_same_slot() -> None:
    share = result("33647-9", "30", "%")
    first, second = (map_report(report(share, result("2885-2", tp, "g/L"))).results[-1] for tp in ("90", "80"))
    assert first.slot == second.slot
    assert first.result_id != second.result_id


@pytest.mark.parametrize(
    ("index", "conditions", "flags"),
    [("0.49", (), ()), ("0.5", (), ("haemolysed",)), (None, ("HEM",), ("haemolysed",)), ("0.49", ("HEM",), ())],
)
def test_the_haemolysis_index_decides_and_a_flag_counts_without_one(
    index: str | None, conditions: tuple[str, ...], flags: tuple[str, ...]
) -> None:
    sent = [result("2823-3", "6.7", "mmol/L", specimen_conditions=conditions)]
    sent += [result("hi", index, "g/L", system="L")] if index else []
    assert map_report(report(*sent)).results[0].flags == flags


# --------------------------------------------------------------------------------------------------------- properties

NUMBERS = st.decimals(min_value=0, max_value=500, places=2, allow_nan=False).map(str)
UNITS = st.sampled_from(["g/L", "g/dL", "mmol/L", "mg/dL", "umol/L", "", "%", "MMOL/L", "10*9/L"])
CODES = st.sampled_from(
    ["2000-8", "1751-7", "718-7", "2823-3", "33358-3", "33647-9", "2885-2", "770-8", "777-3", "nothing"]
)
VALUES = st.one_of(NUMBERS, st.text(max_size=12).map(lambda words: Text(text=words)), st.just(Absent()))
SENT = st.builds(
    result, CODES, VALUES, UNITS,
    status=st.sampled_from([*"FPCDWXIUBVONRSA", "Z", ""]),
    collected_at=st.sampled_from(["2026-03-01T07:15:00+01:00", "2026-03-01", "", "2030-01-01"]),
    filler_order=st.sampled_from(["O-1", "O-2", ""]),
    sub_id=st.sampled_from(["", "1", "2"]),
)  # fmt: skip


@given(st.lists(SENT, max_size=8))
def test_every_result_is_accounted_for_once_and_the_same_again(sent: list[object]) -> None:
    event = report(*sent)  # type: ignore[arg-type]
    mapped = map_report(event, DEFAULT_SITE)
    assert len(mapped.results) - mapped.derived + len(mapped.quarantined) + len(mapped.ignored) == len(sent)
    assert map_report(event) == mapped
    for value in mapped.results:
        assert value.flags == tuple(sorted(set(value.flags)))
        assert (value.kind == "NO_VALUE") <= (value.interval is None)
        assert msgspec.json.decode(msgspec.json.encode(value), type=type(value)) == value
