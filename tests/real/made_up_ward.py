"""A ward of made-up patients put straight into the database, with the alerts that the real rules make of them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from alerts.alert import AlertState
from alerts.context import Context
from alerts.evaluate import evaluate
from alerts.logic import Interval
from alerts.result import Provenance, Result, Status
from alerts.rule import View
from alerts.series import Series
from alerts.thresholds import default_pack

UNITS = {"ca": "mmol/L", "alb": "g/L", "creat": "umol/L", "hb": "g/L", "mspike": "g/L", "visc": "mPa.s"}
LIMITS = {"ca": ("2.10", "2.60"), "creat": ("44", "97"), "hb": ("120", "153"), "alb": ("35", "52")}
Course = dict[str, Sequence[str]]

WARD: tuple[tuple[str, str, str, Course], ...] = (
    ("Izmisljena", "Ana", "1", {"ca": ["2.41", "2.52", "2.74", "3.36"], "alb": ["38", "37", "36", "35"], "creat": ["88", "97", "121", "178"], "hb": ["108", "104", "101", "96"], "mspike": ["18", "21", "26", "33"]}),
    ("Vzorcna", "Bojana", "2", {"ca": ["2.31", "2.28", "2.33", "2.35"], "alb": ["40", "41", "40", "39"], "creat": ["71", "73", "70", "74"], "hb": ["124", "121", "126", "125"], "mspike": ["7.1", "6.4", "6.2", "6.0"]}),
    ("Poskusni", "Ciril", "3", {"ca": ["2.44", "2.51", "2.66", "2.91"], "alb": ["36", "36", "35", "33"], "creat": ["92", "90", "95", "99"], "hb": ["112", "111", "107", "104"], "mspike": ["12", "12.4", "14", "19.5"]}),
    ("Neresnicni", "Drago", "4", {"ca": ["2.22", "2.25", "2.21", "2.27"], "creat": ["104", "110", "165", "298"], "hb": ["101", "99", "97", "92"], "mspike": ["22", "23"]}),
    ("Umisljena", "Eva", "5", {"ca": ["2.30", "2.29"], "creat": ["64", "66"], "hb": ["118", "79"]}),
    ("Primerna", "Fani", "6", {"creat": ["61", "58", "63"], "hb": ["131", "130", "133"], "visc": ["3.1", "4.6"]}),
    ("Zgledni", "Gregor", "10", {}),
)  # fmt: skip


def stable(*parts: object) -> str:
    """The same id for the same parts."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "|".join(map(str, parts))))


def message(sent_id: str, results: list[tuple[str, str, str]], at: datetime) -> tuple[bytes, list[tuple[int, int]]]:
    """An HL7 v2 message and where each OBX stands in it."""
    stamp = (at + timedelta(hours=1)).strftime("%Y%m%d%H%M%S+0100")
    head = f"MSH|^~\\&|LAB|MADEUP|HALO|H|{stamp}||ORU^R01|{stable(sent_id, at)[:8]}|P|2.5.1\rPID|1||{sent_id.partition('|')[2]}^^^MADEUP||Izmi\u0161ljen^Bolnik\rOBR|1|||PANEL\r"
    raw, places = head.encode(), []
    for number, (analyte, value, unit) in enumerate(results, 1):
        segment = f"OBX|{number}|NM|{analyte}^^L||{value}|{unit}|||||F".encode()
        places.append((len(raw), len(segment)))
        raw += segment + b"\r"
    return raw, places


def add_patient(conn: psycopg.Connection[Any], family: str, given: str, bed: str, ward: str = "H2") -> int:
    sent_id = f"MADEUP|{family}{bed}"
    row = conn.execute(
        "INSERT INTO patient (public_id, sent_id, identifiers, family, given, birth_date, sex, ward, bed, place_at)"
        " VALUES (%s, %s, %s, %s, %s, '1950-02-03', 'F', %s, %s, now()) RETURNING id",
        (
            stable("public", sent_id)[:13],
            sent_id,
            Jsonb([{"value": f"{family}{bed}", "authority": "MADEUP"}]),
            family,
            given,
            ward,
            bed,
        ),
    ).fetchone()
    assert row is not None
    return int(row[0])


def add_results(
    conn: psycopg.Connection[Any], patient_id: int, course: Course, end: datetime, step: timedelta = timedelta(days=4)
) -> list[Result]:
    """The course's values, the last of each analyte at `end`."""
    row = conn.execute("SELECT sent_id FROM patient WHERE id = %s", (patient_id,)).fetchone()
    assert row is not None
    by_time: dict[datetime, list[tuple[str, str]]] = {}
    for analyte, values in course.items():
        for back, value in enumerate(reversed(values)):
            by_time.setdefault(end - back * step, []).append((analyte, value))
    made: list[Result] = []
    for at, values in sorted(by_time.items()):
        made += _store(conn, patient_id, row[0], at, values)
    conn.execute("UPDATE patient SET series_version = series_version + 1 WHERE id = %s", (patient_id,))
    return made


def _store(
    conn: psycopg.Connection[Any], patient_id: int, sent_id: str, at: datetime, values: list[tuple[str, str]]
) -> list[Result]:
    raw, places = message(sent_id, [(a, v, UNITS[a]) for a, v in values], at)
    event, received = stable("event", sent_id, at), at + timedelta(minutes=40)
    conn.execute(
        "INSERT INTO source_message (event_id, patient_id, type, format, sender, message_id, message_type, received_at, sha256, charset, raw, event)"
        " VALUES (%s, %s, 'lab_report', 'hl7v2', 'LAB|MADEUP', %s, 'ORU^R01', %s, 'made-up', 'UNICODE UTF-8', %s, '{}')",
        (event, patient_id, stable(sent_id, at)[:8], received, raw),
    )
    made = []
    for number, ((analyte, value), (offset, length)) in enumerate(zip(values, places, strict=True), 4):
        low, high = LIMITS.get(analyte, (None, None))
        result = Result(
            result_id=stable("result", sent_id, at, analyte), slot=stable("slot", sent_id, at, analyte), patient=sent_id,
            laboratory="MADEUP", analyte=analyte, status=Status.FINAL, collected_at=at, collected_offset=60, version_time=received,
            received_at=received, kind="NUMERIC", value=Decimal(value), interval=Interval.exactly(Decimal(value)),
            unit=UNITS[analyte], reference_low=Decimal(low) if low else None, reference_high=Decimal(high) if high else None,
            specimen=stable("specimen", sent_id, at), source=Provenance(event_id=event, segment=number, offset=offset, length=length),
        )  # fmt: skip
        conn.execute(
            "INSERT INTO result (result_id, patient_id, analyte, slot, collected_at, status, version_time, received_at, value, unit, quality, event_id, body)"
            " VALUES (%s, %s, %s, %s, %s, 'F', %s, %s, %s, %s, 'ACCEPT', %s, %s)",
            (
                result.result_id,
                patient_id,
                analyte,
                result.slot,
                at,
                received,
                received,
                result.value,
                result.unit,
                event,
                msgspec.json.encode(result),
            ),
        )
        made.append(result)
    return made


def add_alerts(
    conn: psycopg.Connection[Any], patient_id: int, results: list[Result], now: datetime
) -> list[AlertState]:
    """What the rules say, stored as the ledger stores it, heard by the screens."""
    row = conn.execute("SELECT sent_id FROM patient WHERE id = %s", (patient_id,)).fetchone()
    assert row is not None
    view = View(
        patient=row[0], series=Series().merge(results), context=Context(sex="F"), pack=default_pack(), as_of=now
    )
    states = list(evaluate(view).alerts)
    for state in states:
        add_alert(conn, patient_id, state)
    return states


def add_alert(conn: psycopg.Connection[Any], patient_id: int, state: AlertState) -> None:
    conn.execute(
        "INSERT INTO alert (alert_id, patient_id, version, family, rule, level, severity, condition, flags, anchor, slots, opened_at, regraded_at,"
        " cleared_at, sampled_at, analyte, value, unit, summary, body, rule_pack, code) VALUES"
        " (%s, %s, 1, %s, %s, %s, %s, %s, %s, %s, %s::uuid[], %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (state.alert_id, patient_id, state.family, state.rule, state.level, state.severity.value, state.condition, list(state.flags), state.anchor,
         list(state.slots), state.opened_at, state.regraded_at, state.cleared_at, state.sampled_at, state.analyte, state.value, state.unit,
         Jsonb(state.summary), msgspec.json.encode(state), state.rule_pack, state.alert_id[:4].upper()),
    )  # fmt: skip
    announce(conn, patient_id, state.alert_id)


def announce(conn: psycopg.Connection[Any], patient_id: int, alert_id: str | None = None) -> None:
    """A live event, as the ledger writes it."""
    kind = "alert" if alert_id else "series"
    conn.execute(
        "INSERT INTO live_event (kind, patient_id, alert_id) VALUES (%s, %s, %s)", (kind, patient_id, alert_id)
    )
    conn.execute("SELECT pg_notify('halo_live', '')")


def fill(dsn: str, now: datetime | None = None) -> dict[str, int]:
    """The whole ward; internal ids by given name."""
    now = now or datetime.now(UTC)
    ids: dict[str, int] = {}
    with psycopg.connect(dsn) as conn:
        conn.execute("UPDATE installation SET realm = 'demo'")
        for number, (family, given, bed, course) in enumerate(WARD):
            ids[given] = add_patient(conn, family, given, bed)
            end = now - timedelta(hours=2 + 17 * (number % 3), minutes=7 * number)
            add_alerts(conn, ids[given], add_results(conn, ids[given], course, end), now)
    return ids
