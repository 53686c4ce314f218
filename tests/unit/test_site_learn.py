"""`halo site learn`: what the file lacks, with counts and reasons; certain only by LOINC, and nothing of a patient."""

from __future__ import annotations

import tomllib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.patient_event import Coding
from services.mapping.learning import Learned
from services.mapping.names import likely
from services.mapping.proposing import propose
from services.mapping.site import Site
from services.mapping.site_file import read_site
from tests.unit.reports import report, result, text

SITE = read_site('zone = "Europe/Ljubljana"\n[identifier]\nauthorities = ["MADEUP"]\n')


def learned(*results, site: Site = SITE, patient: str = "MADEUP|1") -> str:
    found = Learned()
    for one in results:
        found.take(report(one, id=patient), site)
    return propose(found, site)


def local(code: str, value: str, unit: str, display: str = ""):
    made = result(code, value, unit, system="L")
    first = made.code[0]
    return _with(made, Coding(code=first.code, system="L", display=display))


def _with(made, *codings: Coding):
    return msgspec.structs.replace(made, code=codings)


def test_a_code_that_came_with_its_loinc_elsewhere_is_certain_and_stands_as_it_is() -> None:
    both = _with(
        result("14682-9", "80", "umol/L"), Coding(code="KREA", system="L"), Coding(code="14682-9", system="LN")
    )
    said = learned(both, local("KREA", "90", "umol/L"), local("KREA", "110", "umol/L"))
    (entry,) = tomllib.loads(said)["code"]
    assert (entry["code"], entry["system"], entry["analyte"]) == ("KREA", "L", "creat")
    assert "2 results, units umol/L (2), numbers 90 to 110" in said
    assert "with its LOINC code in 1 other results" in said
    whole = read_site(SITE.content + said)
    assert whole.read_code("LAB1", local("KREA", "90", "umol/L").code).analyte is not None


def test_a_code_that_is_likely_by_name_unit_and_range_is_commented_out_to_be_confirmed() -> None:
    said = learned(local("1234", "92", "umol/L", "S-Kreatinin"))
    assert "code" not in tomllib.loads(said)
    assert '# analyte = "creat"' in said
    assert "# confirm: by its name and unit; 100 % of the numbers are usual for it" in said


def test_a_unit_that_cannot_be_of_the_analyte_speaks_against_the_name() -> None:
    said = learned(local("KREA-U", "9.2", "mmol/dU", "Kreatinin v urinu"))
    assert "analyte =" not in said
    assert "# [[ignore]]" in said


@pytest.mark.parametrize(("code", "display", "unit", "analyte"), [
    ("1234", "S-Kalcij", "mmol na liter", "ca"), ("1234", "Kreatinin", "XYZ", "creat"), ("KALIJ", "", "mEqv", "k"),
    ("P1", "paraprotein", "gram", "mspike"),
])  # fmt: skip
def test_a_unit_that_is_not_known_is_no_reason_to_ignore_what_the_name_says(
    code: str, display: str, unit: str, analyte: str
) -> None:
    said = learned(local(code, "2.31", unit, display))
    assert f"# confirm: by its name {analyte}, but the unit {unit} is not known: add a synonym under [units]" in said
    assert "ignore" not in said
    assert tomllib.loads(said) == {}


def test_a_known_unit_of_other_quantities_is_asked_about_and_no_synonym_is_advised() -> None:
    said = learned(local("77", "2.31", "g/L", "Celokupni kalcij"))
    assert "# confirm: by its name ca, but the unit g/L is not accepted for it: ask the laboratory" in said
    assert "synonym" not in said
    assert "ignore" not in said
    said = learned(local("77", "2.31", "g/L", "Celokupni kalcij"), local("77", "2.31", "XYZ", "Celokupni kalcij"))
    assert "the unit XYZ is not known: add a synonym" in said


def test_another_quantity_by_name_and_unit_may_be_ignored() -> None:
    assert "# [[ignore]]" in learned(local("CRP", "12", "mg/L", "C-reaktivni protein"))


@pytest.mark.parametrize("display", ["paraprotein", "M-protein", "M-komponenta", "ELFO", "S-Paraprotein"])
def test_a_marker_by_its_other_names_and_sent_as_a_word_is_proposed(display: str) -> None:
    for one in (local("1234", "21", "g/L", display), _with(text("1234", "negativno"),
                Coding(code="1234", system="L", display=display))):  # fmt: skip
        said = learned(one)
        assert '# analyte = "mspike"' in said
        assert "ignore" not in said


def test_words_that_are_not_read_are_no_reason_to_ignore() -> None:
    said = learned(_with(text("KREA", "glej izvid"), Coding(code="KREA", system="L")))
    assert "by its name creat, but it is sent as words" in said
    assert "ignore" not in said


@pytest.mark.parametrize("display", [
    "Kreatinin v urinu", "Kreatinin urin", "Kalij, seč", "Kalcij v seču", "U-Kalij", "dU-Kreatinin", "Urinski albumin",
    "Kreatinin 24-urni urin", "IgG v urinu",
])  # fmt: skip
def test_what_is_of_urine_never_proposes_an_analyte_of_serum(display: str) -> None:
    for unit in ("", "mmol/L", "XYZ", "g/L"):
        said = learned(local("1234", "4.2", unit, display))
        assert "analyte =" not in said
        assert "by its name" not in said


def test_uric_acid_and_urea_are_not_urine_and_the_protein_of_urine_is_found() -> None:
    assert max(found := likely("X", "Protein M v 24-urnem urinu"), key=lambda name: found[name]) == "umprot"
    assert likely("X", "Urat (sečna kislina)") == {"urate": 100}


def test_words_where_numbers_belong_speak_against_it() -> None:
    assert "analyte =" not in learned(_with(text("KREA", "glej izvid"), Coding(code="KREA", system="L")))


def test_a_loinc_code_that_halo_does_not_read_is_no_proposal_by_half_a_name() -> None:
    other = _with(result("X", "140", "mmol/L"), Coding(code="KAL-X", system="L", display="kalcij score"),
                  Coding(code="2951-2", system="LN"))  # fmt: skip
    said = learned(other)
    assert "beside it the LOINC code 2951-2, which Halo does not read" in said
    assert "the LOINC code speaks against it" in said or "analyte" not in said


def test_another_quantity_is_never_proposed() -> None:
    said = learned(result("11050-2", "3.1", "g/L"))
    assert "another quantity (total_light_chain_code)" in said
    assert "analyte =" not in said


@pytest.mark.parametrize(("spelling", "unit"), [("UMOLL", "umol/L"), ("MKMOL/L", "umol/L"), ("mikromol", "umol/L")])
def test_a_spelling_of_a_unit_is_proposed_by_its_letters_or_its_numbers(spelling: str, unit: str) -> None:
    site = read_site(SITE.content + '[[code]]\ncode = "KREA"\nanalyte = "creat"\n')
    said = learned(*(local("KREA", value, spelling) for value in ("78", "95", "120")), site=site)
    assert f'# units = {{ "{spelling}" = "{unit}" }}' in said
    assert "laboratory" not in tomllib.loads(said)


def test_a_missing_unit_is_named_with_what_is_usual_and_never_chosen() -> None:
    site = read_site(SITE.content + '[[code]]\ncode = "KALC"\nanalyte = "ca"\n')
    said = learned(local("KALC", "2.31", ""), local("KALC", "2.45", ""), site=site)
    assert "ca without a unit: 2 results" in said
    assert "usual in mmol/L 100 %" in said
    assert "unit_when_missing =" not in said


def test_senders_and_authorities_that_are_not_listed_are_proposed() -> None:
    said = learned(local("KREA", "90", "umol/L"), patient="OTHER|1")
    assert '# authorities = ["MADEUP", "OTHER"]' in said
    assert "# [[sender]]" in said


def test_what_the_file_says_is_not_said_again() -> None:
    site = read_site(
        SITE.content + '[[code]]\ncode = "KREA"\nanalyte = "creat"\n[[ignore]]\ncode = "COVID"\n'
        '[[sender]]\nname = "made up"\napplication = "LIS"\nfacility = "LAB1"\naddresses = ["127.0.0.1"]\n'
    )
    said = learned(local("KREA", "90", "umol/L"), local("COVID", "1", ""), site=site)
    assert said.endswith("# Nothing is missing.\n")


def test_nothing_of_a_patient_is_shown() -> None:
    secret = _with(text("OPOMBA", "Novak Janez, roj. 1950"), Coding(code="OPOMBA", system="L"))
    said = learned(secret, local("KREA", "90", "umol/L"), patient="MADEUP|1234567")
    for word in ("Novak", "1950", "1234567"):
        assert word not in said


@settings(max_examples=60, deadline=None)
@given(
    code=st.text(min_size=1, max_size=8),
    unit=st.text(max_size=8),
    display=st.text(max_size=12),
    laboratory=st.text(max_size=6),
    value=st.text(max_size=8),
)
def test_whatever_is_sent_the_proposal_is_toml_and_changes_nothing_by_itself(
    code: str, unit: str, display: str, laboratory: str, value: str
) -> None:
    made = msgspec.structs.replace(local(code, value, unit, display), laboratory=laboratory)
    assert tomllib.loads(learned(made)) == {}


@pytest.mark.parametrize(
    ("code", "display", "analyte"),
    [
        ("S-KREA", "", "creat"), ("123", "Kreatinin", "creat"), ("K", "", "k"), ("T", "Trombociti", "plt"),
        ("X", "Kalcij, celokupni", "ca"), ("X", "Proste lahke verige kapa", "flck"), ("LDH", "", "ldh"),
        ("X", "Haemoglobin", "hb"), ("X", "Nevtrofilni granulociti", "neut"), ("ALB", "S-Albumin", "alb"),
    ],
)  # fmt: skip
def test_the_likeliest_name_comes_first(code: str, display: str, analyte: str) -> None:
    found = likely(code, display)
    assert max(found, key=lambda name: found[name]) == analyte


@pytest.mark.parametrize(("code", "display"), [("GLU", "Glukoza"), ("X", "immunoassay"), ("NA", "Natrij"), ("12", "")])
def test_other_tests_are_like_nothing(code: str, display: str) -> None:
    assert likely(code, display) == {}
