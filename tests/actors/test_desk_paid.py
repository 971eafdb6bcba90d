"""Orders that are held until they are paid: released by the desk itself, once, and no others."""

from __future__ import annotations

import pathlib
import random
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection

from actors.store.desk import place
from router.config import Policy
from tests.labs.desk_lab import DeskLab
from tests.labs.feed_world import FeedWorld, order


@pytest.fixture
def world() -> FeedWorld:
    made = FeedWorld(policy=Policy(unpaid="hold"))
    made.stock(A=100, B=1)
    return made


@pytest.fixture
def desk(tmp_path: pathlib.Path, world: FeedWorld) -> Iterator[DeskLab]:
    made = DeskLab(tmp_path / "desk", world)
    yield made
    made.database.close()


def pay(world: FeedWorld, order_id: str, kind: str = "payment_captured", **more: Any) -> dict[str, Any]:
    event = {"event_id": f"{kind}-{order_id}-{world.now_ms}", "order_id": order_id, "type": kind, "payment_id": "p"}
    [answer] = world.events(event | more)
    return answer


def state_of(world: FeedWorld, order_id: str) -> str:
    [answer] = world.events({"event_id": f"look-{world.now_ms}", "order_id": order_id, "type": "note", "text": "?"})
    return str(answer["state"])


def go_on(desk: DeskLab) -> list[str]:
    """Read, send, read what became of it; what was sent."""
    before = len(desk.sent)
    desk.read()
    while desk.sender.send():
        pass
    desk.read()
    return [letter.event for letter in desk.sent[before:]]


@pytest.mark.parametrize("kind", ["payment_captured", "payment_authorized"])
@pytest.mark.parametrize("apart", [True, False], ids=["read-in-between", "read-at-once"])
def test_an_order_is_confirmed_when_its_money_comes(desk: DeskLab, kind: str, apart: bool) -> None:
    desk.world.orders(order("a"))
    if apart:
        assert go_on(desk) == []
        desk.begin()
    assert pay(desk.world, "a", kind)["state"] == "held"
    [event] = go_on(desk)
    assert '"type":"release"' in event and '"hold":"review"' in event and '"source":"desk"' in event
    assert state_of(desk.world, "a") == "allocated"
    assert {item["state"] for item in desk.items(kind="held")} == {"resolved"} and desk.due() == []
    assert go_on(desk) == [], "once"


def test_part_of_the_money_confirms_nothing_and_the_rest_does(desk: DeskLab) -> None:
    desk.world.orders(order("a"))
    pay(desk.world, "a", amount="1.00")
    assert go_on(desk) == [] and state_of(desk.world, "a") == "held"
    pay(desk.world, "a")
    assert len(go_on(desk)) == 1 and state_of(desk.world, "a") == "allocated"


def test_what_is_held_for_another_reason_too_stays_held(desk: DeskLab) -> None:
    """A basket that came twice is looked at by somebody, paid or not."""
    twice = {"customer": {"id": "ada", "name": "Ada"}}
    desk.world.orders(order("a", **twice))
    desk.world.orders(order("b", **twice))
    for order_id in ("a", "b"):
        pay(desk.world, order_id)
    assert len(go_on(desk)) == 1
    assert [state_of(desk.world, order_id) for order_id in ("a", "b")] == ["allocated", "held"]


def test_the_hold_of_somebody_stays_on_when_the_money_comes(desk: DeskLab) -> None:
    desk.world.orders(order("a"))
    desk.world.events({"event_id": "h", "order_id": "a", "type": "hold", "hold": "address"})
    pay(desk.world, "a")
    assert len(go_on(desk)) == 1 and state_of(desk.world, "a") == "held"
    desk.world.events({"event_id": "r", "order_id": "a", "type": "release", "hold": "address"})
    assert state_of(desk.world, "a") == "allocated"


def test_who_was_released_or_rejected_before_is_not_released_again(desk: DeskLab) -> None:
    desk.world.orders(order("a"), order("b"), order("c", payment={"status": "paid"}))
    desk.world.events(
        {"event_id": "r", "order_id": "a", "type": "release"},
        {"event_id": "x", "order_id": "b", "type": "review_reject"},
    )
    pay(desk.world, "a")
    assert go_on(desk) == [] and desk.due() == []


def test_a_rebuilt_desk_sends_the_same_event_and_it_happens_once(
    desk: DeskLab, world: FeedWorld, tmp_path: pathlib.Path
) -> None:
    world.orders(order("a"))
    pay(world, "a")
    [first] = go_on(desk)
    other = DeskLab(tmp_path / "other", world)
    [again] = go_on(other)
    other.database.close()
    assert first == again and state_of(world, "a") == "allocated"


def test_a_turn_that_fails_sends_nothing(desk: DeskLab, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.world.orders(order("a"))
    pay(desk.world, "a")

    def failing(connection: Connection, cursor: str) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(place, "move_cursor", failing)
    with pytest.raises(OSError, match="full"):
        desk.read()
    assert desk.outbox() == []
    monkeypatch.undo()
    assert len(go_on(desk)) == 1


@pytest.mark.parametrize("seed", range(6))
def test_every_order_that_was_paid_is_confirmed_however_the_log_is_cut(tmp_path: pathlib.Path, seed: int) -> None:
    """Beside a naive count: orders whose money came are not on hold in the end, all others are."""
    rng, world = random.Random(seed), FeedWorld(policy=Policy(unpaid="hold"))
    world.stock(A=500)
    desk = DeskLab(tmp_path / "desk", world)
    paid: set[str] = set()
    names = [f"o{number}" for number in range(40)]
    for name in names:
        world.orders(order(name))
        other = rng.choice(names[: names.index(name) + 1])
        if other not in paid and rng.random() < 0.7:
            assert pay(world, other)["status"] == "applied"
            paid.add(other)
        if rng.random() < 0.4:
            desk.read(rng.choice((1, 3, 50)), rng.choice((1, 2, 9)))
            desk.sender.send()
        if rng.random() < 0.2:
            desk.begin()
    go_on(desk)
    desk.database.close()
    assert {name for name in names if state_of(world, name) != "held"} == paid
    assert len({letter.event_id for letter in desk.sent}) == len(desk.sent) == len(paid)
