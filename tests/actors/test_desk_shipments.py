"""Shipments on their way: units in one of them alone, labels bought once, shipped once, whatever dies between steps."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from actors.store.desk.schema import CALLS, LABELS
from router.life.refunds import Units
from router.life.shipments import OpenUnits, ShipmentRefused
from router.work.item import WorkRefused
from tests.labs.calling_lab import LOST, Died
from tests.labs.desk_databases import KINDS, emptied, server
from tests.labs.shipment_lab import ShipmentLab

STEPS = 32  # more than a shipment has
STUCK_AFTER = 14  # more questions than are asked


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    with server() as url:
        yield url


@pytest.fixture(params=KINDS)
def lab(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Iterator[ShipmentLab]:
    url = "" if request.param == "sqlite" else emptied(request.getfixturevalue("postgresql"))
    made = ShipmentLab(tmp_path / "desk", url)
    yield made
    made.desk.database.close()


@pytest.fixture
def one(tmp_path: pathlib.Path) -> Iterator[ShipmentLab]:
    made = ShipmentLab(tmp_path / "desk")
    yield made
    made.desk.database.close()


def test_a_label_is_bought_kept_and_the_order_told(lab: ShipmentLab) -> None:
    lab.place()
    asked = lab.ask(ship=True)
    assert (asked["status"], asked["tracking_number"], asked["label_url"]) == ("requested", None, None)
    lab.work()
    done = lab.seen(asked["shipment_id"])
    assert (done["status"], done["label_forms"], lab.bought) == ("shipped", ["zpl"], 1)
    assert done["label_url"] == f"/v1/shipments/{asked['shipment_id']}/label.zpl"
    assert [row["status"] for row in lab.desk.outbox()] == ["applied"]
    with lab.desk.database.read() as connection:
        kept = connection.execute(select(LABELS.c.content)).scalar_one()
    [bought] = lab.wire.carrier.labels.values()
    assert kept == bought.document["content"]


@pytest.mark.parametrize("fault", ["none", "lost"])
@pytest.mark.parametrize("dies_after", range(STEPS))
def test_a_death_at_any_step_buys_one_label_and_ships_once(one: ShipmentLab, dies_after: int, fault: str) -> None:
    """Before and after each transaction and each request; then a new life goes on with what the database has."""
    one.place()
    one.wire.answers = [LOST] if fault == "lost" else []
    with contextlib.suppress(Died), one.dying(dies_after):
        one.ask(ship=True)
        one.work()
    one.begin()
    again = one.ask(ship=True)  # who heard no answer asks again under the same key
    one.work()
    assert one.bought == 1, "once"
    assert one.seen(again["shipment_id"])["status"] == "shipped"
    [letter] = one.desk.outbox()
    assert letter["status"] in ("applied", "duplicate"), "the order has it once, whoever heard its first answer"


@pytest.mark.parametrize("dies_after", range(12))
def test_a_death_while_it_is_voided_voids_it(one: ShipmentLab, dies_after: int) -> None:
    one.place()
    made = one.ask()
    one.work()
    one.wire.answers = [LOST]
    with contextlib.suppress(Died), one.dying(dies_after):
        one.void(made["shipment_id"])
        one.work()
    one.begin()
    one.void(made["shipment_id"])
    one.work()
    assert one.seen(made["shipment_id"])["status"] == "voided"
    assert [each.is_voided for each in one.wire.carrier.labels.values()] == [True]


def test_a_shipment_has_no_more_steps_than_are_tried(one: ShipmentLab) -> None:
    one.place()
    one.wire.answers = [LOST]
    with one.dying(STEPS):
        one.ask(ship=True)
        one.work()


def test_two_requests_cannot_have_the_same_units(one: ShipmentLab) -> None:
    one.place()
    first = one.ask(units=(Units("L1", 2),))
    assert one.ask(units=(Units("L1", 2),))["shipment_id"] == first["shipment_id"], "the same key, the same shipment"
    with pytest.raises(WorkRefused, match="used for another request"):
        one.ask(units=(Units("L1", 1),))
    with pytest.raises(ShipmentRefused) as refused:
        one.ask(key="other", units=(Units("L1", 2),))
    assert refused.value.possible == [{"node": "N1", "line_id": "L1", "qty": 1}]
    assert one.ask(key="rest")["lines"] == [{"line_id": "L1", "qty": 1}]


def test_what_was_shipped_meanwhile_is_not_planned_again_by_an_older_look_at_the_order(one: ShipmentLab) -> None:
    one.place()
    one.ask(ship=True)
    one.work()
    with pytest.raises(ShipmentRefused, match="Nothing of the order can be sent"):
        one.ask(key="late")
    left = one.ask(key="new", version=9, opened=(OpenUnits("N1", "L1", 1, ""),))
    assert left["lines"] == [{"line_id": "L1", "qty": 1}], "what the order shows since is free"


def test_a_parcel_that_the_warehouse_reported_itself_holds_no_units_back(one: ShipmentLab) -> None:
    one.place()
    made = one.ask(units=(Units("L1", 2),))
    one.work()
    sent = frozenset({made["shipment_id"]})
    rest = one.ask(key="rest", sent=sent, opened=(OpenUnits("N1", "L1", 1, ""),))
    assert rest["lines"] == [{"line_id": "L1", "qty": 1}]


def test_units_packed_into_our_parcel_count_once(one: ShipmentLab) -> None:
    one.place()
    made = one.ask(units=(Units("L1", 2),))
    opened = (OpenUnits("N1", "L1", 2, made["shipment_id"]), OpenUnits("N1", "L1", 1, ""))
    assert one.ask(key="rest", opened=opened)["lines"] == [{"line_id": "L1", "qty": 1}]


def test_nobody_stands_in_a_call_that_is_over(one: ShipmentLab) -> None:
    one.place()
    one.ask()
    one.work()
    with one.desk.database.read() as connection:
        kept = "".join(connection.execute(select(CALLS.c.call)).scalars())
    assert "label" in kept and "Geheim" not in kept and "Gasse" not in kept


def test_a_carrier_that_nobody_hears_is_somebodys_work_and_asked_again(one: ShipmentLab) -> None:
    one.place()
    one.wire.answers = [LOST] * STUCK_AFTER
    made = one.ask()
    one.work()
    [item] = one.desk.items(kind="label_stuck")
    one.desk.act(item["work_id"], "resolve")
    one.wire.answers = []
    one.work()
    assert (one.seen(made["shipment_id"])["status"], one.bought) == ("labelled", 1)


def test_a_label_that_nobody_hears_of_can_be_let_go(one: ShipmentLab) -> None:
    one.place()
    made = one.ask()
    with pytest.raises(WorkRefused, match="on its way"):
        one.void(made["shipment_id"])
    one.wire.answers = [LOST] * STUCK_AFTER
    one.work()
    assert one.void(made["shipment_id"])["status"] == "failed"
    assert one.ask(key="anew", carrier="van")["status"] == "labelled", "its units are free"


def test_a_refused_label_fails_and_frees_its_units(one: ShipmentLab) -> None:
    one.place()
    one.wire.declines = True
    made = one.ask(ship=True)
    one.work()
    failed = one.seen(made["shipment_id"])
    assert failed["status"] == "failed" and "post refuses (service_unknown)" in failed["detail"]
    assert [item["state"] for item in one.desk.items(kind="label_failed")] == ["open"]
    assert one.desk.outbox() == [] and one.ask(key="anew", carrier="van")["status"] == "labelled"


def test_what_the_order_refuses_can_be_shipped_once_the_order_takes_it(one: ShipmentLab) -> None:
    one.place()
    one.world.events({"event_id": "h", "order_id": "a", "type": "hold", "hold": "address"})
    made = one.ask(ship=True)
    one.work()
    assert one.seen(made["shipment_id"])["status"] == "labelled"
    [item] = one.desk.items(kind="ship_refused")
    assert "the order did not take it (units_held)" in item["reason"]
    one.world.events({"event_id": "r", "order_id": "a", "type": "release", "hold": "address"})
    assert one.ship(made["shipment_id"])["status"] == "shipping"
    one.work()
    assert one.ship(made["shipment_id"])["status"] == "shipped", "again, and nothing more"
    [item] = one.desk.items(kind="ship_refused")
    assert (item["state"], one.bought, len(one.desk.outbox())) == ("resolved", 1, 2)


def test_a_shipment_that_the_warehouse_reports_itself_has_left(one: ShipmentLab) -> None:
    one.place()
    made = one.ask(units=(Units("L1", 2),))
    one.work()
    said = {"event_id": "w", "order_id": "a", "type": "ship", "shipment_id": made["shipment_id"]}
    one.world.events(said | {"lines": [{"line_id": "L1", "qty": 2}]})
    one.desk.read()
    assert one.seen(made["shipment_id"])["status"] == "shipped"
    assert one.ship(made["shipment_id"])["status"] == "shipped" and one.desk.outbox() == []


def test_a_number_that_its_carrier_cannot_have_is_somebodys_work_once(one: ShipmentLab) -> None:
    one.place()
    said = {"order_id": "a", "type": "ship", "carrier": "UPS"}
    numbers = {"wrong": "1Z999AA10123456785", "right": "1Z999AA10123456784"}
    for event_id, number in numbers.items():
        line = {"lines": [{"line_id": "L1", "qty": 1}], "shipment_id": event_id, "tracking_number": number}
        one.world.events({"event_id": event_id} | said | line)
    one.desk.read()
    [item] = one.desk.items(kind="tracking_check")
    assert "1Z999AA10123456785" in item["reason"] and "check digit 4, not 5" in item["reason"]
    assert item["queue"] == "carriers" and item["order_id"] == "a"
