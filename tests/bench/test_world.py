"""A simulated month breaks no promise, and its judge finds what is wrong."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest
from sqlalchemy import delete

from actors.cli.main import main
from actors.store.desk.schema import WORK
from bench.trials.world.campaign import run
from bench.trials.world.judge import looked_at
from bench.trials.world.month import Month, live

ORDERS, DAYS, SEED, FAILING = 40, 2, 5, 20


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    """A month that is over, its house open."""
    lived = live(tmp_path_factory.mktemp("world") / "data", ORDERS, SEED, DAYS, FAILING, lambda _: None)
    yield lived
    lived.house.close()


def test_it_meets_what_it_is_for(month: Month) -> None:
    met = month.town.met
    assert met["order held"] and met["ship"] >= ORDERS // 2 and month.restarts
    assert met["news late"] and met["news twice"] and met["news told twice"]
    assert month.staff.seen, "nothing became work of anybody"


def test_nothing_stands_still_unseen_and_every_book_says_the_same(month: Month, tmp_path: pathlib.Path) -> None:
    found = looked_at(month, tmp_path)
    assert found.faults == []
    assert found.states.total() == ORDERS
    assert found.money["captured"] > found.money["refunded"] >= 0


def test_money_that_the_provider_has_and_no_book_is_told(month: Month, tmp_path: pathlib.Path) -> None:
    payment_id, held = next((name, each) for name, each in month.bank.provider.payments.items() if each.captured)
    held.captured += 1
    try:
        assert any(payment_id in fault for fault in looked_at(month, tmp_path).faults)
    finally:
        held.captured -= 1


def test_an_order_that_no_queue_has_is_told(month: Month, tmp_path: pathlib.Path) -> None:
    order_id = month.buyers.order_ids[0]
    payment = {"payment_id": "late", "amount": 77, "currency": "EUR"}
    told = {"event_id": "late", "order_id": order_id, "type": "payment_captured", **payment}
    assert month.house.events([told])[0]["status"] == "applied"
    month.house.turn()
    with month.house.database.write() as connection:
        connection.execute(delete(WORK).where(WORK.c.order_id == order_id))
    faults = looked_at(month, tmp_path).faults
    assert any(fault.startswith(f"{order_id} stands still unseen") for fault in faults)
    assert any("nobody saw" in fault and order_id in fault for fault in faults), "of the desk that was rebuilt"


@pytest.mark.soak
def test_the_seed_is_all_of_it() -> None:
    first, again = (run(ORDERS, SEED, DAYS, FAILING) for _ in range(2))
    assert first["violations"] == [] and first["checksum"] == again["checksum"]


def test_the_command_line_knows_its_bounds(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["bench", "world", "--failing", "60"])
    assert "50" in capsys.readouterr().err
