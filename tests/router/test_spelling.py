"""One normal form of what people type: what is equal by it, and what stays apart."""

from __future__ import annotations

import unicodedata

import pytest

from router.spelling import BMP, character_marks, folded, is_blank_character, plain, settled, word


@pytest.mark.parametrize("blank", [" ", "\t", "\xa0", "\u3000", "\u200b", "\u2800", "\ufeff", "\u3164", "\x00"])
def test_blanks_of_any_kind_are_nothing(blank: str) -> None:
    assert settled(blank) == settled(blank * 3 + " ") == plain(blank) == folded(blank) == word(blank) == ""
    assert settled(f"{blank}A b{blank}") == "A b"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("FIRSTPAIR", " first pair "),
        ("FIRSTPAIR", "ＦＩＲＳＴＰＡＩＲ"),
        ("FIRSTPAIR", "First\u200bPair"),
        ("ÉTÉ20", "e\u0301te\u030120"),
        ("STRASSE", "Straße"),
        ("ΣΟΦΟΣ", "σοφος"),
    ],
)
def test_codes_are_equal_however_they_are_typed(one: str, other: str) -> None:
    assert folded(one) == folded(other)


@pytest.mark.parametrize(("one", "other"), [("ETE20", "ÉTÉ20"), ("SAVE1", "SAVEI"), ("SAVE-10", "SAVE10")])
def test_codes_with_other_characters_are_others(one: str, other: str) -> None:
    assert folded(one) != folded(other)


def test_words_are_their_letters_and_digits() -> None:
    assert word("On-Hold") == word("on hold") == word("ON_HOLD") == word("ｏｎ\u3000ｈｏｌｄ") == "onhold"


def test_every_character_of_the_basic_plane_has_the_mark_that_unicode_gives_it() -> None:
    marks = character_marks()
    for code in range(BMP):
        character = chr(code)
        if 0xD800 <= code < 0xE000:
            continue
        if is_blank_character(character):
            assert marks[code] in (1, 2), hex(code)
        if not unicodedata.is_normalized("NFC", character):
            assert marks[code] == 2, hex(code)
        if unicodedata.combining(character):
            assert marks[code] >= 2, hex(code)
