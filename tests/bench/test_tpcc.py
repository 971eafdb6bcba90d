"""The TPC-C-derived run in small, and that its books would notice what must not happen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.harness.tables import COUNTRIES, NODES
from bench.peers import tpcc
from bench.peers.tpcc_books import Book

SENT = {
    "order_id": "o",
    "ship_to": {"country": "GB"},
    "lines": [{"sku": "S00001", "qty": 2}, {"sku": "S00002", "qty": 1}],
}
SHOWN = {
    "lines": [{"sku": "S00001", "qty": 2, "total": 60}, {"sku": "S00002", "qty": 1, "total": 30}],
    "shipping": 10,
    "total": 100,
    "state": "allocated",
    "payment_state": "authorized",
}


@pytest.mark.soak
@pytest.mark.ray
def test_every_condition_holds_after_a_small_run() -> None:
    result = tpcc.run(transactions=1_000, terminals=8, shards=1)
    assert result["violations"] == []
    assert result["transactions"] == 1_000
    assert 0.4 < result["new_order"]["count"] / 1_000 < 0.55
    assert result["rolled_back"] > 0 and result["lines_shipped_from_abroad"] > 0
    assert result["by_state"]["delivered"] > 50
    assert result["captured_minor"] > 0
    assert result["orders_compared"] == result["new_orders"] + result["order_status"]["count"]


def test_a_remote_sku_lies_in_one_other_country() -> None:
    shelves = tpcc.Shelves(1_000)
    on_hand = shelves.on_hand()
    for country in COUNTRIES:
        at_home = [node[1] == country for node in NODES]
        held = on_hand[shelves.abroad[country]] > 0
        assert not held[:, at_home].any() and held.any(axis=1).all()
    assert (on_hand[shelves.everywhere] > 0).all()


@pytest.fixture
def book() -> Book:
    book = Book()
    book.new_order(SENT, 200, {"status": "allocated", "total": 100})
    return book


def test_an_order_that_reads_as_promised_is_no_violation(book: Book) -> None:
    book.compare("o", 200, SHOWN)
    assert book.violations == [] and book.compared == 1


@pytest.mark.parametrize(
    ("status", "change"),
    [
        (404, {}),
        (200, {"total": 101}),
        (200, {"shipping": 11}),
        (200, {"state": "backordered"}),
        (200, {"payment_state": "paid"}),
        (200, {"lines": SHOWN["lines"][:1]}),  # type: ignore[index]
    ],
)
def test_an_order_that_reads_otherwise_is_a_violation(book: Book, status: int, change: dict[str, Any]) -> None:
    book.compare("o", status, SHOWN | change)
    assert len(book.violations) >= 1


def test_an_unknown_sku_that_is_not_refused_is_a_violation() -> None:
    book = Book()
    bad = {**SENT, "lines": [{"sku": tpcc.UNKNOWN_SKU, "qty": 1}]}
    book.new_order(bad, 422, {})
    assert book.violations == [] and book.rolled_back == ["o"] and not book.orders
    book.new_order(bad, 200, {"status": "allocated", "total": 1})
    assert len(book.violations) == 1


def test_an_event_that_is_not_applied_is_a_violation(book: Book) -> None:
    book.paid("o", [{"status": "refused", "order_id": "o", "state": "allocated", "payment_state": "authorized"}])
    assert len(book.violations) == 1


def test_lines_are_five_to_fifteen_different_skus() -> None:
    terminal = tpcc.Terminal.__new__(tpcc.Terminal)
    terminal._rng = np.random.default_rng(1)
    terminal.workload, terminal.shelves = tpcc.Workload(), tpcc.Shelves(20_000)
    for _ in range(50):
        lines = terminal._draw_lines(0, "GB")
        assert 5 <= len(lines) <= 15 and len({line["sku"] for line in lines}) == len(lines)
