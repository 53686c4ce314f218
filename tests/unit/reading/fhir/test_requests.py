"""Whatever the bytes, every entry is stored, ignored or refused with a reason, and nothing raises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import decode_event, encode_event
from schemas.patient_event import LabReport, Refused
from services.mapping.report import map_report
from services.reading.fhir.document import NotJson, parse
from services.reading.fhir.taking_in import read
from services.reading.formats import detect, read_file
from tests.unit.reading.fhir.made_up import NAMING, RECEIVED, Tree, bundle, observation, patient, read_tree, without


@pytest.mark.parametrize(
    "data",
    [
        b"", b"null", b"[]", b"7", b'"text"', b"{", b'{"a":1,}', b'{"a":NaN}', b'{"a":Infinity}', b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}', b"\xff\xfe{\x00}\x00", b'{"a":"\xff"}', b"<Patient/>", b"\xef\xbb\xbf<Patient/>",
        b'{"a":"\\u0000"}', b'{"a":"\\u001b"}', b'{"a":"\x01"}', b'{"a":"\\ud800"}', b'{"a":"\\udc00\\ud800"}',
        b'{"a":' * 5000, b"[" * 100_000, b'{"a":"' + b"\\" * 3,
        '{"resourceType":"Observation"}'.encode("utf-16-le"), '{"resourceType":"Observation"}'.encode("utf-32"),
    ],
)  # fmt: skip
def test_what_is_no_json_in_one_way_only(data: bytes) -> None:
    with pytest.raises(NotJson):
        parse(data)
    reading = read(data, RECEIVED, naming=NAMING)
    (event,) = reading.events
    assert isinstance(event, Refused)
    assert event.reason.startswith("not_json: ")
    assert (reading.not_json, reading.refused, len(reading.faults)) == (True, True, 1)


@pytest.mark.parametrize("text", ["\\u0161", "\\\\u0000", "\\ud83d\\ude00", "\\t\\n", "\\\\\\u0161"])
def test_what_is_escaped_and_harmless(text: str) -> None:
    assert parse(f'{{"a":"{text}"}}'.encode())["a"] == json.loads(f'"{text}"')


def test_a_byte_order_mark_is_tolerated_and_places_are_right() -> None:
    data = b"\xef\xbb\xbf" + json.dumps(bundle(observation(), type="batch")).encode()
    (report,) = (event for event in read(data, RECEIVED, naming=NAMING).events if isinstance(event, LabReport))
    place = report.results[0].where
    assert json.loads(report.raw[place.offset : place.offset + place.length]) == observation()


def test_too_many_parts_are_refused_before_they_are_held() -> None:
    reading = read(b'{"a":[' + b"[]," * 600_000 + b"[]]}", RECEIVED, naming=NAMING)
    assert reading.not_json
    many = read_tree(bundle(*[{}] * 5001))
    assert [(fault.code, fault.expression) for fault in many.all_faults] == [("too-costly", "Bundle.entry")]


def test_very_many_faulty_entries_are_recorded_as_one() -> None:
    few, many = (read_tree(bundle(*[without(observation(), "subject")] * count, observation())) for count in (100, 101))
    assert [len(reading.events) for reading in (few, many)] == [101, 2]
    (refused,) = (event for event in many.events if isinstance(event, Refused))
    assert refused.reason.startswith("required: 101 of 102 entries, the first: no subject")


@pytest.mark.parametrize(
    ("method", "code"), [("DELETE", "not-supported"), ("PATCH", "not-supported"), ("GET", "not-supported"), ("PUT", "")]
)
def test_methods_of_entries(method: str, code: str) -> None:
    tree = bundle(observation(id="o"))
    tree["entry"][0]["request"] = {"method": method, "url": "Observation/o"}
    assert [fault.code for fault in read_tree(tree).all_faults] == ([code] if code else [])


def test_of_a_transaction_everything_is_taken_or_nothing() -> None:
    trees = observation(id="o"), without(observation(), "subject")
    whole, parts = (read_tree(bundle(*trees, type=kind)) for kind in ("transaction", "batch"))
    assert [type(event).__name__ for event in whole.events] == ["Refused"]
    assert [(entry.ignored, bool(entry.faults)) for entry in whole.entries] == [(True, False), (False, True)]
    assert whole.refused
    assert [type(event).__name__ for event in parts.events] == ["LabReport", "Refused"]
    assert not parts.refused


def test_a_bundle_without_entries_and_one_that_is_an_answer() -> None:
    empty = read_tree({"resourceType": "Bundle", "type": "collection"})
    assert (empty.events, empty.entries, empty.refused) == ((), (), False)
    assert read_tree(bundle(observation(), type="batch-response")).refused
    assert read_tree({"resourceType": "Bundle", "type": "batch", "entry": {}}).refused


def test_a_type_that_is_not_used_is_ignored() -> None:
    reading = read_tree({"resourceType": "MedicationRequest", "subject": {"reference": "Patient/1"}})
    assert (reading.events, [entry.ignored for entry in reading.entries], reading.refused) == ((), [True], False)


@pytest.mark.parametrize("kind", ["Observatoin", "observation", "0", "Bundle"])
def test_a_type_that_is_none_is_refused_not_ignored(kind: str) -> None:
    reading = read_tree(bundle({"resourceType": kind}, type="batch"))
    assert [fault.code for fault in reading.all_faults] == ["not-supported"]


# -------------------------------------------------------------------------------------------------- any tree at all

LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8"), max_size=8),
    st.sampled_from(["#a", "Patient/1", "Observation/o", "final", "2026-03-01", "entered-in-error", "Observation", "Patient"]),
)  # fmt: skip
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["value", "code", "reference", "id", "x"]), inner, max_size=2), max_leaves=4)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> Tree:
    """Good resources in which a few parts are gone, doubled or anything."""
    tree: Any = bundle(
        observation(id="o", component=[without(observation(), "subject")], hasMember=[{"reference": "Observation/m"}]),
        observation(id="m"), patient(id="p", link=[{"type": "replaces", "other": {"reference": "Patient/2"}}]),
        {"resourceType": "DiagnosticReport", "status": "final", "result": [{"reference": "Observation/o"}], "subject": {"reference": "Patient/p"}},
        {"resourceType": "Encounter", "status": "in-progress", "subject": {"reference": "Patient/p"}, "location": [{"location": {"display": "H2"}}]},
        type=draw(st.sampled_from(["batch", "transaction", "message", "collection", "history"])),
    )  # fmt: skip
    for _ in range(draw(st.integers(0, 4))):
        here = tree
        for _ in range(draw(st.integers(1, 7))):
            keys = list(here) if isinstance(here, dict) else list(range(len(here)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if not isinstance(here[key], dict | list) or (draw(st.booleans()) and draw(st.booleans())):
                break
            here = here[key]
        else:
            continue
        if keys:
            if draw(st.booleans()) and isinstance(here, dict) and len(here) > 1:
                del here[key]
            else:
                here[key] = draw(TREES)
    return tree  # type: ignore[no-any-return]


@settings(max_examples=150, deadline=None)
@given(mutated())
def test_every_entry_comes_to_something(tree: Tree) -> None:
    data = json.dumps(tree, ensure_ascii=False).encode()
    reading = read(data, RECEIVED, naming=NAMING)
    if not reading.faults:
        sent = len(tree.get("entry", ())) if tree.get("resourceType") == "Bundle" else 1
        assert len(reading.entries) == sent
    ids = {event.event_id for event in reading.events}  # type: ignore[union-attr]
    assert len(ids) == len(reading.events)
    refused = [event for event in reading.events if isinstance(event, Refused)]
    assert len(refused) == bool(reading.faults) + sum(bool(entry.faults) for entry in reading.entries)
    if tree.get("type") == "transaction" and refused:
        assert len(refused) == len(reading.events)
    for entry in reading.entries:
        assert bool(entry.faults) + entry.ignored + bool(entry.event_ids) == 1
        assert set(entry.event_ids) <= ids
    for event in reading.events:
        assert decode_event(encode_event(event)) == event
        if isinstance(event, LabReport):
            mapped = map_report(event)
            found = len(mapped.results) - mapped.derived + len(mapped.quarantined) + len(mapped.ignored)
            assert found == len(event.results)
            assert len({one.where for one in event.results}) == len(event.results), "each is found by its place"
            for one in event.results:
                assert event.raw[one.where.offset : one.where.offset + one.where.length][:1] == b"{"


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_answered(data: bytes) -> None:
    assert read(data, RECEIVED, naming=NAMING).events


# ------------------------------------------------------------------------------------------------------------ files


def test_files_hold_one_an_array_or_one_a_line() -> None:
    one, two = (json.dumps(observation(value=value)).encode() for value in (180, 190))
    pretty = json.dumps(observation(), indent=2).encode()
    for data, count in ((one, 1), (pretty, 1), (b"[" + one + b"," + two + b"]", 2), (one + b"\n\n" + two + b"\n", 2)):
        assert detect(data) == "fhir"
        assert sum(len(outcome.events) for outcome in read_file(data)) == count
    event = encode_event(read_tree(observation()).events[0])
    assert detect(event) == detect(event[:200]) == "ndjson"
    assert detect(pretty[:200]) == detect(one[:200]) == "fhir"
    (outcome,) = read_file(b'{"resourceType": "Observation"')
    assert outcome.refusal is not None


def test_a_file_is_taken_as_received_when_its_sender_spoke_last() -> None:
    trees = [
        bundle(observation(), timestamp="2026-03-01T10:00:00Z"), observation(meta={"lastUpdated": "2026-03-01T09:00:00Z"}),
        observation(), without(observation(), "issued"),
    ]  # fmt: skip
    found = []
    for tree in trees:
        (outcome,) = read_file(json.dumps(tree).encode())
        found.append(outcome.events[0].source.received_at[11:16])  # type: ignore[union-attr]
    assert found == ["10:00", "09:00", "07:30", "06:15"]
