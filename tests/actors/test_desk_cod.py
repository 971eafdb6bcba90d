"""Cash on delivery: confirmed without payment, never expired as unpaid, collected once when the carrier tells it."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator

import msgspec
import pytest

from adapters._intents import Address, Label, OrderReference, Parcel
from adapters._registry import open_partner
from adapters.sandbox.carrier import Carrier
from router.config import Policy
from tests.labs.desk_lab import terms
from tests.labs.pay_lab import PayLab

COD = {"payment": {"method": "cod"}}
PATIENCE = terms(unpaid_after_ms=1_000, expires=2_000, uncollected_after_ms=5_000)
CARRIER = {"adapter": "sandbox_carrier", "url": "https://ship.example", "api_key": "env:K", "hook_secrets": ["env:K"]}


@pytest.fixture
def lab(tmp_path: pathlib.Path) -> Iterator[PayLab]:
    made = PayLab(tmp_path / "desk", policy=Policy(unpaid="hold", cod="confirm", unpaid_expires_ms=2_000))
    known = made.desk.terms
    made.desk.terms = dataclasses.replace(PATIENCE, is_cod=known.is_cod, due_minor=known.due_minor)
    made.begin()
    yield made
    made.desk.database.close()


def test_it_is_confirmed_and_never_unpaid_nor_expired_and_its_neighbour_is(lab: PayLab) -> None:
    lab.ordered("cod", **COD)
    lab.ordered("card")
    assert (lab.state("cod"), lab.state("card")) == ("allocated", "held")
    lab.later(10_000)
    assert (lab.state("cod"), lab.state("card")) == ("allocated", "cancelled")
    assert {item["order_id"] for item in lab.desk.items(kind="unpaid")} == {"card"}


@pytest.mark.parametrize("apart", [True, False], ids=["read in between", "read at once"])
def test_what_was_released_again_does_not_expire_either(lab: PayLab, apart: bool) -> None:
    lab.ordered("cod", **COD)
    lab.tells("hold", "cod", hold="address")
    if apart:
        lab.work()
    lab.tells("release", "cod", hold="address")
    lab.later(10_000)
    assert lab.state("cod") == "allocated"
    lab.tells("payment_captured", "cod")
    lab.work()
    assert lab.desk.items(kind="unpaid") == [], "nor was it unpaid in between"


def test_money_that_the_carrier_owes_is_somebodys_work(lab: PayLab) -> None:
    lab.ordered("cod", **COD)
    lab.ordered("card")
    lab.tells("release", "card")
    for name in ("cod", "card"):
        lab.tells("ship", name)
        lab.tells("deliver", name)
    lab.later(4_000)
    assert lab.desk.items(kind="uncollected") == []
    lab.later(4_000)
    assert [item["order_id"] for item in lab.desk.items(kind="uncollected")] == ["cod"]
    lab.tells("payment_captured", "cod", method="cod")
    lab.work()
    assert [item["state"] for item in lab.desk.items(kind="uncollected")] == ["resolved"]


def test_the_carrier_tells_the_money_with_its_scan_and_once(lab: PayLab) -> None:
    """The adapter's own label and webhook, the sandbox's carrier in between."""
    total = lab.ordered("cod", **COD)
    adapter, carrier = open_partner("ship", CARRIER, lambda place: "secret"), Carrier("r")
    place = Address(name="Ada", line1="Street 1", city="Berlin", postcode="10115", country="DE")
    asked = Label(
        key="l", order=OrderReference("cod"), shipment_id="1", ship_from=place, ship_to=place, parcel=Parcel(500),
        service="economy", cod_minor=total, cod_currency="EUR",
    )  # fmt: skip
    label = carrier.buy(msgspec.json.decode(adapter.request(asked).body), lab.world.now_ms).document
    lab.tells("ship", "cod", shipment_id="1")
    for _ in range(2):
        reply = carrier.scan(label["tracking_number"], {"code": "delivered"}, lab.world.now_ms)
        for told in adapter.events(reply.notices[0].body()) * 2:
            lab.world.events(msgspec.to_builtins(told))
    lab.work()
    assert (lab.money()["captured"], lab.money()["due"]) == (total, 0)
    assert lab.desk.items(state="open") == []
