"""String columns for tests: random text of awkward lengths, and columns that do not start at the first byte."""

from __future__ import annotations

import random

import pyarrow as pa

LENGTHS = (0, 0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 300)


def random_text(rng: random.Random) -> str:
    """Short alphabets make equal strings likely; two- and four-byte characters fall across word borders."""
    return "".join(rng.choice("abü€𝄞") for _ in range(rng.choice(LENGTHS)))


def random_texts(rng: random.Random, rows_max: int = 6) -> list[str]:
    return [random_text(rng) for _ in range(rng.randint(0, rows_max))]


def sliced(rng: random.Random, texts: list[str]) -> pa.StringArray:
    """The texts as a slice of a longer column."""
    before, after = random_texts(rng, 3), random_texts(rng, 3)
    return pa.array(before + texts + after, pa.string()).slice(len(before), len(texts))
