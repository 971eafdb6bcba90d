"""A desk whose labels come from the sandbox's carrier in this process; every step can be the last of a life."""

from __future__ import annotations

import pathlib
from typing import Any

import msgspec

from actors.store.data_folder import now_ms
from adapters._spec import Doubt, Later, WireRequest, WireResponse
from adapters.sandbox.carrier import Carrier
from router.bound import EVERYTHING
from router.ids import hash_text
from router.labels.address import PostalAddress
from router.life.shipments import Band, OpenUnits
from router.work.shipment import ShipmentAsked
from tests.labs.calling_lab import CallingLab
from tests.labs.desk_lab import Row
from tests.labs.feed_world import KEY, order

PARTNER = {
    "adapter": "sandbox_carrier", "url": "https://post.example", "api_key": "env:K", "hook_secrets": ["env:K"],
    "services": {"std": "economy"},
}  # fmt: skip
HOME = PostalAddress(name="Ada Geheim", line1="Gasse 7", city="Berlin", postcode="10115", country="DE")
BANDS = (Band("post", "std", 0, 5_000, 300, 20, 103), Band("van", "slow", 0, 9_000, 100, 10, 109))


class CarrierWire:
    """A wire to the sandbox's carrier."""

    def __init__(self) -> None:
        self.carrier = Carrier("r")
        self.answers: list[Later | Doubt] = []  # to the next requests, instead of theirs; what they asked is done
        self.declines = False
        self.requests = 0

    async def exchange(self, request: WireRequest) -> WireResponse | Later | Doubt:
        self.requests += 1
        place = request.path.removeprefix("/carrier/labels/")
        if request.method == "GET":
            reply = self.carrier.labels_of(place.removeprefix("by-reference/"))
        elif request.method == "DELETE":
            reply = self.carrier.void(place)
        else:
            body = msgspec.json.decode(request.body)
            reply = self.carrier.buy(body | ({"service": "none"} if self.declines else {}), now_ms())
        if self.answers:
            return self.answers.pop(0)
        return WireResponse(status=reply.status, headers={}, body=msgspec.json.encode(reply.document))


class ShipmentLab(CallingLab):
    def __init__(self, folder: pathlib.Path, url: str = "") -> None:
        self.wire = CarrierWire()
        super().__init__(folder, "post", PARTNER, self.wire, url)

    @property
    def bought(self) -> int:
        return len(self.wire.carrier.labels)

    def place(self, qty: int = 3) -> None:
        self.world.orders(order("a", lines=[{"line_id": "L1", "sku": "A", "qty": qty}]))

    def ask(self, key: str = "k", **said: Any) -> Row:
        hi, lo = hash_text(KEY, "a")
        asked = {
            "order_key": f"{hi:016x}{lo:016x}", "order_id": "a", "channel": "web", "seller": "", "currency": "EUR",
            "version": 1, "opened": (OpenUnits("N1", "L1", 3, ""),), "sent": frozenset(), "unit_weight_g": {"L1": 100},
            "bands": {"N1": BANDS}, "promised_day": {"": 105}, "ship_from": {"N1": HOME}, "ship_to": HOME, "node": "",
            "units": (), "carrier": "post", "service": "", "policy": "in_time", "weight_g": None,
            "tracking_number": "", "form": "zpl", "ship": False, "caller": "ada", "key": key,
            "digest": repr(sorted(said.items())), "now_ms": now_ms(),
        }  # fmt: skip
        return dict(msgspec.json.decode(self.desk.shipments.ask(ShipmentAsked(**(asked | said)))))

    def seen(self, shipment_id: str) -> Row:
        return dict(msgspec.json.decode(self.desk.shipments.one(shipment_id, EVERYTHING)))

    def ship(self, shipment_id: str) -> Row:
        return dict(msgspec.json.decode(self.desk.shipments.ship(shipment_id, EVERYTHING, now_ms())))

    def void(self, shipment_id: str) -> Row:
        return dict(msgspec.json.decode(self.desk.shipments.void(shipment_id, EVERYTHING, now_ms())))
