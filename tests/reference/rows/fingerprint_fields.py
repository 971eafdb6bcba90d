"""Content hash of a row over optional fields; an absent field leaves it as it is."""

from __future__ import annotations

from tests.reference.rows.fingerprint import absorb


def fingerprint_text_field(state: list[int], tag: int, texts: list[bytes]) -> list[int]:
    mixed = []
    for before, text in zip(state, texts, strict=True):
        after = before
        if text:
            after = absorb(after, tag << 32 | len(text))
            for first in range(0, len(text), 8):
                after = absorb(after, int.from_bytes(text[first : first + 8], "little"))
        mixed.append(after)
    return mixed


def fingerprint_number_field(state: list[int], tag: int, values: list[int], absent: int) -> list[int]:
    return [
        before if value == absent else absorb(absorb(before, tag << 32), value % 2**64)
        for before, value in zip(state, values, strict=True)
    ]
