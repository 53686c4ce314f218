"""docs/site.md and its example say what the site file is: every key, its default, and nothing that is not there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.mapping.codes import CodeEntry, Ignore
from services.mapping.site import Enrolment, EnrolRule, IdentifierRules, Laboratory, Sender, SiteFile
from services.mapping.site_file import SiteInvalid, read_site
from services.mapping.site_warnings import warnings

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = (DOCS / "examples" / "site.toml").read_text("utf-8")
TABLES: dict[str, type[msgspec.Struct]] = {
    "[identifier]": IdentifierRules, "[[sender]]": Sender, "[[laboratory]]": Laboratory, "[[code]]": CodeEntry,
    "[[ignore]]": Ignore, "[enrolment]": Enrolment, "[[enrol]]": EnrolRule,
}  # fmt: skip
ROW = re.compile(r"^\| `(?P<key>\w+)` \| (?P<meaning>.+?) \| (?P<default>.+?) \| `(?P<example>.+)` \|$", re.MULTILINE)


def section(heading: str) -> str:
    text = (DOCS / "site.md").read_text("utf-8")
    _, _, rest = text.partition(f"\n## {heading}\n")
    assert rest, f"docs/site.md has no section {heading}"
    return rest.partition("\n## ")[0]


def rows(heading: str) -> dict[str, re.Match[str]]:
    return {found["key"]: found for found in ROW.finditer(section(heading))}


def said(value: Any) -> str:
    if value is msgspec.NODEFAULT:
        return "required"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`" if value else "empty"


def default_of(field: msgspec.structs.FieldInfo) -> Any:
    return field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default


@pytest.mark.parametrize("table", TABLES)
def test_every_key_stands_in_the_docs_with_its_default(table: str) -> None:
    found = rows(f"`{table}`")
    fields = {field.encode_name: field for field in msgspec.structs.fields(TABLES[table])}
    assert found.keys() == fields.keys()
    required = {("[[enrol]]", "name")}  # checked beyond its type
    for name, field in fields.items():
        wanted = "required" if (table, name) in required else said(default_of(field))
        assert found[name]["default"] == wanted, (table, name)


@pytest.mark.parametrize("table", TABLES)
def test_every_example_of_the_docs_is_valid_toml(table: str) -> None:
    for found in rows(f"`{table}`").values():
        assert tomllib.loads(f"{found['key']} = " + found["example"].replace("\\|", "|"))


def test_every_table_and_key_stands_in_the_example() -> None:
    read = tomllib.loads(EXAMPLE)
    for table, kind in TABLES.items():
        entries = read[table.strip("[]")]
        written = set().union(*entries) if isinstance(entries, list) else set(entries)
        assert written == {field.encode_name for field in msgspec.structs.fields(kind)}, table
    tables = {field.encode_name for field in msgspec.structs.fields(SiteFile)}
    assert tables <= read.keys()
    assert {f"`{name}`" for name in tables - {"name", "zone"}} <= {
        re.sub(r"[\[\]]", "", heading)
        for heading in re.findall(r"(?m)^## (.+)$", (DOCS / "site.md").read_text("utf-8"))
    }


def test_the_example_is_valid_and_nothing_in_it_is_warned_of() -> None:
    site = read_site(EXAMPLE, "site.toml")
    assert [str(one) for one in warnings(site)] == []
    assert site.file.enrolment.watch == "listed"


@pytest.mark.parametrize(
    ("wrong", "right", "line", "told"),
    [
        ("analyte = ", "analyt = ", "analyt =", "no such key; is 'analyte' meant?; there are analyte"),
        ('analyte = "creat"', 'analyte = "crea"', "analyte =", "'crea' is no analyte; is 'creat' meant?"),
        ('= ["HEM"]', '= ["HEMO"]', 'conditions = ["HEMO', "'HEMO' is no condition that Halo knows; there are CFU"),
        ('HEMOL = "HEM"', 'HEMOL = "H"', "conditions = {", "'H' is no condition"),
        ('beds = ["1",', "beds = [1,", "beds =", 'is a list of names: beds = ["1", "2A"]'),
        ("default = true", "default = false", "[[team]]", "0 teams are the default"),
        ('last_recipient = "head of haematology"', "", "[[team]]", "last_recipient: is missing: who is called"),
        ('diagnosis = "C90*"', 'diagnosis = "*"', "diagnosis =", "a star stands at the end only"),
        ('service = "HEM"\n', "", "[[enrol]]", "says no sender, ward, service or diagnosis"),
        ("[enrolment]", "[enrollment]", "[enrollment]", "no such key or table; is 'enrolment' meant?"),
        ('unit_when_missing = "mmol/L"', 'unit_when_missing = "mg"', "unit_when_missing", "is not accepted for k: mmol/L"),
        ("[[ward]]", "[ward]", "[ward]", "is a list of entries: write [[ward]]"),
        ('zone = "Europe/Ljubljana"\ncharset', 'zone = "CET+1"\ncharset', 'zone = "CET+1"', "is no time zone"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line_and_what_to_do(wrong: str, right: str, line: str, told: str) -> None:
    assert wrong in EXAMPLE
    text = EXAMPLE.replace(wrong, right, 1)
    with pytest.raises(SiteInvalid) as error:
        read_site(text, "site.toml")
    assert f"site.toml, line {number(text, line)}: " in str(error.value), error.value
    assert told in str(error.value)


def number(text: str, start: str) -> int:
    """Of the first line that starts so."""
    return next(n for n, line in enumerate(text.splitlines(), 1) if line.startswith(start))


def test_all_mistakes_are_told_at_once() -> None:
    text = EXAMPLE.replace('"creat"', '"crea"', 1).replace('beds = ["1",', "beds = [1,")
    with pytest.raises(SiteInvalid) as error:
        read_site(text, "site.toml")
    lines = [line.partition(":")[0] for line in str(error.value).splitlines()]
    assert lines == [f"site.toml, line {number(text, start)}" for start in ("analyte =", "beds =")]


@pytest.mark.parametrize(
    ("wrong", "right", "told"),
    [
        ('zone = "Europe/Ljubljana"\nlang', "lang", "zone: is missing: times without an offset count as UTC"),
        ('addresses = ["192.0.2.20"]\n', "", "'administration' has neither addresses nor a certificate"),
        ('laboratories = ["LAB1", "LAB2"]', 'laboratories = ["LAB1"]', "'LAB2' is sent by no [[sender]]"),
        ('code = "KREA"', 'code = "2823-3"', "2823-3 is the LOINC code of k, here it stands for creat"),
        ('GPL = "g/L"', '"g/dL" = "g/L"', "'g/dL' is a unit itself, here it stands for 'g/L'"),
        ('code = "COVID"', 'code = "KREA"', "'KREA' stands under [[ignore]] too"),
        ("[[ignore]]", '[[code]]\nlaboratory = "LAB1"\ncode = "K2"\nanalyte = "k"\n\n[[ignore]]',
         "k of this laboratory is mapped twice, 'K-POCT' with 'mmol/L' and 'K2' with 'no unit'"),
        ('code = "COVID"', 'code = "2823-3"', "2823-3 is the LOINC code of k: nobody is called for it any more"),
        ('authorities = ["HOSP"]', 'authorities = ["KCX"]', "'KCX' is not in [identifier] authorities: its numbers are held"),
        ('authorities = ["HOSP", "ZZZS"]\n', "", "lists no authorities"),
    ],
)  # fmt: skip
def test_what_looks_wrong_is_warned_of_with_its_line(wrong: str, right: str, told: str) -> None:
    assert wrong in EXAMPLE
    found = [str(one) for one in warnings(read_site(EXAMPLE.replace(wrong, right, 1)))]
    assert any(told in one for one in found), found
    assert all(re.match(r"line \d+: ", one) for one in found)
