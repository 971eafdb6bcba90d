"""The workload maker says the same twice, in both media types, with the shapes it promises."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from bench.harness.damage import COLUMN_DAMAGES, DAMAGES
from bench.harness.tables import FLASH_SALE_UNITS, NODES, tables_for
from bench.harness.workload import CHUNK_ORDERS, MIXES, Workload, sku_weights

ORDERS = 2_000


def lines_of(workload: Workload, orders: int = ORDERS) -> list[bytes]:
    return b"".join(workload.ndjson(orders)).splitlines()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    assert lines_of(Workload()) == lines_of(Workload())
    assert lines_of(Workload()) != lines_of(Workload(seed=2))


def test_later_chunks_do_not_depend_on_earlier_ones() -> None:
    whole = lines_of(Workload(), CHUNK_ORDERS + 50)
    assert lines_of(Workload(), CHUNK_ORDERS + 50)[CHUNK_ORDERS:] == whole[CHUNK_ORDERS:]
    assert b"".join(Workload().ndjson(50, first=CHUNK_ORDERS)).splitlines() == whole[CHUNK_ORDERS:]


def test_json_and_arrow_are_the_same_orders() -> None:
    workload = Workload()
    [batch] = workload.arrow(ORDERS)
    batch.validate(full=True)
    for line, row in zip(lines_of(workload), batch.to_pylist(), strict=True):
        order = msgspec.json.decode(line)
        assert row["order_id"] == order["order_id"]
        assert row["placed_at"].isoformat(timespec="milliseconds") == order["placed_at"].replace("Z", "+00:00")
        assert [row["customer_id"], row["customer_name"]] == [order["customer"]["id"], order["customer"]["name"]]
        assert row["ship_to_postcode"] == order["ship_to"]["postcode"]
        assert (row["currency"], row["channel"]) == (order["currency"], order["channel"])
        assert row["shipping_service"] == order.get("shipping", {}).get("service", "")
        assert row["coupons"] == order.get("coupons", [])
        assert row["payment_status"] == order["payment"]["status"]
        assert row["lines"] == order["lines"]


def test_everyday_orders_have_the_size_and_shape_promised() -> None:
    lines = lines_of(Workload(), 10_000)
    assert 430 < np.mean([len(line) for line in lines]) < 500
    counts = [len(msgspec.json.decode(line)["lines"]) for line in lines]
    assert 2.3 < np.mean(counts) < 2.8 and max(counts) > 20


def test_skus_are_as_popular_as_in_the_retail_data() -> None:
    weights = sku_weights(3_907)
    shares = np.cumsum(weights) / weights.sum()
    assert shares[39] == pytest.approx(0.094, abs=0.01)  # top 1 %
    assert shares[390] == pytest.approx(0.445, abs=0.03)  # top 10 %


def test_repeated_rows_are_counted_and_byte_for_byte_equal() -> None:
    workload = Workload("bad_input")
    lines = lines_of(workload, CHUNK_ORDERS)
    expected = workload.expected(CHUNK_ORDERS)
    good = [line for line in lines if is_good(line)]
    assert len(lines) - len(good) == expected["bad"] > 0
    assert len(good) - len(set(good)) == expected["duplicates"] > 0
    ids = [msgspec.json.decode(line)["order_id"] for line in good]
    assert len(set(ids)) == len(set(good))


def is_good(line: bytes) -> bool:
    try:
        order = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    first = order["lines"][0]
    fine = isinstance(first["qty"], int) and 0 < first["qty"] < 2**62
    return fine and order["currency"] != "ZZZ" and not first["sku"].startswith("X")


def test_bad_rows_are_bad_in_arrow_too() -> None:
    workload = Workload("bad_input")
    [batch] = workload.arrow(CHUNK_ORDERS)
    rows = batch.select(["currency", "lines"]).to_pylist()
    bad = [
        row
        for row in rows
        if row["currency"] == "ZZZ" or row["lines"][0]["qty"] < 0 or row["lines"][0]["sku"].startswith("X")
    ]
    assert len(bad) == workload.expected(CHUNK_ORDERS)["bad"]
    assert len(DAMAGES) > COLUMN_DAMAGES


@pytest.mark.parametrize("mix", sorted(MIXES))
def test_tables_name_every_sku_and_place_of_the_orders(mix: str) -> None:
    workload = Workload(mix)
    tables = {table: list(rows) for table, rows in tables_for(workload, planned_orders=1_000).items()}
    priced = {(row["sku"], row["currency"]): row["price"] for row in tables["skus"]}
    lanes = {row["to_zone"] for row in tables["rates"]}
    for line in lines_of(workload, 100):
        if is_good(line):
            order = msgspec.json.decode(line)
            assert order["ship_to"]["country"] in lanes
            for item in order["lines"]:
                assert priced[item["sku"], order["currency"]] == item["unit_price"]
    assert {row["node"] for row in tables["stock"]} == {node[0] for node in NODES}


def test_a_flash_sale_has_one_sku_in_every_order_and_so_many_units_of_it() -> None:
    workload = Workload("flash_sale")
    assert all(msgspec.json.decode(line)["lines"][0]["sku"] == "S00000" for line in lines_of(workload, 500))
    stock = tables_for(workload, planned_orders=1_000_000)["stock"]
    assert sum(int(str(row["on_hand"])) for row in stock if row["sku"] == "S00000") == FLASH_SALE_UNITS


def test_b2b_orders_have_two_hundred_lines() -> None:
    assert {len(msgspec.json.decode(line)["lines"]) for line in lines_of(Workload("b2b"), 50)} == {200}
