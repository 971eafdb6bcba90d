"""Books of the TPC-C-derived run, and the conditions that must hold between them and the router.

1  every order that was acknowledged is stored, with the lines that were sent; none that was rolled back
2  an order's total is the sum of its lines and shipping, and the one that was acknowledged
3  every line is allocated or backordered in full, and no unit comes from a place that does not hold it
4  units missing from availability, cell by cell, are those that the orders hold: a rollback took none
5  state and payment of every order are those that its events led to; what was captured sums to the paid orders' totals
6  a terminal reads its own writes (Order-Status, during the run)
7  `order-router verify` finds the data folder whole: checksums, chains, conservation
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from bench.harness.arrays import I64
from bench.harness.asking import ask_all, request_bytes
from bench.harness.server import Server
from bench.harness.tables import NODES
from bench.peers.units import NODE_NUMBER, available_units

CONNECTIONS = 8
Row = dict[str, Any]


@dataclass
class OrderEntry:
    """What the terminal sent and was told."""

    wanted: dict[str, int]  # SKU -> quantity
    country: str
    total_minor: int
    state: str
    payment_state: str = "authorized"


@dataclass
class Book:
    """Of one terminal."""

    orders: dict[str, OrderEntry] = field(default_factory=dict)
    rolled_back: list[str] = field(default_factory=list)
    unpaid: list[str] = field(default_factory=list)
    undelivered: list[str] = field(default_factory=list)  # oldest first
    captured_minor: int = 0
    compared: int = 0
    violations: list[str] = field(default_factory=list)

    def new_order(self, order: Row, status: int, answer: Row) -> None:
        order_id, known = order["order_id"], all(line["sku"][0] == "S" for line in order["lines"])
        if not known:
            self.rolled_back.append(order_id)
            if status != 422:
                self.violations.append(f"{order_id} has an unknown SKU and was answered with {status}")
            return
        wanted = {line["sku"]: line["qty"] for line in order["lines"]}
        total, state = answer.get("total", -1), answer.get("status", "")
        self.orders[order_id] = OrderEntry(wanted, order["ship_to"]["country"], total, state)
        self.unpaid.append(order_id)
        if status != 200:
            self.violations.append(f"{order_id} was answered with {status}")
        elif state in ("allocated", "partially_allocated"):
            self.undelivered.append(order_id)

    def paid(self, order_id: str, results: list[Row]) -> None:
        self.unpaid.remove(order_id)
        self._apply(order_id, results)
        self.captured_minor += self.orders[order_id].total_minor

    def delivered(self, order_ids: list[str], results: list[Row]) -> None:
        self.undelivered = self.undelivered[len(order_ids) :]
        steps = len(results) // len(order_ids)
        for at, order_id in enumerate(order_ids):
            self._apply(order_id, results[at * steps : (at + 1) * steps])
            if self.orders[order_id].state != "delivered":
                self.violations.append(f"{order_id} is {self.orders[order_id].state} after its delivery")

    def _apply(self, order_id: str, results: list[Row]) -> None:
        entry = self.orders[order_id]
        for result in results:
            if result["status"] != "applied" or result["order_id"] != order_id:
                self.violations.append(f"an event of {order_id} was answered with {result}")
            entry.state, entry.payment_state = result.get("state", ""), result.get("payment_state", "")

    def compare(self, order_id: str, status: int, shown: Row) -> None:
        """Conditions 1, 2, 5 and 6 of one order."""
        entry = self.orders[order_id]
        self.compared += 1
        if status != 200:
            self.violations.append(f"{order_id} was acknowledged and reads as {status}")
            return
        if {line["sku"]: line["qty"] for line in shown["lines"]} != entry.wanted:
            self.violations.append(f"{order_id} is stored with other lines than were sent")
        parts = sum(line["total"] for line in shown["lines"]) + shown["shipping"]
        if not shown["total"] == entry.total_minor == parts:
            self.violations.append(f"{order_id}: total {shown['total']}, told {entry.total_minor}, parts {parts}")
        if (shown["state"], shown["payment_state"]) != (entry.state, entry.payment_state):
            said = f"{shown['state']}/{shown['payment_state']}"
            self.violations.append(f"{order_id} reads as {said}, its events led to {entry.state}/{entry.payment_state}")

    def stock_level(self, skus: list[str], status: int, answer: Row) -> None:
        told = [item["sku"] for item in answer.get("items", [])]
        if status != 200 or sorted(told) != skus or any(item["available"] < 0 for item in answer["items"]):
            self.violations.append(f"availability of {len(skus)} SKUs was answered with {status}: {str(answer)[:200]}")


def audit(server: Server, books: list[Book], sku_text: list[str], on_hand: I64) -> tuple[Row, list[str]]:
    """Figures, and what broke a condition; ends the router."""
    taken, remote = np.zeros_like(on_hand), 0
    paid_minor = 0
    sku_number = {text: number for number, text in enumerate(sku_text)}
    violations: list[str] = []
    for book in books:
        shown = _read(server, list(book.orders))
        for (order_id, entry), (status, order) in zip(book.orders.items(), shown, strict=True):
            book.compare(order_id, status, order)
            if status == 200:
                remote += _count(entry, order, sku_number, taken, violations)
                paid_minor += order["total"] * (order["payment_state"] == "paid")
        for order_id, (status, order) in zip(book.rolled_back, _read(server, book.rolled_back), strict=True):
            if status != 404 and order.get("state") != "rejected":
                violations.append(f"{order_id} was rolled back and reads as {status} {order.get('state')}")
        violations += book.violations
    captured_minor = sum(book.captured_minor for book in books)
    if captured_minor != paid_minor:
        violations.append(f"{captured_minor} was captured, the paid orders sum to {paid_minor}")
    if wrong := int((on_hand - taken != available_units(server, sku_text)).sum()):
        violations.append(f"{wrong} cells do not hold what the orders leave in them")
    server.stop()
    violations += [f"verify: {finding}" for finding in server.verify()["findings"]]
    return {
        "new_orders": sum(len(book.orders) for book in books),
        "by_state": dict(Counter(entry.state for book in books for entry in book.orders.values())),
        "rolled_back": sum(len(book.rolled_back) for book in books),
        "lines": sum(len(entry.wanted) for book in books for entry in book.orders.values()),
        "lines_shipped_from_abroad": remote,
        "captured_minor": captured_minor,
        "orders_compared": sum(book.compared for book in books),
    }, violations


def _count(entry: OrderEntry, order: Row, sku_number: dict[str, int], taken: I64, violations: list[str]) -> int:
    """Conditions 3 and 4 of one order; the number of its lines that were shipped from another country alone."""
    remote = 0
    for line in order["lines"]:
        given = sum(part["qty"] for part in line["allocations"])
        if given + line["backordered"] != line["qty"]:
            violations.append(f"{order['order_id']}: {given} of {line['qty']} units of {line['sku']} are accounted for")
        for part in line["allocations"]:
            taken[sku_number[line["sku"]], NODE_NUMBER[part["node"]]] += part["qty"]
        abroad = [_COUNTRY[part["node"]] != entry.country for part in line["allocations"]]
        remote += bool(abroad) and all(abroad)
    return remote


_COUNTRY = {node: country for node, country, *_ in NODES}


def _read(server: Server, order_ids: list[str]) -> list[tuple[int, Row]]:
    requests = [request_bytes("GET", f"/v1/orders/{order_id}", server.address, server.key) for order_id in order_ids]
    replies = ask_all(server.address, requests, CONNECTIONS).replies
    return [(reply.status, msgspec.json.decode(reply.body)) for reply in replies]
