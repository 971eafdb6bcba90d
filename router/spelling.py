"""One normal form for what people type: how texts, codes and words are compared, however they were written.

    plain   what a person would read: composed letters, no invisible characters, blanks of any kind as one space, none
            at the ends
    folded  the same without differences of case, width and blanks: for codes that are typed in (coupons)
    word    letters and digits alone: for words of a fixed list ("On-Hold" = "on hold" = "on_hold")

What is stored stays as it was sent; these forms are made to compare by.
"""

from __future__ import annotations

import unicodedata
from functools import cache

# Characters without ink that Python does not count as white space: they look like nothing, and mean nothing.
_FILLERS = (0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0)
_SELECTORS = ((0x034F, 0x034F), (0x180B, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF))

BMP = 0x10000
BLANK, COMPOSES = 1, 2  # what a character says of a text; from COMPOSES + 1 on the rank of a mark among marks
_UNMARKED = ((0x3400, 0x9FFF), (0xAC00, 0xF8FF))  # ideographs, syllables, surrogates, private: none is blank or a mark
_JAMO = ((0x1161, 0x1175), (0x11A8, 0x11C2))  # vowels and finals join what stands before them


def is_blank_character(character: str) -> bool:
    """Whether it shows nothing: white space, controls, what only steers the layout, fillers."""
    code = ord(character)
    if character.isspace() or code in _FILLERS or any(first <= code <= last for first, last in _SELECTORS):
        return True
    return unicodedata.category(character) in ("Cc", "Cf")


@cache
def _shown() -> dict[int, str | None]:
    """For str.translate: what is blank as a space, or as nothing where it has no width."""
    codes = (*_marked_codes(), *range(0xE0000, 0xE01F0))
    blank = [code for code in codes if is_blank_character(chr(code))]
    return {code: " " if chr(code).isspace() or code in _FILLERS else None for code in blank}


def _marked_codes() -> list[int]:
    return [code for code in range(BMP) if not any(first <= code <= last for first, last in _UNMARKED)]


def settled(text: str) -> str:
    """The text as it is kept apart from others: letters composed, nothing blank at its ends; "" for blanks alone."""
    first, last = 0, len(text)
    while first < last and is_blank_character(text[first]):
        first += 1
    while last > first and is_blank_character(text[last - 1]):
        last -= 1
    return unicodedata.normalize("NFC", text[first:last])


def plain(text: str) -> str:
    """Compatible forms (full width, no-break space) as the ordinary ones, runs of blanks as one space."""
    if not (text.isascii() and text.isprintable()):
        text = unicodedata.normalize("NFKC", text.translate(_shown()))
    return " ".join(text.split())


def folded(text: str) -> str:
    """A code as it is compared: case, blanks, width and how accents were typed make no difference."""
    return unicodedata.normalize("NFKC", plain(text).replace(" ", "").casefold())


def word(text: str) -> str:
    """A word of a list: only its letters and digits count."""
    return "".join(filter(str.isalnum, folded(text)))


def without_accents(text: str) -> str:
    """Letters without the marks on them: Québec = Quebec."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


@cache
def character_marks() -> bytes:
    """One byte a character of the basic plane, for kernels/text/odd_texts.py: 0 = nothing to be said of it.

    The quick check of Unicode: a text is composed where no character may be part of a composition and marks stand in
    the order of their classes.
    """
    codes = [code for code in range(BMP) if not any(first <= code <= last for first, last in _UNMARKED)]
    ranks = {
        ccc: COMPOSES + 1 + rank for rank, ccc in enumerate(sorted({unicodedata.combining(chr(c)) for c in codes}))
    }
    marks = bytearray(BMP)
    for code in codes:
        character = chr(code)
        parts = unicodedata.decomposition(character).split()
        if not unicodedata.is_normalized("NFC", character):
            marks[code] = COMPOSES
        elif is_blank_character(character):
            marks[code] = BLANK
        elif unicodedata.combining(character) and not marks[code]:
            marks[code] = ranks[unicodedata.combining(character)]
        if len(parts) == 2 and not parts[0].startswith("<") and int(parts[1], 16) < BMP:
            marks[int(parts[1], 16)] = COMPOSES
    for first, last in _JAMO:
        marks[first : last + 1] = bytes([COMPOSES]) * (last + 1 - first)
    return bytes(marks)
