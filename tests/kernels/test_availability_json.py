"""The availability text writer against its twin."""

from __future__ import annotations

import json
import random

import numpy as np

from router.queries.availability_text import AvailabilityText
from tests.reference.text.availability_json import availability_json

NAMES = ["A", "SKU-1", 'quo"te', "back\\slash", "ümlaut", "日本", "tab\t", "x" * 40, "nul\x00"]
NUMBERS = [
    *(10**digits + more for digits in range(19) for more in (-1, 0, 1)),
    *(-1, -10, 12345, 7_050_301, 90_807_060, 12345678901, 2**63 - 1, -(2**63) + 1),
]


def test_text_equals_the_twin_on_random_rows() -> None:
    draw = random.Random(7)
    for _ in range(2_000):
        skus = draw.sample(NAMES, draw.randint(1, len(NAMES)))
        nodes = draw.sample(NAMES, draw.randint(0, 5))
        asked = [draw.randrange(len(skus)) for _ in range(draw.randint(0, 6))]
        total = [draw.choice([*NUMBERS, draw.randrange(10**9)]) for _ in asked]
        units = [[draw.choice(NUMBERS) for _ in nodes] for _ in asked]
        text = AvailabilityText(skus, nodes).encode(
            3,
            np.array(asked, np.int32),
            np.array(total, np.int64),
            np.array(units, np.int64).reshape(len(asked), len(nodes)),
            ['no"pe'],
        )
        rows = [
            (skus[sku], available, dict(zip(nodes, row, strict=True)))
            for sku, available, row in zip(asked, total, units, strict=True)
        ]
        document = json.loads(text)
        assert document["sequence"] == 3 and document["unknown"] == ['no"pe']
        assert document["items"] == json.loads(f"[{availability_json(rows)}]")
