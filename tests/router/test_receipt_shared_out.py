"""Ten orders wait on four shards, fifty units arrive, and a new order comes in the same millisecond.

Who waited first is served first, the new order passes nobody, and a crash behind any record changes nothing of it: what
was not answered is sent again, and what was granted is taken over once.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from router.ids import hash_text
from router.ledger import serving
from router.life.states import CellAccount, Stage
from router.log.columns import GRANTS
from router.log.kinds import MESSAGES, Kind
from router.log.records import read_batch
from router.queries.balance import books_of, cells_of, differences
from router.tables.stock_rows import parse_movements
from tests.labs.table_cases import NOW_MS
from tests.router.test_pipeline import KEY, SCARCE, TABLES, World, order

WAITING = 10
GRANTING = (Kind.MOVES, Kind.AMENDS, Kind.PENDING, Kind.STOCK)
EACH = 7  # units an order waits for
RECEIVED = 50
ARRIVED = b'{"movement_id":"r1","kind":"receipt","sku":"B","node":"N1","qty":%d}\n'
SERVED = {f"o-{number}": EACH for number in range(1, 8)} | {"o-8": RECEIVED - 7 * EACH}


def queue(shards: int) -> World:
    """All of B is sold, and ten orders wait for more in the order of their numbers."""
    world = World(shards)
    world.send([order(0, "B", 2 * SCARCE)])
    for number in range(1, WAITING + 1):
        world.send([order(number, "B", EACH)], (7, number), NOW_MS + number)
    return world


def receive(world: World) -> None:
    parsed = parse_movements(ARRIVED % RECEIVED, TABLES, KEY)
    world.router.ledger.stock(parsed.batch, NOW_MS + 100)


def newcomer(world: World) -> None:
    world.send([order(99, "B", 1)], (7, 99), NOW_MS + 100)


def take_over(world: World) -> None:
    world.router.take_grants(NOW_MS + 100)


STEPS: dict[str, tuple[Callable[[World], None], ...]] = {
    "receipt first": (receive, newcomer, take_over),
    "newcomer first": (newcomer, receive, take_over),
    "newcomer between": (receive, take_over, newcomer),
}


def units(world: World, order_id: str, stage: Stage) -> int:
    """Of an order, by its books; 0 where it has none."""
    hi, lo = (np.array([half], np.uint64) for half in hash_text(KEY, order_id))
    for path in world.router.shards:
        rows = path.engine.index.find(hi, lo)
        if rows[0] >= 0:
            return int(path.engine.books.sums(rows)[0][0, stage])
    return 0


def check(world: World, where: str) -> None:
    """Everybody has what their place in the queue gives them, in the books and in the ledger."""
    numbers = [f"o-{number}" for number in range(1, WAITING + 1)]
    assert {one: units(world, one, Stage.ALLOCATED) for one in numbers} == dict.fromkeys(numbers, 0) | SERVED, where
    assert (units(world, "o-99", Stage.ALLOCATED), units(world, "o-99", Stage.BACKORDERED)) == (0, 1), where
    assert world.router.ledger.path.engine.conservation() == [], where
    books = [books_of(path.engine, path.grants.seen, True) for path in world.router.shards]
    cells = cells_of(world.router.ledger.path.engine)
    assert list(differences(cells, books)) == [], where
    assert sum(n for (_, _, a), n in cells.units.items() if a == CellAccount.ALLOCATED) == 2 * SCARCE + RECEIVED, where
    assert cells.waiting == WAITING * EACH + 1 - RECEIVED, where


def records_granting(world: World) -> list[int]:
    """Rows of GRANTS of every record of the ledger that has any."""
    records = [record for _, _, record in world.router.ledger.path._log.iterate(1)]
    grants = [read_batch(record, MESSAGES[record.kind].index(GRANTS)) for record in records if record.kind in GRANTING]
    return [batch.num_rows for batch in grants if batch.num_rows]


@pytest.mark.parametrize("rows_max", [1, 3, serving.GRANT_ROWS_MAX])
@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_who_waited_first_is_served_wherever_a_crash_falls(
    steps: tuple[Callable[[World], None], ...], rows_max: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few orders one record of the ledger may serve."""
    monkeypatch.setattr(serving, "GRANT_ROWS_MAX", rows_max)
    world = queue(4)
    begun = len(world.journal)
    for step in steps:
        step(world)
    check(world, "without a crash")
    assert records_granting(world) == {1: [1] * 8, 3: [2] * 4}.get(rows_max, [8])
    state = world.router.state_hashes()
    for cut in range(begun, len(world.journal) + 1):
        restarted = world.after_crash(cut)
        for step in steps:  # whoever sent it does not know how far it came
            step(restarted)
        take_over(restarted)
        check(restarted, f"cut after record {cut}")
        again = restarted.after_crash()
        take_over(again)
        check(again, f"cut after record {cut}, and started once more")
    assert world.after_crash().router.state_hashes() == state
