"""Warehouses: they follow the stream of changes, pick, pack and send what is allocated, and are filled up again."""

from __future__ import annotations

import functools

from bench.trials.world.agenda import DAY_MS, HOUR_MS, MINUTE_MS
from bench.trials.world.goods import BUNDLE, NODES, PARTS, RECEIPT_BELOW, SKUS, UNITS_A_RECEIPT, Row
from bench.trials.world.haulage import Haulage
from bench.trials.world.town import Town

SHORT_PERCENT, NOT_PACKED_PERCENT = 1, 5
READY = frozenset({"allocated"})
FINISHED = frozenset({"applied", "duplicate"})
SHIFT_HOURS = range(7, 16)


class Warehouses:
    def __init__(self, town: Town, haulage: Haulage, days: int) -> None:
        self._town = town
        self._haulage = haulage
        self._days = days
        self._doing: set[str] = set()
        self._sold: dict[tuple[str, str], int] = {}  # units that left, by SKU and node, since the last receipt
        self._receipts = 0
        self._fill_up(0)

    # --- goods in --------------------------------------------------------------------------------

    def _fill_up(self, day: int) -> None:
        """Each morning what runs low is ordered, and comes within the day; every tenth receipt is forgotten."""
        if day:
            rows = [self._receipt(sku, node) for sku, node in self._low()]
            if rows:
                self._town.house.stock(rows)
        if day < self._days + 10:
            self._town.agenda.at_hour(6, functools.partial(self._fill_up, day + 1), MINUTE_MS)

    def _low(self) -> list[tuple[str, str]]:
        return [
            (sku, node)
            for sku in SKUS
            for node in NODES
            if self._sold.get((sku, node), 0) >= UNITS_A_RECEIPT - RECEIPT_BELOW
            and not self._town.dice.chance(10, "forgotten", sku, node, self._town.agenda.now_ms)
        ]

    def _receipt(self, sku: str, node: str) -> Row:
        self._receipts += 1
        self._sold[sku, node] -= UNITS_A_RECEIPT
        return {"movement_id": f"receipt-{self._receipts}", "sku": sku, "node": node, "kind": "receipt",
                "qty": UNITS_A_RECEIPT}  # fmt: skip

    def fetch(self, sku: str, qty: int) -> None:
        """What somebody asked for because an order waits; it comes the next morning."""
        parts = PARTS if sku == BUNDLE else (sku,)
        node = self._town.dice.one_of(tuple(NODES), "fetch", sku, self._town.agenda.now_ms)
        for part in parts:
            self._sold[part, node] = self._sold.get((part, node), 0) + UNITS_A_RECEIPT
            row = self._receipt(part, node) | {"qty": qty}
            self._town.agenda.at_hour(6, functools.partial(self._town.house.stock, [row]))

    # --- goods out -------------------------------------------------------------------------------

    def see(self, change: Row) -> None:
        order_id = change["order_id"]
        if change["state"] in READY and order_id not in self._doing:
            self._doing.add(order_id)
            hour = self._town.dice.one_of(SHIFT_HOURS, "shift", order_id, change["version"])
            self._town.agenda.at_hour(hour, functools.partial(self._pick, order_id), 30 * MINUTE_MS)

    def _pick(self, order_id: str) -> None:
        view = self._town.house.view(order_id)
        if view["state"] not in READY:
            self._doing.discard(order_id)
            return None
        nodes = sorted({part["node"] for line in view["lines"] for part in line["allocations"] if part["node"]})
        if self._town.dice.chance(SHORT_PERCENT, "short", order_id, view["version"]):
            return self._short(order_id, view["lines"][0], nodes[0])
        for line in view["lines"]:
            for part in line["allocations"]:
                if part["node"]:
                    sold = part.get("sku", line["sku"]), part["node"]
                    self._sold[sold] = self._sold.get(sold, 0) + part["qty"]
        for node in nodes:
            heard = functools.partial(self._picked, order_id, node, view["ship_to"])
            self._town.tell(order_id, "pick", heard, node=node, shipment_id=f"{order_id}-{node}")
        return None

    def _short(self, order_id: str, line: Row, node: str) -> None:
        part = next((part for part in line["allocations"] if part["node"] == node), None)
        qty = 1 if part is None else part["qty"]
        self._town.tell(order_id, "short_pick", lines=[{"line_id": line["line_id"], "qty": qty}], node=node)
        self._doing.discard(order_id)

    def _picked(self, order_id: str, node: str, ship_to: Row, answer: Row) -> None:
        """Sent within the shift; a few are never reported as packed, and the router fills that in."""
        if answer["status"] not in FINISHED:
            self._doing.discard(order_id)
            return
        shipment_id = f"{order_id}-{node}"
        if not self._town.dice.chance(NOT_PACKED_PERCENT, "packed", shipment_id):
            pack = functools.partial(self._town.tell, order_id, "pack", node=node, shipment_id=shipment_id)
            self._town.agenda.after(30 * MINUTE_MS, pack)
        self._town.agenda.after(2 * HOUR_MS, functools.partial(self._ship, order_id, node, ship_to))

    def _ship(self, order_id: str, node: str, ship_to: Row) -> None:
        shipment_id = f"{order_id}-{node}"
        number = self._haulage.label(order_id, shipment_id, node, ship_to)
        heard = functools.partial(self._shipped, order_id, number)
        self._town.tell(
            order_id, "ship", heard, node=node, shipment_id=shipment_id, carrier="haul", tracking_number=number
        )

    def _shipped(self, order_id: str, number: str, answer: Row) -> None:
        self._doing.discard(order_id)
        if answer["status"] in FINISHED:
            self._haulage.take(number)
        else:
            self._haulage.forget(number)

    def came_back(self, order_id: str, shipment_id: str) -> None:
        """A parcel that could not be delivered, or that the buyer sent back."""
        after_ms = self._town.dice.between(DAY_MS, 3 * DAY_MS, "back", shipment_id)
        back = functools.partial(
            self._town.tell, order_id, "return", shipment_id=shipment_id, reason="sent back", disposition="restock"
        )
        self._town.agenda.after(after_ms, back)
