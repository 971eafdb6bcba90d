"""What comes after orders were closed: their books as the log tells them, of many at once."""

from __future__ import annotations

import numpy as np
import pytest

from router.arrow.arena import PrivateArena
from router.life.books import Books
from router.life.history import tell
from router.life.retold import chapters_of, retell
from router.log.chains import chains_of
from router.log.records import Record
from router.log.steps import OrderHistory
from tests.router.test_pipeline import KEY, SCARCE, World, order

ORDERS = 24


def lived() -> World:
    """Orders of several records, rejected ones tried again, granted ones, several events of one order in a record."""
    world = World()
    world.send([order(0, currency="XXX")])
    world.send([order(number) for number in range(ORDERS // 2)])
    world.send([order(number, qty=3) for number in range(ORDERS // 2, ORDERS - 1)])
    world.send([order(ORDERS, "B", 2 * SCARCE), order(ORDERS - 1, "B", 5)])
    ids = [f"o-{number}" for number in range(ORDERS)]
    world.tell((f"cancel-{ORDERS}", f"o-{ORDERS}", "cancel"))
    world.tell(*[(f"{kind}-{each}", each, kind) for each in ids for kind in ("payment_captured", "pick")])
    world.tell(*[(f"ship-{each}", each, "ship", {"lines": [{"line_id": "1", "qty": 1}]}) for each in ids[::2]])
    for kind in ("ship", "deliver", "close"):
        world.tell(*[(f"{kind}-all-{each}", each, kind, ship_terms(kind)) for each in ids])
    return world


def ship_terms(kind: str) -> dict[str, str]:
    return {"tracking_number": "T"} if kind == "ship" else {}


def test_many_at_once_are_told_as_one_by_one() -> None:
    shard = lived().router.shards[0]
    engine, log = shard.engine, shard.log
    rows = np.arange(engine.index.count)
    closed = rows[~engine.books.are_open(rows)]
    assert len(closed) >= ORDERS - 2
    one_by_one, at_once = Books(KEY, PrivateArena()), Books(KEY, PrivateArena())
    for row, place in zip(closed.tolist(), engine.index.reference(closed).tolist(), strict=True):
        for piece in OrderHistory(log, place).pieces():
            tell(one_by_one, row, piece, KEY)
    retell(at_once, closed, chapters_of(chains_of(log, engine.index.reference(closed)), KEY))
    hashes = engine.index.hashes()[0]
    assert at_once.state_hash(hashes) == one_by_one.state_hash(hashes)
    assert at_once.count == one_by_one.count == len(closed)


def test_late_events_cost_reads_by_record_and_not_by_order(monkeypatch: pytest.MonkeyPatch) -> None:
    world = lived()
    log, reads = world.router.shards[0].log, []
    read = log.read

    def counted(sequence: int, part: int) -> Record | None:
        reads.append((sequence, part))
        return read(sequence, part)

    monkeypatch.setattr(log, "read", counted)
    answers = world.tell(*[(f"return-{number}", f"o-{number}", "return") for number in range(ORDERS)])
    assert [answer["status"] for answer in answers] == ["applied"] * ORDERS
    assert len(reads) == len(set(reads)), "no record is read twice"
    again = world.after_crash()
    assert again.router.state_hashes() == world.router.state_hashes()


def test_a_refusal_says_what_the_event_is_about_and_never_that_it_is_taken() -> None:
    world = World()
    world.send([order(1)])
    world.tell(("1", "o-1", "pick"), ("2", "o-1", "ship"))
    (refused,) = world.tell(("3", "o-1", "cancel"))
    assert refused["reason"] == "transition_not_allowed"
    assert refused["detail"] == (
        "the order is shipped, and cancel is about units in the stages backordered, held, allocated, picked, packed; "
        "next_events of the order names what it takes"
    )
    (unknown,) = world.tell(("4", "o-1", "reverse", {"reversed_event_id": "9"}))
    assert unknown["reason"] == "event_unknown" and "timeline" in unknown["detail"]
    world.tell(("5", "o-1", "note", {"text": "x"}))
    (fixed,) = world.tell(("6", "o-1", "reverse", {"reversed_event_id": "5"}))
    assert fixed["reason"] == "not_reversible" and "moved nothing" in fixed["detail"]
