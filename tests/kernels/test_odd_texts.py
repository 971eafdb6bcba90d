"""What is not odd is settled; the kernel equals its twin, whatever batch a text comes in."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa

from kernels.text.odd_texts import odd_texts
from router.ids import string_parts
from router.spelling import character_marks, settled
from tests.labs.text_columns import random_text, sliced
from tests.reference.text import odd_texts as twin

MARKS = np.frombuffer(character_marks(), np.uint8)
PIECES = (
    "a", "Straße", "Zoë", "Zoe\u0308", "北京市", " ", "\xa0", "\u200b", "\u2800", "\u3000", "\t", "\x7f", "é",
    "e\u0301", "가", "\u1100\u1161", "ก่", "\u0323\u0307", "\u0307\u0323", "Å", "\u212b", "👍", "ﬁ", "क़",
    "\u0958", "\ufeff", "中",
)  # fmt: skip


def _odd(array: object, count: int) -> list[int]:
    out = np.full(count, 7, np.uint8)
    found = odd_texts(*string_parts(array), MARKS, out)
    assert found == int(out.sum())
    return [int(value) for value in out]


def test_odd_texts_equal_the_twin_and_the_others_are_settled() -> None:
    rng = random.Random(8)
    seen = set()
    for _ in range(3_000):
        texts = ["".join(rng.choices(PIECES, k=rng.randrange(5))) for _ in range(rng.randrange(6))]
        texts += [random_text(rng) for _ in range(rng.randrange(3))]
        found = _odd(sliced(rng, texts), len(texts))
        assert found == twin.odd_texts(texts, character_marks())
        for text, odd in zip(texts, found, strict=True):
            assert odd or settled(text) == text, ascii(text)
            seen.add((odd, text.isascii()))
    assert len(seen) == 4


def test_every_character_of_the_basic_plane_alone_and_between_letters() -> None:
    texts = [
        around + chr(code) + around for code in range(0x10000) if not 0xD800 <= code < 0xE000 for around in ("", "a")
    ]
    for text, odd in zip(texts, _odd(pa.array(texts), len(texts)), strict=True):
        assert odd or settled(text) == text, ascii(text)
