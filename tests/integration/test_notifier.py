"""The notifier on real Postgres, a real mail server and a real webhook receiver: nothing decided stays unsaid."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from uuid import uuid4

import httpx
import msgspec
import psycopg
import pytest

from services.cli.inbox import Inbox
from services.notifier.channels.smtp import SmtpSender
from services.notifier.channels.webhook import WebhookSender
from services.notifier.queue import claim
from services.notifier.sending import Sending
from services.notifier.settings import NotifierSettings
from services.shared.channels import Channel
from services.shared.clock import SystemClock
from services.shared.database import connect, pool
from tests.real.servers import free_ports

SECRET = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
FAST = NotifierSettings(lease=0.6, first_retry=0.05, longest_retry=0.2, timeout=2, technical_alert_after=4)


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with Inbox(free_ports(1)[0], 0, SECRET) as box:
        yield box


def _channels(box: Inbox, folder: Path, webhook: str = "") -> dict[str, Channel]:
    key = folder / "key"
    key.write_text(SECRET)
    smtp = f"smtp://127.0.0.1:{box._smtp.port}"
    return {
        "pager": Channel(
            name="pager", kind="webhook", recipient="on call", secret_file=str(key), operations=True,
            address=webhook or f"http://127.0.0.1:{box.web_port}/hook",
        ),
        "mail": Channel(name="mail", kind="smtp", recipient="team@example.org", address=smtp, language="sl"),
    }  # fmt: skip


def _alert(
    database: str, *, versions: int = 1, channels: tuple[str, ...] = ("pager", "mail"), patient: str = "MADEUP|1",
    status: str = "approved",
) -> str:  # fmt: skip
    """One made-up alert whose every version is to be delivered to every channel."""
    alert = str(uuid4())
    with psycopg.connect(database) as conn:
        record = conn.execute(
            "INSERT INTO patient (public_id, sent_id) VALUES (%s, %s) RETURNING id", (alert[:8], f"MADEUP|{alert}")
        ).fetchone()
        assert record
        conn.execute(
            "INSERT INTO alert (alert_id, patient_id, version, family, rule, level, severity, condition, anchor, slots,"
            " opened_at, regraded_at, sampled_at, summary, body, rule_pack, code) VALUES (%s, %s, %s, 'hypercalcaemia',"
            " 'CA_HIGH', 'CA_HIGH', 'HIGH', 'active', %s, '{}', now(), now(), now(), '{}', '', '1', 'K7F3')",
            (alert, record[0], versions, str(uuid4())),
        )
        for version in range(1, versions + 1):
            for channel in channels:
                _delivery(conn, alert, record[0], version, channel, patient, status)
    return alert


def _delivery(
    conn: psycopg.Connection, alert: str, record: int, version: int, channel: str, patient: str, status: str
) -> None:
    body = {
        "patient": patient,
        "alert_id": alert, "version": version, "severity": "HIGH", "family": "hypercalcaemia", "code": "K7F3",
        "rule_pack_status": status,
        "summary": {"en": f"Calcium 2.9{version} mmol/L", "sl": f"Kalcij 2,9{version} mmol/L"},
    }  # fmt: skip
    conn.execute(
        "INSERT INTO delivery (id, alert_id, alert_version, patient_id, channel, recipient, change, reason, body)"
        " VALUES (%s, %s, %s, %s, %s, 'r', 'opened', 'first', %s)",
        (str(uuid4()), alert, version, record, channel, msgspec.json.encode(body)),
    )


@asynccontextmanager
async def _sending(database: str, channels: dict[str, Channel]) -> AsyncIterator[Sending]:
    async with pool(database, "test") as connections, httpx.AsyncClient(timeout=FAST.timeout) as client:
        senders = {"webhook": WebhookSender(client, SystemClock()), "smtp": SmtpSender(2)}
        yield Sending(connections, channels, senders, FAST, SystemClock())


async def _until_quiet(sending: Sending, database: str, seconds: float = 10) -> None:
    """Run until nothing waits any more."""
    async with asyncio.timeout(seconds):
        while _rows(database, "SELECT 1 FROM delivery WHERE status IN ('queued', 'sending')"):
            await sending.once()
            await sending.technical()
            await asyncio.sleep(0.02)


def _rows(database: str, query: str) -> list[tuple]:
    with psycopg.connect(database) as conn:
        return conn.execute(query).fetchall()


async def test_each_channel_gets_the_alert_once_with_a_receipt(database: str, inbox: Inbox, tmp_path: Path) -> None:
    """A decided delivery reaches pager and mailbox, signed, in the channel's language, and its receipt is kept."""
    _alert(database)
    async with _sending(database, _channels(inbox, tmp_path)) as sending:
        await _until_quiet(sending, database)
    assert sorted((item.channel, item.title) for item in inbox.received()) == [
        ("smtp", "HALO HIGH | Nov alarm: Kalcij 2,91 mmol/L"),
        ("webhook", "Calcium 2.91 mmol/L"),
    ]
    assert _rows(database, "SELECT outcome, count(*) FROM delivery_attempt GROUP BY 1") == [("handed_over", 2)]


async def test_no_channel_learns_the_hospitals_number(database: str, inbox: Inbox, tmp_path: Path) -> None:
    """A pager may be run by others: what leaves the house names no patient."""
    _alert(database, patient="MADEUP|4711")
    async with _sending(database, _channels(inbox, tmp_path)) as sending:
        await _until_quiet(sending, database)
    assert len(inbox.received()) == 2
    assert not [item for item in inbox.received() if "4711" in item.text + item.title + item.raw]


async def test_newer_version_overtakes_what_was_not_handed_over(database: str, inbox: Inbox, tmp_path: Path) -> None:
    """Only the newest state is sent; the older delivery is closed as overtaken, not forgotten."""
    _alert(database, versions=3, channels=("pager",))
    async with _sending(database, _channels(inbox, tmp_path)) as sending:
        await _until_quiet(sending, database)
    assert [item.title for item in inbox.received()] == ["Calcium 2.93 mmol/L"]
    statuses = _rows(database, "SELECT alert_version, status FROM delivery ORDER BY 1")
    assert statuses == [(1, "overtaken"), (2, "overtaken"), (3, "handed_over")]


async def test_killed_between_claim_and_receipt_is_sent_again_and_marked(
    database: str, inbox: Inbox, tmp_path: Path
) -> None:
    """A claim whose process died is taken up after its lease; the recipient is told that it may be a repeat."""
    _alert(database, channels=("mail",))
    conn = await connect(database, "doomed", autocommit=True)
    assert len(await claim(conn, limit=5, lease=0.3, busy=[])) == 1
    await conn.close()
    async with _sending(database, _channels(inbox, tmp_path)) as sending:
        assert await sending.once() == 0, "the lease still holds"
        await _until_quiet(sending, database)
    (mail,) = inbox.received()
    assert "morda že prispelo" in mail.text
    assert _rows(database, "SELECT outcome FROM delivery_attempt ORDER BY attempt") == [("unknown",), ("handed_over",)]


class _Moody(BaseHTTPRequestHandler):
    """Answers 500, then drops the connection, then 429, then takes it."""

    moods: list[str] = []  # noqa: RUF012 - set anew by the test
    seen: list[str] = []  # noqa: RUF012 - as above

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append(self.headers["webhook-id"])
        mood = self.moods.pop(0) if self.moods else "204"
        if mood == "drop":
            self.connection.close()
            return
        self.send_response(int(mood))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


async def test_failing_receiver_is_tried_until_it_takes_it(database: str, inbox: Inbox, tmp_path: Path) -> None:
    """Whatever the receiver does, the delivery ends handed over, each attempt has a receipt, operations hear of it."""
    _alert(database, channels=("pager",))
    _Moody.moods, _Moody.seen = ["500", "drop", "429", "404"], []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Moody)
    Thread(target=server.serve_forever, daemon=True).start()
    channels = _channels(inbox, tmp_path, f"http://127.0.0.1:{server.server_address[1]}/")
    try:
        async with _sending(database, channels) as sending:
            await _until_quiet(sending, database)
    finally:
        server.shutdown()
        server.server_close()
    outcomes = [row[0] for row in _rows(database, "SELECT outcome FROM delivery_attempt ORDER BY attempt")]
    assert outcomes == ["refused", "unreachable", "refused", "refused", "handed_over"]
    (delivery,) = _rows(database, "SELECT id::text FROM delivery")
    assert [one for one in _Moody.seen if one == delivery[0]] == [delivery[0]] * 5, "one webhook-id over all attempts"
    assert _rows(database, "SELECT key FROM operations_alert") == [("channel_failing pager",)]


async def test_one_broken_channel_holds_nobody_up(database: str, inbox: Inbox, tmp_path: Path) -> None:
    """A pager that is gone for good does not keep the mail from going."""
    _alert(database)
    channels = _channels(inbox, tmp_path, f"http://127.0.0.1:{free_ports(1)[0]}/")
    async with _sending(database, channels) as sending:
        for _ in range(40):
            await sending.once()
            await asyncio.sleep(0.02)
        await sending.drain(2)
    assert [item.channel for item in inbox.received()] == ["smtp"]
    assert _rows(database, "SELECT channel FROM delivery WHERE status <> 'handed_over'") == [("pager",)]


async def test_a_draft_is_handed_to_test_channels_only_and_says_so(database: str, inbox: Inbox, tmp_path: Path) -> None:
    """The last gate: whatever was decided, a draft leaves by a channel marked `test` or not at all, with the reason."""
    _alert(database, status="draft")
    channels = _channels(inbox, tmp_path)
    channels["mail"] = msgspec.structs.replace(channels["mail"], test=True)
    async with _sending(database, channels) as sending:
        await _until_quiet(sending, database)
    (mail,) = inbox.received()
    assert mail.title == "NI ODOBRENO ZA KLINIČNO UPORABO | HALO HIGH | Nov alarm: Kalcij 2,91 mmol/L"
    assert (mail.channel, mail.severity) == ("smtp", "HIGH")
    assert mail.text.startswith("NI ODOBRENO ZA KLINIČNO UPORABO")
    statuses = "SELECT channel, status FROM delivery ORDER BY 1"
    assert _rows(database, statuses) == [("mail", "handed_over"), ("pager", "closed")]
    assert ("draft_pack", "channel pager is not marked `test`") in _rows(
        database, "SELECT outcome, detail FROM delivery_attempt"
    )


@pytest.mark.parametrize("reason", ["retracted", "corrected_down", "corrected_value"])
async def test_of_a_draft_only_what_takes_back_goes_to_real_channels(
    database: str, inbox: Inbox, tmp_path: Path, reason: str
) -> None:
    _alert(database, status="draft", channels=("pager",))
    with psycopg.connect(database) as conn:
        conn.execute("UPDATE delivery SET reason = %s", (reason,))
    async with _sending(database, _channels(inbox, tmp_path)) as sending:
        await _until_quiet(sending, database)
    assert _rows(database, "SELECT channel, status FROM delivery") == [("pager", "handed_over")]
    (item,) = inbox.received()
    assert item.title.startswith("NOT APPROVED FOR CLINICAL USE")


async def test_a_drafts_webhook_begins_with_the_notice(database: str, inbox: Inbox, tmp_path: Path) -> None:
    """A pager that shows nothing but the summary shows the notice too; approved rules say nothing of the kind."""
    _alert(database, status="draft", channels=("pager",))
    channels = _channels(inbox, tmp_path)
    channels["pager"] = msgspec.structs.replace(channels["pager"], test=True)
    async with _sending(database, channels) as sending:
        await _until_quiet(sending, database)
        _alert(database, channels=("pager",))
        await _until_quiet(sending, database)
    assert [item.title for item in inbox.received()] == [
        "NOT APPROVED FOR CLINICAL USE: Calcium 2.91 mmol/L",
        "Calcium 2.91 mmol/L",
    ]


async def test_each_audience_hears_what_is_for_it(database: str, inbox: Inbox, tmp_path: Path) -> None:
    """Questions to the steward's channel, calls for doubtful values to clinicians, Halo's health to operations."""
    channels = _channels(inbox, tmp_path)
    bench = msgspec.structs.replace(channels["mail"], name="bench", recipient="steward@example.org", role="steward")
    people = {"ward": msgspec.structs.replace(channels["mail"], name="ward", recipient="h2@example.org")}
    operations = {"pager": msgspec.structs.replace(channels["pager"], role="steward", name="pager")}
    _technical(database, "q", "steward", "a question")
    _technical(database, "c", "clinical", "UNVERIFIED: made up", "approved")
    _technical(database, "o", "operations", "the broker is away")
    async with _sending(database, {"bench": bench} | people | operations) as sending:
        await sending.technical()
    heard = {to: [m for m in _mails(inbox) if to in m] for to in ("steward@example.org", "h2@example.org")}
    assert [("a question" in m, "UNVERIFIED" in m) for m in heard["steward@example.org"]] == [(True, False)]
    assert [("a question" in m, "UNVERIFIED" in m) for m in heard["h2@example.org"]] == [(False, True)]
    assert _rows(database, "SELECT count(*) FROM operations_alert WHERE told_at IS NULL") == [(0,)]


async def test_what_no_channel_is_for_does_not_hold_the_others_back(
    database: str, inbox: Inbox, tmp_path: Path
) -> None:
    """Without a channel of clinicians their calls wait; a draft's call to real channels is not sent, and settled."""
    channels = _channels(inbox, tmp_path)
    only = {"bench": msgspec.structs.replace(channels["mail"], name="bench", role="steward")}
    for number in range(25):
        _technical(database, f"c{number}", "clinical", "UNVERIFIED: made up", "draft")
    _technical(database, "q", "steward", "a question")
    async with _sending(database, only) as sending:
        await sending.technical()
    assert _rows(database, "SELECT key FROM operations_alert WHERE told_at IS NOT NULL") == [("q",)]
    async with _sending(database, {"mail": channels["mail"]}) as sending:
        await sending.technical()
        await sending.technical()
    assert _rows(database, "SELECT count(*) FROM operations_alert WHERE told_at IS NULL") == [(0,)]
    assert not any("UNVERIFIED" in mail for mail in _mails(inbox)), "the rules are a draft: test recipients only"


def _technical(database: str, key: str, audience: str, detail: str, status: str = "none") -> None:
    with psycopg.connect(database) as conn:
        conn.execute(
            "INSERT INTO operations_alert (key, kind, severity, detail, audience, rule_pack_status)"
            " VALUES (%s, 'made_up', 'HIGH', %s, %s, %s)", (key, detail, audience, status),
        )  # fmt: skip


def _mails(inbox: Inbox) -> list[str]:
    """Everything that mails said, heads too."""
    return [f"{item.title}\n{item.text}\n{item.raw}" for item in inbox.received() if item.channel == "smtp"]
