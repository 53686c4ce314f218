"""The site file: what a hospital says goes into mapping; a mistake is reported with line and key."""

from __future__ import annotations

from decimal import Decimal

import pytest

from schemas.patient_event import Coding, Identifier
from services.mapping.report import map_report
from services.mapping.site import DEFAULT_SITE
from services.mapping.site_file import SiteInvalid, read_site
from services.mapping.site_warnings import warnings
from services.reading.patients import Choose, first_identifier
from tests.unit.reports import report, result, text

SITE = """
zone = "Europe/Ljubljana"

[identifier]
authorities = ["MADEUP", "ZZZS"]
preference = ["ZZZS"]
placeholders = ["0000"]

[units]
GPL = "g/L"

[[sender]]
name = "central laboratory"
application = "LIS"
facility = "LAB1"
zone = "Europe/London"
state = "live"

[[laboratory]]
name = "LAB1"
units = { UMOLL = "umol/L" }
reference = { creat = { low = "45", high = "84" } }
loq = { mspike = "0.5" }

[[code]]
laboratory = "LAB1"
code = "KREA"
analyte = "creat"
method = "enzymatic"

[[code]]
code = "POC-K"
analyte = "k"
point_of_care = true
unit_when_missing = "mmol/L"

[[code]]
code = "32730-5"
analyte = "umprot"

[[code]]
code = "CAKOR"
system = "L"
analyte = "ca_adj"

[[ignore]]
code = "COVID"

[[ward]]
name = "H2"
"""
SITE_READ = read_site(SITE)


def mapped(*results, **fields):
    return map_report(report(*results, **fields), SITE_READ)


def test_a_local_code_gives_analyte_method_unit_and_limits() -> None:
    (value,) = mapped(result("KREA", "96", "UMOLL", system="L")).results
    assert (value.analyte, value.unit, value.value, value.method) == ("creat", "umol/L", Decimal(96), "enzymatic")
    assert (value.reference_low, value.reference_high) == (Decimal(45), Decimal(84))
    (sent,) = mapped(result("KREA", "96", "umol/L", system="L", method="Jaffe", reference_range="50-90")).results
    assert (sent.method, sent.reference_low) == ("Jaffe", Decimal(50)), "what the message says goes first"


def test_a_local_code_is_of_its_laboratory_only() -> None:
    other = mapped(result("KREA", "96", "umol/L", system="L", laboratory="LAB2"))
    assert [item.reason for item in other.quarantined] == ["local_code_needed"]
    assert mapped(result("POC-K", "4", system="L", laboratory="LAB2")).results[0].flags == ("point_of_care",)


def test_the_unit_a_laboratory_never_sends_is_agreed_not_guessed() -> None:
    assert mapped(result("POC-K", "4.1", system="L")).results[0].value == Decimal("4.1")
    assert mapped(result("2823-3", "4.1")).quarantined[0].reason == "unit_missing"
    assert mapped(result("POC-K", "4.1", "mval", system="L")).quarantined[0].reason == "unit_not_allowed"


def test_codes_for_local_use_only_can_be_mapped_and_total_chains_cannot() -> None:
    assert mapped(result("32730-5", "350", "mg/d")).results[0].analyte == "umprot"
    both = (Coding(code="CAKOR", system="L"), Coding(code="13959-2", system="LN"))
    assert mapped(result("", "2.8", "mmol/L", code=both)).results[0].analyte == "ca_adj"
    protein = (Coding(code="CAKOR", system="L"), Coding(code="18281-6", system="LN"))
    assert mapped(result("", "2.8", "mmol/L", code=protein)).quarantined[0].reason == "different_quantity"


def test_synonyms_quantification_limits_zones_and_the_ignore_list() -> None:
    assert mapped(result("2885-2", "70", "GPL")).results[0].value == Decimal(70)
    trace = mapped(text("33358-3", "sled")).results[0]
    assert trace.interval is not None
    assert trace.interval.high == Decimal("0.5")
    local = mapped(result("2885-2", "70", "g/L", collected_at="2026-03-01T07:15:00")).results[0]
    assert (local.collected_at.hour, local.collected_offset) == (7, 0), "the sender is in London"
    ignored = mapped(result("COVID", "1", system="L"))
    assert [(item.reason, item.code) for item in ignored.ignored] == [("ignored_code", "COVID")]


@pytest.mark.parametrize(
    ("patient", "reason"),
    [("OTHER|1", "unlisted_authority"), ("MADEUP|0000", "placeholder_identity"), ("MADEUP|", "patient_missing")],
)
def test_an_identity_that_is_not_taken_is_quarantined_never_a_new_patient(patient: str, reason: str) -> None:
    whole = mapped(result("2000-8", "3.9", "mmol/L"), id=patient)
    assert not whole.results
    assert [item.reason for item in whole.quarantined] == [reason]


@pytest.mark.parametrize("status", ["F", "C", "D", "W"])
def test_only_the_laboratories_of_its_sender_are_read_and_nobody_else_withdraws_their_results(status: str) -> None:
    entry = (
        '[[sender]]\nname = "other house"\napplication = "LIS"\nfacility = "LAB1"\nlaboratories = ["LAB2", "LAB3"]\n'
    )
    sent = result("2000-8", "3.9", "mmol/L", laboratory="LAB1", status=status)
    own = result("2000-8", "3.9", "mmol/L", laboratory="LAB3", status=status)
    held = map_report(report(sent, own), read_site(entry))
    assert [(item.reason, item.analyte, item.slot) for item in held.quarantined] == [
        ("laboratory_not_of_sender", "ca", "")
    ]
    assert [one.laboratory for one in held.results] == ["LAB3"]
    anybodys = map_report(report(sent, own), read_site(entry.replace('laboratories = ["LAB2", "LAB3"]\n', "")))
    assert not anybodys.quarantined


@pytest.mark.parametrize(("patient", "held"), [("HOSP|1", []), ("ZZZS|1", ["unlisted_authority"])])
def test_a_sender_uses_the_numbers_of_its_own_authorities_only(patient: str, held: list[str]) -> None:
    entry = (
        '[identifier]\nauthorities = ["HOSP", "ZZZS"]\n[[sender]]\nname = "x"\napplication = "LIS"\nfacility = "LAB1"\n'
    )
    sent = report(result("2000-8", "2.4", "mmol/L"), id=patient)
    assert not map_report(sent, read_site(entry)).quarantined
    whole = map_report(sent, read_site(entry + 'authorities = ["HOSP"]\n'))
    assert [item.reason for item in whole.quarantined] == held
    assert len(whole.results) + len(held) == 1


def test_a_value_of_a_laboratory_that_its_sender_may_not_carry_is_as_urgent_as_any() -> None:
    entry = '[[sender]]\nname = "x"\napplication = "LIS"\nfacility = "LAB1"\nlaboratories = ["LAB2"]\n'
    held = map_report(report(result("2000-8", "3.9", "mmol/L", laboratory="LAB1")), read_site(entry))
    assert [item.would_be for item in held.quarantined] == ["CRITICAL"]


@pytest.mark.parametrize("choose", [first_identifier, DEFAULT_SITE.patient_id, SITE_READ.patient_id])
@pytest.mark.parametrize("kind", ["VN", "AN", "ANC", "AND", "ANT", "an"])
def test_a_number_of_a_visit_names_nobody_where_there_is_another(choose: Choose, kind: str) -> None:
    visit, person = Identifier(value="V1", authority="MADEUP", type=kind), Identifier(value="1", authority="MADEUP")
    assert choose([visit, person]) == choose([person, visit]) == "MADEUP|1"
    assert choose([visit]) == "MADEUP|V1", "a message is never refused for it"
    assert choose([]) == ""


def test_the_preferred_identifier_names_the_patient() -> None:
    own, national = Identifier(value="1", authority="MADEUP"), Identifier(value="9", authority="ZZZS")
    assert SITE_READ.patient_id([own, national]) == "ZZZS|9"
    assert SITE_READ.patient_id([Identifier(value="5", authority="X"), own]) == "MADEUP|1"
    assert DEFAULT_SITE.patient_id([own, national]) == "MADEUP|1"
    assert DEFAULT_SITE.patient_id([]) == ""


def test_versions_differ_with_the_text_and_other_tables_are_kept_for_others() -> None:
    assert read_site(SITE).version == SITE_READ.version != read_site(SITE + "\n# a note\n").version
    assert SITE_READ.version in mapped(result("2885-2", "70", "g/L")).results[0].mapping_version
    assert SITE_READ.others["ward"] == [{"name": "H2"}]
    assert SITE_READ.sender("LIS|LAB1") is not None
    assert SITE_READ.sender("LIS|LAB9") is None
    assert DEFAULT_SITE.version == "default"


MISTAKES = [
    ('zone = "Europe/Ljubljana"', 'zone = "Europe/Lubiana"', "Europe/Lubiana"),
    ('analyte = "k"', 'analyte = "potassium"', "potassium"),
    ('unit_when_missing = "mmol/L"', 'unit_when_missing = "mg/dL"', "mg/dL"),
    ('GPL = "g/L"', 'GPL = "gpl"', "gpl"),
    ('UMOLL = "umol/L"', 'UMOLL = "umol"', "umol"),
    ('state = "live"', 'state = "on"', "'on' is none of 'silent', 'live'"),
    ('high = "84"', 'high = "8,4"', 'write a number as "2.15"'),
    ("point_of_care = true", 'point_of_care = "yes"', "bool"),
    ('method = "enzymatic"', 'methode = "enzymatic"', "methode"),
    ('low = "45"', 'low = "85"', "above"),
    ('mspike = "0.5"', 'mspik = "0.5"', "mspik"),
    ("[[ward]]", "[[wards]]", "wards"),
    ('code = "CAKOR"\nsystem = "L"', 'code = "32730-5"', "mapped already"),
]


@pytest.mark.parametrize(("right", "wrong", "word"), MISTAKES, ids=[case[1] for case in MISTAKES])
def test_a_mistake_is_reported_with_its_line(right: str, wrong: str, word: str) -> None:
    assert SITE.count(right) == 1
    changed = SITE.replace(right, wrong)
    line = changed[: changed.rindex(wrong)].count("\n") + 1
    with pytest.raises(SiteInvalid) as error:
        read_site(changed, "site.toml")
    assert f"line {line}:" in str(error.value), str(error.value)
    assert word in str(error.value)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ('[sender]\nname = "x"', "write [[sender]] instead of [sender]"),
        ('[discharge]\n"51" = "dead"', "'dead' is none of 'deceased', 'moved'"),
        ('[[laboratory]]\nname = "L"\ncollected = ["OBR-8"]', "'OBR-8' is none of 'SPM-17', 'OBR-7', 'OBX-14'"),
    ],
)
def test_a_mistake_names_what_may_stand_there(wrong: str, told: str) -> None:
    with pytest.raises(SiteInvalid) as error:
        read_site(wrong)
    assert told in str(error.value)
    assert "$" not in str(error.value), "no words of the decoder"


def test_a_sender_that_speaks_fhir_only_is_known_by_its_token() -> None:
    """HL7 v2 never finds it, so nobody can pose as it."""
    assert not [one for one in warnings(read_site('[[sender]]\nname = "fhir"')) if "pose" in str(one)]
    named = read_site('[[sender]]\nname = "lab"\napplication = "LIS"')
    assert len([one for one in warnings(named) if "pose" in str(one)]) == 1


def test_what_is_not_toml() -> None:
    with pytest.raises(SiteInvalid, match="line 1"):
        read_site("zone = @", "site.toml")
