"""What a person at a screen sees, in Debian's Chromium on the whole running system."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from services.shared.mllp_client import MllpClient, acknowledgements
from tests.real.board import link, person, token
from tests.real.rules import done
from tests.real.system import System, system

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
STALE_MS = 10_000


@pytest.fixture(scope="module")
def running() -> Iterator[System]:
    with system() as halo:
        person(halo.dsn, "made-up-doctor", "on_call")
        yield halo


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    assert chromium, "the browser tests need Debian's chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture
def page(running: System, browser: Browser) -> Iterator[Page]:
    """A page of somebody who has logged in; it fails on any error of its own scripts."""
    context = browser.new_context(viewport={"width": 1920, "height": 1080}, locale="en-GB")
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(link(running.dsn, running.addresses["board"], "made-up-doctor"))
    expect(opened).to_have_url(f"{running.addresses['board']}/")
    yield opened
    context.close()
    assert not errors


def _send(running: System, patient: str, calcium: str, *, status: str = "F") -> None:
    """One adjusted calcium of a made-up patient."""
    taken = f"{datetime.now(UTC) - timedelta(minutes=5):%Y%m%d%H%M%S}+0000"
    message = (
        f"MSH|^~\\&|LIS|MADEUP|HALO|HOSP|{taken}||ORU^R01|{patient}{calcium}|P|2.5.1\r"
        f"PID|1||{patient}^^^MADEUP^MR||Izmišljena^Žana||19600101|F\rPV1|1|I|H2^^7\r"
        f"OBR|1||{patient}{calcium}|CA|||{taken}\rOBX|1|NM|29265-6^Calcium adjusted^LN||{calcium}|mmol/L|||||{status}\r"
    )
    _deliver(running, message)


def _deliver(running: System, message: str) -> None:
    """Over MLLP, accepted."""
    host, _, port = running.addresses["mllp"].rpartition(":")
    with MllpClient(host=host, port=int(port)) as client:
        (answer,) = acknowledgements(client.send(message.encode()))
    assert answer.accepted, answer


def test_an_alert_appears_without_reload_and_is_acknowledged(running: System, page: Page) -> None:
    """A result comes in, the card shows it by itself, and a named person answers for it."""
    page.evaluate("window.neverReloaded = true")
    _send(running, "BR1", "3.62")
    card = page.locator(".card", has_text="Izmišljena Žana").filter(has_text="3,62")
    expect(card).to_be_visible(timeout=5000)
    expect(card.locator("li.CRITICAL")).to_be_visible()
    assert page.evaluate("window.neverReloaded") is True
    card.locator("li.CRITICAL a").click()
    expect(page.locator("pre.raw mark").first).to_be_visible()
    page.locator("form[action$='/acknowledge'] [name=note]").fill("seen")
    page.locator("form[action$='/acknowledge'] button").first.click()
    expect(page.get_by_text("made-up-doctor").first).to_be_visible()
    with psycopg.connect(running.dsn) as conn:
        row = conn.execute("SELECT response, acknowledged_by FROM alert WHERE rule = 'CA_HIGH'").fetchone()
    assert row == ("acknowledged", "made-up-doctor")


def test_an_open_page_says_what_is_switched_off(running: System, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """The draft stands on every page from the start; a rule's banner comes and goes on an open page by itself."""
    monkeypatch.setenv("HALO_DATABASE", running.dsn)
    monkeypatch.setenv("HALO_DATA_DIR", str(running.folder))
    person(running.dsn, "second-doctor", "on_call")
    banner = page.locator(".banner.off")
    expect(page.locator(".banner.draft")).to_contain_text("NI ODOBRENO ZA KLINIČNO UPORABO")
    expect(banner).to_have_count(0)
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    people = ("--by", "made-up-doctor", "--second", "second-doctor")
    with ThreadPoolExecutor() as other:  # the browser's driver has an event loop in this thread
        other.submit(done, "off", "TLS", "--until", until, "--reason", "made up", *people).result()
    expect(banner).to_contain_text("TLS", timeout=15_000)
    with ThreadPoolExecutor() as other:
        other.submit(done, "on", "TLS", "--by", "second-doctor").result()
    expect(banner).to_have_count(0, timeout=15_000)


def test_a_lost_server_shows_within_ten_seconds_and_comes_back(running: System, page: Page) -> None:
    """A frozen screen looks frozen; once the server answers the page is live again, with what came meanwhile."""
    expect(page.locator("#lost")).to_be_hidden()
    running.kill("board", signal.SIGSTOP)
    try:
        expect(page.locator("#lost")).to_be_visible(timeout=STALE_MS)
        expect(page.locator("#lost")).to_contain_text("NI V ŽIVO")
        _send(running, "BR2", "3.55")
    finally:
        running.kill("board", signal.SIGCONT)
    expect(page.locator("#lost")).to_be_hidden(timeout=30_000)
    expect(page.locator(".card").filter(has_text="3,55")).to_be_visible(timeout=15_000)


def test_a_killed_server_shows_too(running: System, page: Page) -> None:
    """The same when the process is gone: banner first, and a live page once it was started again."""
    old = running.kill("board", signal.SIGSTOP)
    expect(page.locator("#lost")).to_be_visible(timeout=STALE_MS)
    running.kill("board")
    running.wait_restarted("board", old)
    expect(page.locator("#lost")).to_be_hidden(timeout=40_000)


def test_without_names_nothing_names_anybody(running: System, browser: Browser) -> None:
    """A ward screen in public mode shows beds; no name, no number, no word of the disease, also not in the source."""
    _send(running, "BR3", "3.50")
    secret = token(running.dsn, "device", "H2")
    context = browser.new_context(extra_http_headers={"Authorization": f"Bearer {secret}"}, locale="sl-SI")
    screen = context.new_page()
    screen.goto(running.addresses["board"])
    expect(screen.locator(".card").first).to_be_visible()
    source = screen.content()
    for word in ("Izmišljena", "Žana", "BR3", "MADEUP", "relaps", "ponovitev", "M-protein"):
        assert word not in source, word
    context.close()


def test_a_steward_works_at_the_bench_by_keyboard(running: System, browser: Browser) -> None:
    """From the head to a group, to its result, to a decision, without a mouse and at a phone's width."""
    person(running.dsn, "made-up-steward", "steward")
    taken = f"{datetime.now(UTC) - timedelta(minutes=5):%Y%m%d%H%M%S}+0000"
    _deliver(running, (
        f"MSH|^~\\&|LIS|MADEUP|HALO|HOSP|{taken}||ORU^R01|bench1|P|2.5.1\r"
        f"PID|1||BR4^^^MADEUP^MR||Izmišljena^Žana||19600101|F\r"
        f"OBR|1||BR4bench|CA|||{taken}\rOBX|1|NM|17861-6^Calcium^LN||13.9||||||F\r"
    ))  # fmt: skip
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="en-GB")
    page = context.new_page()
    page.goto(link(running.dsn, running.addresses["board"], "made-up-steward"))
    page.get_by_role("link", name="Zadržano").focus()
    page.keyboard.press("Enter")
    group = page.get_by_role("link", name="Enota manjka")
    expect(group).to_be_visible()
    group.focus()
    page.keyboard.press("Enter")
    item = page.get_by_role("link", name="17861-6 13.9")
    item.focus()
    page.keyboard.press("Enter")
    expect(page.locator("mark.segment").first).to_contain_text("OBX|1|NM|17861-6^Calcium^LN||13.9|")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.locator("form[action$='/release'] textarea").focus()
    page.keyboard.type("made up")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".timeline")).to_contain_text("made-up-steward")
    until = datetime.now(UTC) + timedelta(seconds=20)
    while "še vedno zadržano" not in page.locator(".timeline").inner_text():
        assert datetime.now(UTC) < until, "the clock carries a release out within seconds"
        page.wait_for_timeout(500)
        page.reload()
    context.close()
