"""Work of orders: bounds that hold for small and large ones, and batches that are cut where it is too much."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from router.arrow.arrays import from_message, to_message
from router.arrow.string_table import StringTable
from router.config import Limits, Policy
from router.ids import hash_key
from router.log.columns import WIRE
from router.shard.cut_batch import cut_batch
from router.shard.split_batch import split_batch
from router.shard.work import (
    BATCH_NS_MAX,
    CELL_NS,
    LINE_NS,
    ORDER_NS,
    PROMOTION_NS,
    STEP_NS,
    WorkTerms,
    cuts_of,
    order_work,
    work_terms,
)
from router.wire.arrow_stream import ArrowStreamDecoder
from router.wire.batch import WireBatch
from router.wire.ndjson import decode_bodies
from tests.labs import table_cases
from tests.labs.wire_cases import plain_order, rows_to_arrow, stream

KEY = hash_key(bytes(range(16)))
NO_BUNDLES = WorkTerms(nodes=100, sets=50_000, promotions=3, parts=None, skus=StringTable([]))


def order(number: int, *skus: str, **changes: Any) -> dict[str, Any]:
    return {**plain_order(number), "lines": [{"sku": sku, "qty": 1} for sku in skus], **changes}


def as_json(orders: list[dict[str, Any]]) -> WireBatch:
    return decode_bodies([json.dumps(each).encode() for each in orders], Limits())


def as_arrow(orders: list[dict[str, Any]]) -> WireBatch:
    decoder = ArrowStreamDecoder(Limits())
    (wire,) = decoder.feed([stream(rows_to_arrow(orders))])
    return wire


FORMS = pytest.mark.parametrize("decoded", [as_json, as_arrow])


def work(wire: WireBatch, terms: WorkTerms = NO_BUNDLES) -> list[int]:
    return order_work(wire.orders, wire.skus, terms).tolist()


@FORMS
def test_the_formula(decoded: Any) -> None:
    small, same = order(0, "A", "B", coupons=["X"]), order(1, *["A", "B"] * 6)
    units = order(4, "A", "B", "C")
    units["lines"][2]["qty"] = 3
    wire = decoded([small, same, order(2, *map(str, range(20))), order(3), units])
    exact = 64 * 9 * STEP_NS
    assert work(wire) == [
        ORDER_NS + 2 * LINE_NS + 2 * 4 * PROMOTION_NS + exact,
        ORDER_NS + 12 * LINE_NS + 12 * 3 * PROMOTION_NS + exact,  # two different SKUs are planned exactly
        ORDER_NS + 20 * LINE_NS + 20 * 3 * PROMOTION_NS + 20 * 100 * CELL_NS,
        ORDER_NS + 64 * STEP_NS,
        ORDER_NS + 3 * LINE_NS + 9 * PROMOTION_NS + (64 * 27 + 50_000 * 3) * STEP_NS,  # sets of nodes may be compared
    ]


@FORMS
def test_a_bundle_is_as_much_work_as_its_components(decoded: Any) -> None:
    parts = [{"sku": f"P{number}", "qty": 1} for number in range(30)]
    skus = [{**table_cases.SKU, "sku": part["sku"]} for part in parts]
    tables = table_cases.tables_of(
        skus=[*skus, {**table_cases.SKU, "sku": "SET", "bundle": parts}], nodes=[table_cases.NODE]
    )
    terms = work_terms(tables, Policy())
    alone, bundle, unknown = work(decoded([order(0, "P1"), order(1, "SET"), order(2, "?")]), terms)
    assert alone == unknown == ORDER_NS + LINE_NS + 3 * STEP_NS
    assert bundle == ORDER_NS + 30 * LINE_NS + 3**8 * STEP_NS


def test_sets_of_nodes_are_counted_as_far_as_they_are_compared() -> None:
    def sets(nodes: int, parcels_max: int) -> int:
        rows = [{**table_cases.NODE, "node": f"N{number}"} for number in range(nodes)]
        return work_terms(table_cases.tables_of(nodes=rows), Policy(parcels_max=parcels_max)).sets

    assert (sets(1, 4), sets(6, 4), sets(6, 1), sets(50, 2), sets(100, 4)) == (0, 50, 0, 1_225, 50_000)


def test_a_batch_is_cut_before_it_is_too_much_and_one_order_is_never_cut() -> None:
    assert cuts_of(np.array([4, 4, 3, 20, 1, 9, 1]), 10) == [2, 3, 4, 6]
    assert cuts_of(np.array([5, 5]), 10) == [] == cuts_of(np.zeros(0, np.int64), 10)
    assert cuts_of(np.array([30]), 10) == []


@FORMS
def test_parts_are_the_batch_in_its_order_with_its_refusals_in_their_places(decoded: Any) -> None:
    orders = [order(number, *(f"S{number}-{at}" for at in range(number % 5 + 1))) for number in range(40)]
    for bad in (0, 7, 20, 39):
        orders[bad]["order_id"] = ""
    wire = decoded(orders)
    assert len(wire.refused) == 4
    parts = cut_batch(wire, NO_BUNDLES, most=20_000)
    assert len(parts) > 5 and sum(part.count for part in parts) == 40
    place = 0
    rows, lines, ids = list[dict[str, Any]](), list[str](), list[str]()
    for part in parts:
        assert sorted([*part.positions.tolist(), *(each.position for each in part.refused)]) == list(range(part.count))
        assert [place + each.position for each in part.refused] == [
            each.position for each in wire.refused if place <= each.position < place + part.count
        ]
        place += part.count
        rows += from_message(to_message(part.orders), WIRE).to_pylist()  # as it travels
        names = part.skus.to_pylist()
        lines += [names[line["sku_code"]] for row in part.orders.column("lines").to_pylist() for line in row]
        ids += part.line_ids.to_pylist()
        assert len(names) == len(set(names)) <= len(part.line_ids) and part.documents.num_rows == part.orders.num_rows
        (packed,) = split_batch(part, KEY, 1)
        assert part.work_ns is not None and part.work_ns.tolist() == work(part) and packed.work_ns == sum(work(part))
        assert from_message(packed.orders, WIRE).num_rows == part.orders.num_rows
        assert packed.work_ns == sum(work(part)) > 0, "as the part by itself would be estimated"
    whole = wire.skus.to_pylist()
    assert lines == [whole[line["sku_code"]] for row in wire.orders.column("lines").to_pylist() for line in row]
    assert [row["order_id"] for row in rows] == wire.orders.column("order_id").to_pylist()
    assert ids == wire.line_ids.to_pylist()
    assert pa.concat_batches([part.documents for part in parts]).equals(wire.documents)


def test_everyday_batches_stay_whole_and_a_batch_of_long_orders_does_not() -> None:
    everyday = as_json([order(number, *map(str, range(number % 5 + 1))) for number in range(200)])
    few_nodes = WorkTerms(nodes=6, sets=50, promotions=2, parts=None, skus=StringTable([]))
    assert sum(work(everyday, few_nodes)) / 200 * Limits().batch_rows_max < BATCH_NS_MAX * 1.2
    long = as_json([order(number, *map(str, range(5_000))) for number in range(6)])
    thousand = WorkTerms(nodes=1_000, sets=50_000, promotions=0, parts=None, skus=StringTable([]))
    assert [part.count for part in cut_batch(long, thousand)] == [2, 2, 2]
