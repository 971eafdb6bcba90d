"""Orders whose lines are called the same are found as the twin finds them, few lines or many."""

from __future__ import annotations

import random
import time

import numpy as np
import pyarrow as pa

from kernels.rows.line_names import FEW
from router.wire.line_names import repeated_lines
from tests.labs.text_columns import random_text, sliced
from tests.reference.rows.line_names import repeated_names


def _found(rng: random.Random, orders: list[list[str]]) -> list[int | None]:
    """Place of a line in each order."""
    array = sliced(rng, [text for order in orders for text in order])
    rows = np.cumsum([0, *map(len, orders)]).astype(np.int32)
    found = repeated_lines(rows, array)
    return [found[row] - int(rows[row]) if row in found else None for row in range(len(orders))]


def _name(rng: random.Random, lines: int) -> str:
    """Often none, often a number; of many lines mostly one of its own, so that not all orders are refused."""
    draw = rng.random()
    if draw < 0.4:
        return ""
    if draw < 0.5:
        return str(rng.randrange(3 * lines))
    return f"{rng.getrandbits(40):x}" if draw < 0.95 else random_text(rng)


def test_repeated_names_equal_the_twin() -> None:
    rng = random.Random(8)
    kinds = set()
    for _ in range(1_500):
        sizes = [rng.choice((0, 1, 2, 3, FEW, FEW + 1, 40)) for _ in range(rng.randrange(4))]
        orders = [[_name(rng, size) for _ in range(size)] for size in sizes]
        wanted = repeated_names(orders)
        assert _found(rng, orders) == wanted
        kinds |= {(len(order) > FEW, place is None) for order, place in zip(orders, wanted, strict=True)}
    assert len(kinds) == 4, "few lines and many, with and without a repeated name"


def test_a_name_may_be_anothers_number_where_that_one_has_a_name_of_its_own() -> None:
    rng = random.Random(9)
    orders = [["2", "1"], ["2", ""], ["", "1"], ["1", ""], ["", ""], ["01", ""], ["a", "a"], ["a", "b", "a", "b"]]
    assert _found(rng, orders) == [None, 0, 1, None, None, None, 1, 2]


def test_ten_thousand_lines_of_names_that_differ_at_their_end_take_no_square_of_time() -> None:
    array = pa.array([f"{'x' * 100}{number:05}" for number in range(10_000)])
    began_s = time.monotonic()
    assert repeated_lines(np.array([0, 10_000], np.int32), array) == {}
    assert time.monotonic() - began_s < 0.5
