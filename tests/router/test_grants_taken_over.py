"""Units that the ledger grants to orders that wait, on their way into the shard's books, into what readers see, and
beside whatever else happens to the order meanwhile."""

from __future__ import annotations

from router.queries import stream
from tests.router.test_pipeline import SCARCE, World, order


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
