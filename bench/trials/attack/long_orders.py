"""Orders of thousands of lines over hundreds of nodes: little to send, much to decide."""

from __future__ import annotations

import msgspec
import numpy as np
import pyarrow as pa

from bench.harness.tables import as_ndjson
from bench.trials.attack.attack import Attack, Body, arrow_orders, at_once, single_order, table
from bench.trials.attack.ground import SKUS, STOCKED, arrow_stream, named, order, order_line, order_rows, sku


def many_lines(count: int, lines: int, skus: int = SKUS, first: int = 1_000_000) -> bytes:
    """Orders that go through the SKUs from the first on, again and again; some kilobytes packed."""
    names = pa.array([sku(at) for at in range(skus)])
    codes = np.arange(count * lines, dtype=np.int64) % lines % skus
    item = pa.StructArray.from_arrays([named(codes, names), pa.array(np.ones(len(codes), np.int32))], ["sku", "qty"])
    offsets = pa.array(np.arange(count + 1, dtype=np.int32) * lines)
    rows = order_rows(first, count, pa.ListArray.from_arrays(offsets, item))
    return arrow_stream([rows], compression="zstd")


def one_long(order_id: str, lines: int, qty: int = 1) -> bytes:
    return order_line(order_id, [{"sku": sku(at % SKUS), "qty": qty} for at in range(lines)])


def promotions(count: int) -> bytes:
    """All fit, none is granted before the others were looked at."""
    return as_ndjson(
        {"code": f"P{at:04d}", "when": {"min_qty": 1 + at % 7}, "then": {"percent": 1}, "stackable": at % 2 == 0}
        for at in range(count)
    )


def quotes(count: int, lines: int) -> Body:
    wanted = [{"sku": sku(at % STOCKED), "qty": 1 + at % 3} for at in range(lines)]
    given = {"orders": [order(f"q-{at}", wanted) for at in range(count)]}
    return Body("channel", "POST", "/v1/quotes", "application/json", msgspec.json.encode(given))


def availability(skus: int) -> Body:
    given = {"skus": [sku(at % STOCKED) for at in range(skus)]}
    return Body("channel", "POST", "/v1/availability", "application/json", msgspec.json.encode(given))


ATTACKS = (
    Attack("lines", "160 orders of 5,000 lines", lambda: [arrow_orders(many_lines(160, 5_000))]),
    Attack(
        "lines",
        "the same, stocked SKUs only",
        lambda: [arrow_orders(many_lines(160, 5_000, STOCKED, 2_000_000))],
    ),
    Attack(
        "lines",
        "single orders of 10,000 lines, 8 at once",
        lambda: [single_order(one_long(f"l-{at}", 10_000)) for at in range(8)],
        at_once,
    ),
    Attack(
        "lines",
        "the first under 2,000 promotions",
        lambda: [table("promotions", promotions(2_000)), arrow_orders(many_lines(40, 5_000, first=3_000_000))],
        restores=("promotions",),
    ),
    Attack("lines", "1,000 quotes of 500 lines, 2 at once", lambda: [quotes(1_000, 500)] * 2, at_once),
    Attack("lines", "availability of 10,000 SKUs, 16 times", lambda: [availability(2_500)] * 16, at_once),
)
