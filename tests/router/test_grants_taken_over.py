"""Units that the ledger grants to orders that wait, on their way into the shard's books, into what readers see, and
beside whatever else happens to the order meanwhile."""

from __future__ import annotations

import json

from router.log.kinds import Kind
from router.queries import stream
from router.shard.grant_lane import GrantBatch
from router.shard.lanes import Begun
from router.shard.split_events import split_events
from router.tables.stock_rows import parse_movements
from router.wire.event_batch import EventBatch
from tests.labs.table_cases import NOW_MS
from tests.labs.telling import decoded
from tests.router.test_pipeline import EVENT_TERMS, KEY, PLENTY, SCARCE, TABLES, World, order


def waiting_world() -> World:
    """An order that has every unit of B, and one that waits for three."""
    world = World()
    world.send([order(1, "B", qty=2 * SCARCE), order(2, "B", qty=3)])
    return world


def test_the_stream_tells_of_units_that_were_granted() -> None:
    world = waiting_world()
    world.tell(("e1", "o-1", "cancel"))
    rows, _ = stream(None, [world.router.shards[0].log], 100)
    told = [(row["order_id"], row["version"], row["type"], row["state"]) for row in rows]
    assert told[-2:] == [("o-1", 2, "cancel", "cancelled"), ("o-2", 2, "grant", "allocated")]


def test_a_short_pick_names_a_line_by_an_id_that_the_order_has_not() -> None:
    """Of an order whose only line has an id of its own."""
    world = World()
    world.send([order(1, lines=[{"sku": "A", "qty": 2, "line_id": "left"}])])
    (answer,) = world.tell(("e1", "o-1", "short_pick", {"lines": [{"line_id": "right"}]}))
    assert (answer["status"], answer["reason"]) == ("refused", "line_unknown")


def begin_events(world: World, *types: str) -> Begun:
    """Events of the order that waits, begun and no more."""
    rows = [{"event_id": f"e{at}", "order_id": "o-2", "type": kind} for at, kind in enumerate(types)]
    ((part,),) = split_events(decoded(rows, EVENT_TERMS), 1)
    batch = EventBatch((98, 1), part.events, part.payload, part.documents, NOW_MS)
    return world.router.shards[0].begin(Kind.EVENTS, batch)


def begin_grants(world: World) -> tuple[int, Begun]:
    """Five units arrive; the ledger's record of them, and the batch that takes over what it granted, begun."""
    path, ledger = world.router.shards[0], world.router.ledger
    receipt = {"movement_id": "m1", "kind": "receipt", "sku": "B", "node": "N1", "qty": 5}
    ledger.stock(parse_movements(json.dumps(receipt).encode(), TABLES, KEY).batch, NOW_MS)
    record, grants = ledger.grants(0, path.log.epoch, path.grants.seen, 0)
    return record, path.begin(Kind.GRANTED, GrantBatch(1, 1, record, grants, NOW_MS))


def test_a_cancel_from_before_a_grant_is_finished_after_a_restart_as_one_that_knows_nothing_of_it() -> None:
    """Both lie in the shard's log without an outcome; the ledger has heard of neither."""
    world = waiting_world()
    begin_events(world, "cancel")
    record, _ = begin_grants(world)
    restarted = world.after_crash()
    assert (restarted.units["allocated"], restarted.units["available"]) == (2 * SCARCE, 2 * PLENTY + 5)
    assert restarted.router.shards[0].grants.seen == record


def test_units_granted_to_an_order_that_is_being_closed_stop_no_restart() -> None:
    """Its book is still there while the close is not shown, and gone when the log is replayed."""
    world = waiting_world()
    path = world.router.shards[0]
    begun = [begin_events(world, "cancel", "close"), begin_grants(world)[1]]
    for step in (path.ask, path.finish, path.show):
        for each in begun:
            step(each)
    assert world.after_crash().router.state_hashes() == world.router.state_hashes()
    assert world.units["available"] == 2 * PLENTY + 5
