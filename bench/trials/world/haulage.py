"""The carrier of the month: the sandbox's labels and scans. It is late, loses parcels, and brings some back."""

from __future__ import annotations

import functools
from collections.abc import Callable

from adapters.sandbox.carrier import Carrier
from adapters.sandbox.reply import Document, Reply
from bench.trials.world.agenda import DAY_MS, HOUR_MS
from bench.trials.world.goods import CARRIER, NODES, Row
from bench.trials.world.town import Town

LOST, LATE, RETURNED = 1, 4, 3  # of a hundred


class Haulage:
    def __init__(self, town: Town) -> None:
        self._town = town
        self._carrier = Carrier("w")
        self._of: dict[str, Document] = {}  # what a tracking number is about
        self._notices: dict[str, Reply] = {}
        self.fates: dict[str, str] = {}  # by shipment
        self.came_back: Callable[[str, str], None] = _to_nobody

    def label(self, order_id: str, shipment_id: str, node: str, ship_to: Row) -> str:
        """A tracking number."""
        country, postcode = NODES[node]
        body: Document = {
            "service": "economy",
            "format": "zpl",
            "from": {"name": node, "line1": "Gate 1", "city": node, "postcode": postcode, "country": country},
            "to": ship_to,
            "parcel": {"weight_g": 800},
            "reference": shipment_id,
            "metadata": {"order_id": order_id, "shipment_id": shipment_id},
        }
        reply = self._carrier.buy(body, self._town.agenda.now_ms)
        number = str(reply.document["tracking_number"])
        self._of[number] = body["metadata"]
        self._notices[number] = reply
        return number

    def forget(self, number: str) -> None:
        """The order did not go after all."""
        del self._notices[number]

    def take(self, number: str) -> None:
        """The parcel is handed over."""
        for notice in self._notices.pop(number).notices:
            self._town.deliver(CARRIER, notice)
        shipment_id = self._of[number]["shipment_id"]
        drawn = self._town.dice.below(100, "fate", shipment_id)
        fate = next((name for name, under in _FATES if drawn < under), "delivered")
        self.fates[shipment_id] = fate
        self._town.met[f"parcel {fate}"] += 1
        way_ms = self._town.dice.between(18 * HOUR_MS, 3 * DAY_MS, "way", shipment_id)
        self._later(9 * HOUR_MS, number, "in_transit")
        if fate == "lost":
            return
        if fate == "late":
            way_ms += self._town.dice.between(4 * DAY_MS, 9 * DAY_MS, "late", shipment_id)
        self._later(way_ms, number, "out_for_delivery")
        if fate == "returned":
            self._later(way_ms + 8 * HOUR_MS, number, "returning")
            self._town.agenda.after(way_ms + DAY_MS, functools.partial(self._bring_back, number))
        else:
            self._later(way_ms + 6 * HOUR_MS, number, "delivered")

    def _later(self, pause_ms: int, number: str, code: str) -> None:
        self._town.agenda.after(pause_ms, functools.partial(self._scan, number, code))

    def _scan(self, number: str, code: str) -> None:
        reply = self._carrier.scan(number, {"code": code, "place": "hub"}, self._town.agenda.now_ms)
        for notice in reply.notices:
            self._town.deliver(CARRIER, notice)

    def _bring_back(self, number: str) -> None:
        about = self._of[number]
        self.came_back(about["order_id"], about["shipment_id"])


_FATES = (("lost", LOST), ("late", LOST + LATE), ("returned", LOST + LATE + RETURNED))


def _to_nobody(order_id: str, shipment_id: str) -> None:
    raise AssertionError("a parcel came back, and there is nowhere to bring it")
