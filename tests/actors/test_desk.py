"""The desk without Ray: what is kept of the log, acts of people, the outbox, timers; each step of each in turn."""

from __future__ import annotations

import json
import pathlib
import random
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection

from actors.owners.calls import Unanswered
from actors.owners.desk import effect as effect_module
from actors.owners.desk.clock import GRACE_MS
from actors.store.desk import place
from router.bound import EVERYTHING, Bound
from router.errors import Retryable
from router.life.states import OrderState
from router.work.item import WorkRefused, kept_text
from router.work.told import Terms
from tests.labs.desk_lab import DeskLab, terms
from tests.labs.feed_world import FeedWorld, any_story, order

ALL = terms(unpaid_after_ms=40, waiting_after_ms=60, unsent_after_ms=80, undelivered_after_ms=30)


@pytest.fixture
def world() -> FeedWorld:
    made = FeedWorld(shards=2)
    made.stock(A=100, B=1)
    return made


@pytest.fixture
def desk(tmp_path: pathlib.Path, world: FeedWorld) -> Iterator[DeskLab]:
    made = DeskLab(tmp_path / "desk", world)
    yield made
    made.database.close()


def held(desk: DeskLab, order_id: str = "a", **more: Any) -> str:
    """Id of the work item of an order on hold."""
    desk.world.orders(order(order_id, **more))
    desk.world.events({"event_id": f"h-{order_id}", "order_id": order_id, "type": "hold", "hold": "address"})
    desk.read()
    [item] = desk.items(order_id=kept_text(order_id), kind="held")
    return str(item["work_id"])


def state_of(world: FeedWorld, order_id: str) -> str:
    [answer] = world.events({"event_id": f"look-{world.now_ms}", "order_id": order_id, "type": "note", "text": "?"})
    return str(answer["state"])


# --- the log ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_the_same_log_gives_the_same_items_however_it_is_cut(tmp_path: pathlib.Path, seed: int) -> None:
    """One desk reads all at once after everything; the other reads bit by bit while it happens, its clock ticking."""
    rng, world = random.Random(seed), FeedWorld(shards=2)
    early, late = DeskLab(tmp_path / "early", world, ALL), DeskLab(tmp_path / "late", world, ALL)
    for _ in range(25):
        any_story(world, rng, 1)
        world.now_ms += rng.choice((1, 30, 5_000))
        early.read(rng.choice((1, 3, 1_000)), rng.choice((1, 2, 100)))
        early.clock.tick(world.now_ms)
        if rng.random() < 0.3:
            early.begin()
    early.read()
    late.read()
    for desk in (early, late):
        desk.clock.tick(world.now_ms + 1_000_000)
    assert early.items() == late.items() and early.due() == late.due() == []
    assert len({item["kind"] for item in late.items()}) >= 4
    states = {item["state"] for item in late.items()}
    assert states == {"open", "resolved"}


def test_a_change_that_comes_again_after_a_lost_answer_is_kept_once(
    desk: DeskLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit was made and its answer was lost: the reader hears a fault, and goes on behind it."""
    held(desk)
    before = desk.effect.cursor()
    desk.world.orders(order("b", lines=[{"sku": "unknown", "qty": 1}]))
    desk.read()
    desk.effect._cursor = before  # as a reader that never heard of its last transaction
    desk.world.orders(order("c"))
    with pytest.raises(Retryable):
        desk.read()
    desk.read()
    assert [item["order_id"] for item in desk.items()] == ["a", "b"]


def test_nothing_is_kept_of_a_turn_that_fails(desk: DeskLab, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.world.orders(order("b", lines=[{"sku": "unknown", "qty": 1}]))

    def failing(connection: Connection, cursor: str) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(effect_module.place, "move_cursor", failing)
    with pytest.raises(OSError):
        desk.read()
    assert desk.items() == [] and desk.effect.cursor() is None
    monkeypatch.undo()
    desk.read()
    assert len(desk.items()) == 1


def test_a_refused_event_is_settled_by_a_later_turn_and_by_a_later_life(desk: DeskLab) -> None:
    for order_id in ("a", "b"):
        held(desk, order_id)
        desk.world.events({"event_id": f"p-{order_id}", "order_id": order_id, "type": "pick"})
    desk.read()
    assert [item["state"] for item in desk.items(kind="event_refused")] == ["open", "open"]
    for order_id in ("a", "b"):
        desk.world.events(
            {"event_id": f"r-{order_id}", "order_id": order_id, "type": "release"},
            {"event_id": f"p2-{order_id}", "order_id": order_id, "type": "pick"},
        )
        desk.read()
        desk.begin()
        assert {item["state"] for item in desk.items(order_id=order_id)} == {"resolved"}


# --- people -------------------------------------------------------------------------------------------


def test_one_person_has_an_item_and_another_is_told_who(desk: DeskLab) -> None:
    item = held(desk)
    assert desk.act(item, "claim")["state"] == "claimed"
    assert desk.act(item, "claim")["owner"] == "ada"  # again
    with pytest.raises(WorkRefused, match="ada has it already") as refused:
        desk.act(item, "claim", "bob")
    assert refused.value.code == "work_conflict"
    assert desk.act(item, "assign", "bob", owner="bob", owner_bound=EVERYTHING)["owner"] == "bob"
    given_back = desk.act(item, "assign", "bob", owner="")
    assert (given_back["state"], given_back["owner"]) == ("open", None)


def test_an_item_is_given_to_nobody_who_may_not_work_it(desk: DeskLab) -> None:
    item = held(desk, "b", channel="shop", seller="acme")
    for bound in (None, Bound(frozenset({"web"})), Bound(frozenset({"shop"}), frozenset({"other"}))):
        with pytest.raises(WorkRefused, match="owner: no key named 'bob' may work this item") as refused:
            desk.act(item, "assign", owner="bob", owner_bound=bound)
        assert refused.value.code == "bad_parameter"
    assert desk.items()[0]["state"] == "open"
    assert desk.act(item, "assign", owner="bob", owner_bound=Bound(frozenset({"shop"})))["owner"] == "bob"


def test_an_item_that_was_put_off_comes_back_to_whoever_had_it(desk: DeskLab) -> None:
    mine, nobodys = held(desk, "a"), held(desk, "b")
    desk.act(mine, "claim")
    for item in (mine, nobodys):
        desk.act(item, "snooze", until_ms=5_000)
    assert desk.page()["items"] == [] and len(desk.page(states=("snoozed",))["items"]) == 2
    desk.clock.tick(4_999)
    assert desk.page()["items"] == []
    desk.clock.tick(5_000)
    assert {(item["order_id"], item["state"], item["owner"]) for item in desk.page()["items"]} == {
        ("a", "claimed", "ada"),
        ("b", "open", None),
    }
    with pytest.raises(WorkRefused, match="until is a time from now on"):
        desk.act(mine, "snooze", until_ms=999)


def test_what_is_resolved_takes_no_further_act_and_the_order_settles_whatever_is_left(desk: DeskLab) -> None:
    by_hand, by_order = held(desk, "a"), held(desk, "b")
    done = desk.act(by_hand, "resolve", note="called")
    assert (done["state"], done["resolved_by"], done["resolution"]) == ("resolved", "ada", "called")
    with pytest.raises(WorkRefused, match="resolved already, by ada: called"):
        desk.act(by_hand, "claim", "bob")
    desk.act(by_order, "snooze", until_ms=9_000)
    desk.world.events({"event_id": "r", "order_id": "b", "type": "release"})
    desk.read()
    [item] = desk.items(order_id="b")
    assert (item["state"], item["resolved_by"], item["resolution"]) == (
        "resolved", "", "settled by version 3 of the order",
    )  # fmt: skip


def test_items_of_others_do_not_exist_for_a_bound_key(desk: DeskLab) -> None:
    web, shop = held(desk, "a"), held(desk, "b", channel="shop", seller="acme")
    bound = Bound(frozenset({"shop"}), frozenset({"acme"}))
    assert [item["work_id"] for item in desk.page(bound=bound)["items"]] == [shop]
    assert desk.act(shop, "claim", bound=bound)["state"] == "claimed"
    for name in (web, "0" * 24):
        with pytest.raises(WorkRefused, match="No work item has this id") as refused:
            desk.act(name, "claim", bound=bound)
        assert refused.value.code == "work_not_found"


def test_the_same_request_again_gets_the_same_answer_and_another_one_a_conflict(desk: DeskLab) -> None:
    item = held(desk)
    first = desk.act(item, "resolve", key="k", digest="one")
    assert desk.act(item, "resolve", key="k", digest="one") == first
    assert desk.act(held(desk, "b"), "claim", "bob", key="k", digest="other")["owner"] == "bob"  # of another caller
    with pytest.raises(WorkRefused) as refused:
        desk.act(item, "resolve", key="k", digest="two")
    assert refused.value.code == "idempotency_conflict"
    desk.clock.tick(1_000 + 31 * 86_400_000)
    with pytest.raises(WorkRefused, match="resolved already"):
        desk.act(item, "resolve", key="k", digest="two")


def test_pages_go_by_deadline_and_leave_nothing_out(desk: DeskLab) -> None:
    for number in range(7):
        held(desk, f"o-{number}")
    whole = desk.page()
    assert whole["cursor"] is None
    assert [item["order_id"] for item in whole["items"]] == [f"o-{number}" for number in range(7)]
    found, behind = [], None
    while True:
        page = desk.page(3, behind=behind)
        found += [item["work_id"] for item in page["items"]]
        if page["cursor"] is None:
            break
        deadline, work_id = page["cursor"].split(".")
        behind = int(deadline), work_id
    assert found == [item["work_id"] for item in whole["items"]]
    assert [item["order_id"] for item in desk.page(order_id="o-3")["items"]] == ["o-3"]
    assert desk.page(queue="payments")["items"] == [] and len(desk.page(queue="orders", kind="held")["items"]) == 7


# --- the outbox ---------------------------------------------------------------------------------------


def resolve(desk: DeskLab, item: str, **event: Any) -> dict[str, Any]:
    return desk.act(item, "resolve", events=(event,))


def test_what_a_person_decides_reaches_the_order_and_its_outcome_the_item(desk: DeskLab) -> None:
    item = held(desk)
    [event] = resolve(desk, item, type="release")["events"]
    assert (event["type"], event["status"]) == ("release", "waiting") and event["event_id"][14] == "7"
    assert desk.sender.send() == 1
    assert state_of(desk.world, "a") == "allocated"
    [letter] = desk.outbox()
    assert letter["status"] == "applied"
    assert desk.sender.send() == 0 and len(desk.sent) == 1
    [shown] = desk.page(states=("resolved",))["items"]
    assert shown["events"] == [event | {"status": "applied"}] and shown["resolved_by"] == "ada"


def test_what_people_write_in_an_event_stays_no_longer_than_it_is_on_its_way(desk: DeskLab) -> None:
    item = held(desk)
    resolve(desk, item, type="release", note="her mother called")
    assert "her mother" in desk.outbox()[0]["event"]
    desk.sender.send()
    [letter] = desk.outbox()
    assert letter["status"] == "applied" and "her mother" not in letter["event"]
    assert "her mother" not in json.dumps(desk.items())


def test_an_event_whose_answer_was_lost_is_sent_again_and_happens_once(desk: DeskLab) -> None:
    item = held(desk)
    resolve(desk, item, type="release")
    post = desk.sender._post

    def lost(letters: Any) -> Any:
        post(letters)
        raise Unanswered("the shard restarts")

    desk.sender._post = lost
    with pytest.raises(Unanswered):
        desk.sender.send()
    assert desk.outbox()[0]["status"] == "waiting"
    desk.begin()
    assert desk.sender.send() == 1 and desk.outbox()[0]["status"] == "duplicate"
    assert len({letter.event_id for letter in desk.sent}) == 1


def test_a_refused_event_opens_its_item_again_and_says_why(desk: DeskLab) -> None:
    item = held(desk)
    desk.act(item, "claim")
    resolve(desk, item, type="ship")
    desk.sender.send()
    [found] = desk.page()["items"]
    assert (found["state"], found["owner"], found["resolved_by"]) == ("claimed", "ada", None)
    assert "The ship that was to settle it was refused (units_held)" in found["reason"]
    assert found["events"][0]["reason"] == "units_held" and found["events"][0]["detail"]
    resolve(desk, item, type="release")
    desk.sender.send()
    assert desk.page()["items"] == []


def test_a_refusal_does_not_open_what_the_order_has_settled(desk: DeskLab) -> None:
    item = held(desk)
    desk.world.events({"event_id": "r", "order_id": "a", "type": "release"})
    resolve(desk, item, type="release", hold="address")
    desk.read()  # resolved by a person before: it stays theirs
    desk.sender.send()
    [letter] = desk.outbox()
    [found] = desk.items()
    assert letter["status"] == "refused"
    assert (found["state"], found["resolved_by"]) == ("resolved", "ada")


@pytest.mark.parametrize("is_read", ["before the refusal", "after it"])
def test_a_refusal_leaves_closed_what_its_own_neighbour_has_settled(desk: DeskLab, is_read: str) -> None:
    """Of two releases the first applies: the second is refused, and nothing would ever settle the item again."""
    item = held(desk)
    desk.act(item, "resolve", events=({"type": "release"}, {"type": "release"}))
    desk.sender.send()
    if is_read == "before the refusal":
        desk.begin()  # by a reader that knows of the item from the database alone
        desk.read()
    desk.sender.send()
    desk.read()
    assert [letter["status"] for letter in desk.outbox()] == ["applied", "refused"]
    assert desk.page()["items"] == []
    [found] = desk.page(states=("resolved",))["items"]
    assert [event["status"] for event in found["events"]] == ["applied", "refused"] and found["events"][1]["detail"]
    if is_read == "before the refusal":
        assert found["resolved_by"] == "ada", "it stays theirs"


def test_a_refusal_leaves_closed_what_the_order_settled_meanwhile_though_it_is_on_hold_again(desk: DeskLab) -> None:
    """The item is that of the first hold; the second has its own."""
    first = held(desk)
    resolve(desk, first, type="ship")
    desk.world.events(
        {"event_id": "r", "order_id": "a", "type": "release"},
        {"event_id": "h2", "order_id": "a", "type": "hold", "hold": "address"},
    )
    desk.read()
    desk.sender.send()
    assert [letter["status"] for letter in desk.outbox()] == ["refused"]
    assert [item["state"] for item in desk.items(kind="held")] == ["resolved", "open"]


def test_what_a_refusal_opened_again_after_a_restart_is_settled_by_the_order(desk: DeskLab) -> None:
    """The reader asks only about what could end; when it began to read, nothing was open."""
    item = held(desk)
    desk.world.events({"event_id": "p", "order_id": "a", "type": "pick"})
    desk.read()
    [refused] = desk.items(kind="event_refused")
    resolve(desk, item, type="ship")
    resolve(desk, refused["work_id"], type="pick")
    desk.begin()
    while desk.sender.send():
        pass
    assert [each["state"] for each in desk.items()] == ["open", "open"]
    desk.world.events(
        {"event_id": "r", "order_id": "a", "type": "release"}, {"event_id": "p2", "order_id": "a", "type": "pick"}
    )
    desk.read()
    assert [each["resolution"][:7] for each in desk.items()] == ["settled", "settled"]


def test_events_of_an_order_go_one_after_the_other_and_wait_for_one_that_is_busy(desk: DeskLab) -> None:
    item, other = held(desk, "a"), held(desk, "b")
    desk.act(item, "resolve", events=({"type": "release"}, {"type": "pick"}, {"type": "ship"}))
    resolve(desk, other, type="release")
    post, busy = desk.sender._post, ["a", "release"]

    def sometimes_busy(letters: Any) -> Any:
        answers = iter(post([letter for letter in letters if busy != _named(letter)]))
        later = {"status": "refused", "reason": "order_busy"}
        return [later if busy == _named(letter) else next(answers) for letter in letters]

    desk.sender._post = sometimes_busy
    with pytest.raises(Retryable):
        desk.sender.send()
    assert [letter["status"] for letter in desk.outbox()] == ["waiting", "waiting", "waiting", "applied"]
    busy.clear()
    while desk.sender.send():
        pass
    assert {letter["status"] for letter in desk.outbox()} == {"applied"}
    assert state_of(desk.world, "a") == "shipped"


def _named(letter: Any) -> list[str]:
    event = json.loads(letter.event)
    return [event["order_id"], event["type"]]


def test_an_act_that_is_no_event_is_refused_before_anything_is_kept(desk: DeskLab) -> None:
    item = held(desk)
    desk.service._fault_of = lambda events: "line 1: type 'dance' is unknown"
    with pytest.raises(WorkRefused, match="dance") as refused:
        resolve(desk, item, type="dance")
    assert refused.value.code == "bad_parameter"
    assert desk.outbox() == [] and desk.items()[0]["state"] == "open"


# --- time ---------------------------------------------------------------------------------------------


def timed(tmp_path: pathlib.Path, world: FeedWorld, by: Terms) -> DeskLab:
    return DeskLab(tmp_path / "timed", world, by)


def test_what_is_due_becomes_an_item_once_whenever_the_desk_is_started(
    tmp_path: pathlib.Path, world: FeedWorld
) -> None:
    desk = timed(tmp_path, world, terms(unsent_after_ms=1_000))
    world.orders(order("a"))
    due_ms = world.now_ms + 1_000
    desk.read()
    desk.clock.tick(due_ms + GRACE_MS - 1)
    assert desk.items() == [] and len(desk.due()) == 1
    desk.begin()
    assert desk.clock.tick(due_ms + GRACE_MS) == 1
    [item] = desk.items()
    assert (item["kind"], item["raised_ms"], item["state"]) == ("unsent", due_ms, "open")
    assert desk.due() == [] and desk.clock.tick(due_ms + 99_999) == 0
    world.events({"event_id": "s", "order_id": "a", "type": "ship"})
    desk.read()
    assert [each["state"] for each in desk.items()] == ["resolved"]


def test_nothing_is_due_before_the_log_is_read_up_to_its_time(tmp_path: pathlib.Path, world: FeedWorld) -> None:
    """The payment lies in the log, unread, from before the order expires."""
    desk = timed(tmp_path, world, terms(expires=1_000))
    world.orders(order("a"))
    desk.read()
    world.now_ms += 900
    world.events({"event_id": "p", "order_id": "a", "type": "payment_captured"})
    assert desk.clock.tick(world.now_ms + 50_000) == 0
    desk.read()
    assert desk.clock.tick(world.now_ms + 50_000) == 0 and desk.due() == []
    assert state_of(world, "a") == "allocated"


def test_unpaid_orders_expire_by_an_event_that_is_the_same_after_a_rebuild(
    tmp_path: pathlib.Path, world: FeedWorld
) -> None:
    by = terms(expires=1_000)
    desk = timed(tmp_path, world, by)
    world.stock(B=0)
    world.orders(order("a", lines=[{"sku": "A", "qty": 100}]), order("b", lines=[{"sku": "A", "qty": 100}]))
    desk.read()
    late = world.now_ms + 1_000 + GRACE_MS
    rebuilt = DeskLab(tmp_path / "rebuilt", world, by)
    rebuilt.read()
    assert desk.clock.tick(late) == rebuilt.clock.tick(late) == 2
    assert [row["event_id"] for row in desk.outbox()] == [row["event_id"] for row in rebuilt.outbox()]
    desk.sender.send()
    rebuilt.sender.send()
    assert {row["status"] for row in desk.outbox()} == {"applied"}, desk.outbox()
    assert {row["status"] for row in rebuilt.outbox()} == {"duplicate"}
    assert state_of(world, "a") == OrderState.CANCELLED.name.lower()
    again = DeskLab(tmp_path / "again", world, by)  # built when the log has it already: nothing is sent
    again.read()
    again.clock.tick(late + 99_999)
    assert again.outbox() == [] and again.items() == []


def test_a_refused_expiry_is_kept_and_concerns_no_item(tmp_path: pathlib.Path, world: FeedWorld) -> None:
    desk = timed(tmp_path, world, terms(expires=1_000))
    world.orders(order("a"))
    desk.read()
    desk.clock.tick(world.now_ms + 5_000)
    world.events({"event_id": "s", "order_id": "a", "type": "ship"})
    desk.sender.send()
    [letter] = desk.outbox()
    assert letter["status"] == "refused" and desk.items() == []


# --- whose it is --------------------------------------------------------------------------------------


def test_a_database_of_another_folder_is_refused_in_words(desk: DeskLab) -> None:
    with desk.database.write() as connection, pytest.raises(Exception, match="belongs to another data folder"):
        place.claim(connection, "another")
