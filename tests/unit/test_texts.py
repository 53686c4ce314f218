"""Result texts are understood only where the table lists them, in either language, case and accents ignored."""

from __future__ import annotations

import pytest

from schemas import texts
from schemas.texts import Said, plain, read_text
from services.mapping.immunofixation import read_immunofixation
from services.mapping.specimen import clumped, condition_flags


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("NIŽJE OD 1,0", Said(number="1,0", comparator="<")),
        ("nizje od 1", Said(number="1", comparator="<")),
        ("pod 5", Said(number="5", comparator="<")),
        ("Več  kot 5000", Said(number="5000", comparator=">")),
        ("≤ 4", Said(number="4", comparator="<=")),
        ("≥4", Said(number="4", comparator=">=")),
        ("Lipemično", Said(word="lipaemic")),
        ("Vzorec ni primeren", Said(word="unsuitable")),
        ("pod mejo zaznave", Said(word="not_quantifiable")),
        ("neg.", Said(word="negative")),
        ("1.234,5", Said(number="1.234,5")),
        ("< 1 g/L", Said(word="unparsed")),
        ("5 (ponovljeno)", Said(word="unparsed")),
        ("3-5", Said(word="unparsed")),
        ("5+", Said(word="unparsed")),
        ("not negative", Said(word="unparsed")),
        ("", Said(word="unparsed")),
    ],
)
def test_result_texts(text: str, said: Said) -> None:
    assert read_text(text) == said


@pytest.mark.parametrize(
    ("text", "coded"),
    [
        ("negativno", "negative"),
        ("Negative.", "negative"),
        ("ni zaznati", "negative"),
        ("pozitivno", "positive"),
        ("IgG kappa", "positive:IgG-kappa"),
        ("IgG-kapa", "positive:IgG-kappa"),
        ("Monoklonski IgG kapa", "positive:IgG-kappa"),
        ("Monoclonal IgA lambda band present", "positive:IgA-lambda"),
        ("IgA lambda in IgG kapa", "positive:IgA-lambda+IgG-kappa"),
        ("IgG λ", "positive:IgG-lambda"),
        ("proste lahke verige kapa", "positive:FLC-kappa"),
        ("free lambda", "positive:FLC-lambda"),
        ("Bence-Jones kappa", "positive:FLC-kappa"),
        ("IgG kappa, free kappa", "positive:FLC-kappa+IgG-kappa"),
        ("IgG kappa no longer detected", "indeterminate"),
        ("brez monoklonskega IgG kapa", "indeterminate"),
        ("possible IgG kappa", "indeterminate"),
        ("IgG kappa?", "indeterminate"),
        ("IgG kappa or lambda", "indeterminate"),
        ("IgG", "indeterminate"),
        ("kappa", "indeterminate"),
        ("see report", "indeterminate"),
        ("", "indeterminate"),
        ("IgG kappa 3 g/L", "indeterminate"),
    ],
)
def test_immunofixation(text: str, coded: str) -> None:
    assert read_immunofixation(text) == coded


@pytest.mark.parametrize(
    ("conditions", "comments", "flags"),
    [
        (("HEM",), (), ("haemolysed",)),
        ((), ("Vzorec hemoliziran",), ("haemolysed",)),
        ((), ("slight haemolysis",), ("haemolysed",)),
        ((), ("Hemolyzed specimen",), ("haemolysed",)),
        ((), ("ni hemolize",), ()),
        ((), ("No haemolysis seen",), ()),
        ((), ("not fasting; haemolysed",), ("haemolysed",)),
        (("CLOT", "HEM"), (), ("clotted_specimen", "haemolysed")),
        (("ROOM",), ("ok",), ()),
    ],
)
def test_specimen_conditions(conditions: tuple[str, ...], comments: tuple[str, ...], flags: tuple[str, ...]) -> None:
    assert condition_flags(conditions, comments) == flags


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("platelet clumps present", True),
        ("agregati trombocitov", True),
        ("no clumping", False),
        ("brez agregatov", False),
        ("", False),
    ],
)
def test_clumped_platelets(comment: str, expected: bool) -> None:
    assert clumped((comment,)) is expected


TABLE = {
    "<": ["<", "less than", "below", "nižje od", "manj kot", "pod"], "<=": ["<=", "≤"],
    ">": [">", "more than", "above", "višje od", "več kot", "nad"], ">=": [">=", "≥"],
}  # fmt: skip
WORDS = {
    "negative": ["neg", "neg.", "negativno", "negative", "not detected", "ni zaznati", "ni zaznano"],
    "trace": ["sled", "v sledovih", "trace"],
    "not_quantifiable": ["ni merljivo", "nemerljivo", "pod mejo zaznave", "too small to quantify", "not quantifiable",
                         "below detection limit"],
    "pending": ["v delu", "in progress"],
    "haemolysed": ["hemolizirano", "haemolysed", "hemolysed"],
    "insufficient": ["premalo vzorca", "insufficient"],
    "unsuitable": ["vzorec ni primeren", "unsuitable"],
    "clotted": ["strdek", "clotted"],
    "lipaemic": ["lipemično", "lipaemic"],
}  # fmt: skip
"""The table of result life cycle 3, whole."""


@pytest.mark.parametrize(("sign", "words"), [(sign, words) for sign, many in TABLE.items() for words in many])
def test_every_comparator_of_the_table(sign: str, words: str) -> None:
    for written in (f"{words} 5", f"{words.upper()}  5", f"{words} 1,5"):
        said = read_text(written)
        assert (said.comparator, said.word) == (sign, "")
        assert said.number in ("5", "1,5")


@pytest.mark.parametrize(("word", "words"), [(word, words) for word, many in WORDS.items() for words in many])
def test_every_word_of_the_table(word: str, words: str) -> None:
    bare = "".join({"ž": "z", "š": "s", "č": "c"}.get(letter, letter) for letter in words)
    for written in (words, words.upper(), f"  {words.capitalize()} ", bare):
        assert read_text(written).word == word


def test_the_table_has_no_words_of_our_own() -> None:
    ours = {plain(words) for many in WORDS.values() for words in many}
    assert set(texts._WORDS) == ours
    assert set(texts._COMPARATORS) == {plain(words) for many in TABLE.values() for words in many}


@pytest.mark.parametrize(
    "text",
    ["sledovi", "ni zaznavno", "negativ", "pozitivno", "manj od 5", "ca. 5", "~5", "5-10", "<5 g/L", "< ", "pod", "<<5",
     "< 5 ali 6", "hemolyzed", "lipemic", "not detected yet", "ni zaznati, ponoviti", "negativno?", "+", "++", "5+"],
)  # fmt: skip
def test_what_the_table_does_not_list_is_never_guessed(text: str) -> None:
    assert read_text(text).word == "unparsed"
