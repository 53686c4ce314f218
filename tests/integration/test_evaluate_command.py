"""`halo evaluate`: the same bytes every time, context taken, refusals named, and equal to what the ledger holds."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import msgspec
from click.testing import CliRunner

from alerts.thresholds import default_pack
from schemas.codec import encode_event
from services.cli.evaluate import command
from services.ledger import replaying
from services.mapping.site import DEFAULT_SITE
from services.shared import database as databases
from tests.real import events
from tests.real.ledgers import ledger

REPORTS = [events.report(n % 3, {"ca": "13.9", "creat": str(80 + 60 * n), "k": "5.0"}, hours=12 * n) for n in range(9)]


def run(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(command, [str(argument) for argument in arguments])
    return done.exit_code, done.stdout, done.stderr


def written(folder: Path) -> Path:
    path = folder / "events.ndjson"
    path.write_bytes(b"\n".join(encode_event(event) for event in [*REPORTS, REPORTS[0]]))
    return path


async def test_files_and_ledger_say_the_same(database: str, tmp_path: Path) -> None:
    store = ledger(database, tmp_path)
    await store.store(events.records(*reversed(REPORTS)))
    await store.close()
    async with await databases.connect(database, "test") as conn:
        stored = [line.decode() for line in await replaying.lines(conn, DEFAULT_SITE.zone, default_pack())]
    assert run(written(tmp_path))[1].splitlines() == stored


def test_twice_the_same_bytes_and_nothing_of_a_double(tmp_path: Path) -> None:
    first, second = run(written(tmp_path)), run(written(tmp_path))
    assert first == second
    lines = [msgspec.json.decode(line) for line in first[1].splitlines()]
    assert [line["patient"] for line in lines] == ["HOSP|0", "HOSP|1", "HOSP|2"]
    assert all(len(line["results"]) == 9 for line in lines)


def test_context_is_taken_and_a_wrong_line_is_named(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("patient,kind,from,to,code,value,unit,note\nHOSP|0,dialysis,2000-01-01,,,,,\n")
    bad.write_text("patient,kind,from,to,code,value,unit,note\nHOSP|0,no_such_kind,,,,,,\n")
    path = written(tmp_path)
    assert run("--context", good, path)[0] == 0
    assert run("--context", good, path)[1] != run(path)[1]
    code, _, error = run("--context", bad, path)
    assert code == 1
    assert "line 2" in error
    bad.write_text("patient,kind,from,to,code,value,unit,note\nHOSP|0,state,2000-01-01,,,smoldering,,\n")
    code, _, error = run("--context", bad, path)
    assert code == 1
    assert "line 2, value: 'smoldering' is no word of state; write smouldering" in error


def test_another_pack_is_run(tmp_path: Path) -> None:
    """The limit of calcium raised above every value of the reports: its alert is gone, and the pack names itself."""
    text = resources.files("alerts").joinpath("thresholds.toml").read_text("utf-8")
    other, path = tmp_path / "other.toml", written(tmp_path)
    for key in ("halo", "uln", "uln_plus", "severe", "with_aki_or_rise"):
        text = re.sub(rf'^{key} = {{ value = "[0-9.]+", operator = ">", unit = "mmol/L"',
                      f'{key} = {{ value = "99", operator = ">", unit = "mmol/L"', text, flags=re.MULTILINE)  # fmt: skip
    other.write_text(text.replace('version = "2026.1"', 'version = "made-up"'), "utf-8")
    shipped, run_here = _alerts(run(path)[1]), _alerts(run("--rules", other, path)[1])
    assert {pack for pack, _ in run_here} == {"made-up"}
    assert "CA_HIGH" in {rule for _, rule in shipped}
    assert {rule for _, rule in run_here} == {rule for _, rule in shipped} - {"CA_HIGH"}


def _alerts(output: str) -> set[tuple[str, str]]:
    lines = [msgspec.json.decode(line) for line in output.splitlines()]
    return {(line["rule_pack"], alert["rule"]) for line in lines for alert in line["alerts"]}


def test_a_refused_message_is_named_and_an_unreadable_file_ends_with_one(tmp_path: Path) -> None:
    odd, empty = tmp_path / "odd.hl7", tmp_path / "empty.hl7"
    odd.write_bytes(b"MSH|^~\\&|LIS|LAB1|||20260301100000||ORU^R01|1|P|2.5\rOBR|1\r")
    empty.write_bytes(b"")
    code, out, error = run(odd)
    assert (code, out) == (0, "")
    assert "refused: no_patient_id" in error
    assert run(empty)[0] == 1
    assert run(tmp_path / "missing.hl7")[0] == 1
