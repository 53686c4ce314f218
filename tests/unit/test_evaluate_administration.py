"""`halo evaluate` reads administration as the ledger does: who is who, merges, conflicts, a laboratory's own times."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from services.cli.evaluate import command

CREAT = "OBX|1|NM|14682-9^Creatinine^LN||{value}|umol/L|||||F{more}"


def oru(number: str, value: str, *, hour: int = 8, pid: str = "", order: str = "1", more: str = "") -> str:
    who = pid or f"PID|1||{number}^^^HOSP||Izmišljena^Oseba|"
    return "\r".join([
        rf"MSH|^~\&|LIS|LAB1|HALO|HOSP|202603011{hour}00||ORU^R01|C|P|2.5.1", who,
        f"OBR|1||{order}-{hour}|X|||202603010{hour}00", CREAT.format(value=value, more=more),
    ])  # fmt: skip


def adt(trigger: str, *segments: str, sender: str = "PAS|HOSP") -> str:
    head = rf"MSH|^~\&|{sender}|HALO|HOSP|20260301070000||ADT^{trigger}|A|P|2.5.1"
    return "\r".join([head, "EVN||20260301065500", *segments])


def evaluated(folder: Path, *messages: str, site: str = "", codec: str = "utf-8") -> tuple[dict[str, Any], str]:
    file, options = folder / "day.hl7", []
    file.write_bytes("\n".join(messages).encode(codec))
    if site:
        (folder / "site.toml").write_text(site)
        options = ["--site", str(folder / "site.toml")]
    done = CliRunner().invoke(command, [*options, str(file)])
    assert done.exit_code == 0, done.output
    return {line["patient"]: line for line in map(json.loads, done.stdout.splitlines())}, done.stderr


def test_sex_and_birth_date_of_administration_are_the_results_patients(tmp_path: Path) -> None:
    bare, _ = evaluated(tmp_path, oru("1", "80"))
    assert "egfr" not in json.dumps(bare["HOSP|1"]["derived"])
    person = "PID|1||1^^^HOSP||Izmišljena^Oseba||19500102|F"
    found, said = evaluated(tmp_path, adt("A31", person), oru("1", "80"))
    assert "egfr" in json.dumps(found["HOSP|1"]["derived"])
    assert said == ""


@pytest.mark.parametrize("trigger", ["A34", "A39", "A40", "A47"])
def test_a_merge_makes_one_line_of_two(tmp_path: Path, trigger: str) -> None:
    merge = adt(trigger, "PID|1||1^^^HOSP", "MRG|2^^^HOSP")
    found, _ = evaluated(tmp_path, oru("1", "80"), oru("2", "85", hour=9), merge)
    assert list(found) == ["HOSP|1"]
    assert len(found["HOSP|1"]["results"]) == 2
    parted, _ = evaluated(tmp_path, oru("1", "80"), oru("2", "85", hour=9), merge,
                          adt("A37", "PID|1||1^^^HOSP", "PID|2||2^^^HOSP").replace("0655", "0658"))  # fmt: skip
    assert list(parted) == ["HOSP|1", "HOSP|2"]


def test_a_link_and_a_merge_of_who_may_not_are_only_said(tmp_path: Path) -> None:
    link = adt("A24", "PID|1||1^^^HOSP", "PID|2||2^^^HOSP")
    found, said = evaluated(tmp_path, oru("1", "80"), oru("2", "85"), link)
    assert list(found) == ["HOSP|1", "HOSP|2"]
    assert "linked_by_sender" in said
    site = '[[sender]]\nname = "lab"\napplication = "LIS"\nfacility = "LAB1"\n'
    merge = adt("A40", "PID|1||1^^^HOSP", "MRG|2^^^HOSP", sender="LIS|LAB1")
    found, said = evaluated(tmp_path, oru("1", "80"), oru("2", "85"), merge, site=site)
    assert list(found) == ["HOSP|1", "HOSP|2"]
    assert "merge_not_allowed" in said
    found, _ = evaluated(tmp_path, oru("1", "80"), oru("2", "85"), merge, site=f"{site}may_merge = true\n")
    assert list(found) == ["HOSP|1"]


def test_a_contradiction_is_held_with_its_reason(tmp_path: Path) -> None:
    pids = [
        f"PID|1||1^^^HOSP||{name}^X||19500102|{sex}" for name, sex in (("Kovač", "F"), ("KOVAC", "F"), ("Novak", "M"))
    ]
    found, said = evaluated(tmp_path, *(oru("1", "80", hour=7 + n, pid=pid) for n, pid in enumerate(pids)))
    line = found["HOSP|1"]
    assert (len(line["results"]), [held["reason"] for held in line["quarantined"]]) == (2, ["identity_conflict"])
    assert "family name and sex contradict the record" in said


def test_a_preferred_authority_names_the_patient(tmp_path: Path) -> None:
    pid = "PID|1||9^^^VISIT~1^^^HOSP||Izmišljena^Oseba|"
    site = '[identifier]\nauthorities = ["HOSP", "VISIT"]\npreference = ["HOSP"]\n'
    assert list(evaluated(tmp_path, oru("1", "80", pid=pid), site=site)[0]) == ["HOSP|1"]
    assert list(evaluated(tmp_path, oru("1", "80", pid=pid))[0]) == ["VISIT|9"]


def test_a_laboratory_may_mean_another_time_of_collection(tmp_path: Path) -> None:
    message = oru("1", "80", more="|||202603010500")
    site = '[[laboratory]]\nname = "LAB1"\ncollected = ["OBX-14", "OBR-7"]\n'
    plain, own = (evaluated(tmp_path, message, site=text)[0]["HOSP|1"]["results"] for text in ("", site))
    assert plain[0]["collected_at"] == "2026-03-01T08:00:00Z"
    assert own[0]["collected_at"] == "2026-03-01T05:00:00Z"


@pytest.mark.parametrize(("declared", "codec"), [
    ("WINDOWS-1250", "cp1250"), ("8859/2", "iso-8859-2"), ("UNICODE UTF-8", "utf-8"), ("", "utf-8"), ("", "utf-8-sig"),
    ("8859/1", "utf-8-sig"),
])  # fmt: skip
def test_units_and_names_of_every_character_set_arrive(tmp_path: Path, declared: str, codec: str) -> None:
    unit = "umol/L" if codec == "iso-8859-2" else "µmol/L"  # 8859-2 has no micro sign
    message = oru("1", "80", pid="PID|1||1^^^HOSP||Čuček Žlajpah^Špela|").replace("umol/L", unit)
    message = message.replace("|P|2.5.1", f"|P|2.5.1||||||{declared}")
    found, said = evaluated(tmp_path, message, codec=codec)
    assert (found["HOSP|1"]["quarantined"], said) == ([], "")
    (result,) = found["HOSP|1"]["results"]
    assert (result["value"], result["unit"]) == ("80", "umol/L")
