"""Which texts may not be settled, character by character in Python's own strings."""

from __future__ import annotations

BLANK, COMPOSES = 1, 2


def is_odd(text: str, marks: bytes) -> bool:
    if any(ord(character) > 0xFFFF for character in text):
        return True
    found = [marks[ord(character)] for character in text]
    if not found:
        return False
    out_of_order = any(COMPOSES < after < before for before, after in zip(found, found[1:], strict=False))
    return BLANK in (found[0], found[-1]) or COMPOSES in found or out_of_order


def odd_texts(texts: list[str], marks: bytes) -> list[int]:
    return [int(is_odd(text, marks)) for text in texts]
