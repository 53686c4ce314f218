"""Who is not watched, on the board: no card and no list without enrolment, a plain word on the pages of one patient."""

from __future__ import annotations

from pathlib import Path

import httpx

from services.ledger.opening import open_ledger
from tests.integration.test_ledger_watching import AFTER, said
from tests.real import events
from tests.real.board import bearer, board, token
from tests.real.ledgers import ask, one, settings, stream


async def test_not_enrolled_is_on_no_board_and_deceased_is_said_on_the_page(database: str, tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text('[enrolment]\nwatch = "listed"\n')
    store = open_ledger(settings(database, tmp_path, site=site), stream())
    await store.store(events.records(
        events.report(1, {"k": "6.2"}), events.report(2, {"k": "6.3", "mspike": "12"}),
        events.context_change(1, said("enrolment", "enrolled"), said("deceased", start=AFTER)),
    ))  # fmt: skip
    await store.close()
    ids = dict(ask(database, "SELECT sent_id, public_id FROM patient"))
    seen, hidden = ids["HOSP|1"], ids["HOSP|2"]
    with board(database, tmp_path) as process:
        headers = bearer(token(database, "api", "read"))

        def get(path: str) -> httpx.Response:
            return httpx.get(f"{process.url}{path}", headers=headers, timeout=30)

        assert [p["patient"] for p in get("/api/v1/patients").json()] == [seen]
        assert [p["patient"] for p in get("/api/v1/patients?ward=H2").json()] == [seen]
        assert [c["public_id"] for c in get("/api/v1/wards/H2/board").json()] == [seen]
        assert {a["patient"] for a in get("/api/v1/alerts").json()} == {seen}
        assert get(f"/cards/{hidden}").status_code == 404
        assert (get(f"/api/v1/patients/{hidden}").json()["unwatched"], get("/").text.count(hidden)) == (
            "not_enrolled",
            0,
        )
        candidates = get("/api/v1/candidates").json()
        assert [(c["patient"], c["reason"], c["value"], c["unit"]) for c in candidates] == [
            (hidden, "m_protein", "12", "g/L")
        ]
        for path in (f"/patients/{seen}", f"/alerts/{one(database, 'SELECT alert_id FROM alert WHERE value = 6.2')}"):
            assert "Nothing is sent of this patient: recorded as deceased" in get(f"{path}?lang=en").text
    assert one(database, "SELECT count(*) FROM audit WHERE route = '/api/v1/candidates'") == 1
