"""Cancel gives back exactly what was taken, on every path to it; what comes back is put where it was said to be."""

from __future__ import annotations

import random

import pytest

from router.life.event_types import OrderEvent
from router.life.states import CellAccount, Disposition, OrderState, PaymentState, Stage
from router.log.columns import Status
from tests.labs.life_cases import NODES, an_event, an_order
from tests.labs.life_pair import Pair
from tests.reference.life.events import Event, Named
from tests.reference.life.open import Line, Placed

A, E, U = CellAccount, OrderEvent, Stage
BEFORE_SHIPPING = (E.PICK, E.PACK, E.HOLD, E.RELEASE, E.SEND_TO_NODE, E.ACCEPT, E.CANCEL, E.CANCEL)


def taken(placed):
    """What the ledger gave an order: (account, SKU, node) -> units, and what they left in AVAILABLE."""
    cells = {}
    held = A.HELD if placed.status == Status.HELD else A.ALLOCATED
    for line in placed.lines:
        for sku, node, qty in line.allocations:
            add(cells, held, sku, node, qty)
            add(cells, A.AVAILABLE, sku, node, -qty)
        if line.backordered:
            add(cells, A.WAITING, line.sku, -1, line.backordered)
    return cells


def add(cells, account, sku, node, units):
    key = (account, sku, node)
    cells[key] = cells.get(key, 0) + units


def fold(cells, moves):
    for _, sku, node, to_node, units, account, to_account, _ in moves.cells:
        add(cells, account, sku, node, -units)
        add(cells, to_account, sku, to_node, units)


def days_given_back(verdicts):
    return [(row[2], row[7]) for verdict in verdicts for row in verdict.moves.cells if row[7] >= 0]


@pytest.mark.parametrize("falls_at", [U.PACKED, U.SHIPPED])
def test_every_path_to_a_cancel_restores_the_ledger(falls_at):
    rng = random.Random(int(falls_at))
    pair = Pair(falls_at)
    placed = [order for order in (an_order(rng) for _ in range(400)) if order.status != Status.REJECTED]
    rows = pair.open(placed)
    verdicts = {row: [] for row in rows}
    for step in range(8):
        events = [(row, _event(rng, f"{row}.{step}", pair.twin[row])) for row in rows]
        for row, verdict in zip(rows, pair.judge(events), strict=True):
            verdicts[row].append(verdict)
    for row, verdict in zip(rows, pair.judge([(row, Event(E.CANCEL, f"{row}.end")) for row in rows]), strict=True):
        verdicts[row].append(verdict)
    for row, order in zip(rows, placed, strict=True):
        assert pair.twin[row].state() == OrderState.CANCELLED
        cells = taken(order)
        for verdict in verdicts[row]:
            fold(cells, verdict.moves)
        left = {key: units for key, units in cells.items() if units and key[0] != A.GONE}
        assert not left, f"{order} left {left}"
        assert sorted(days_given_back(verdicts[row])) == sorted(order.days.items())
        assert sum(verdict.gives_back for verdict in verdicts[row]) == 1


def _event(rng, name, order):
    """An event on an order that nothing has left of yet."""
    for _ in range(100):
        event = an_event(rng, 0, order)
        if event.type in BEFORE_SHIPPING and event.id not in order.events:
            return Event(**{**vars(event), "id": name})
    return Event(E.NOTE, name)


def test_a_parcels_day_is_given_back_once_and_never_after_it_left():
    rng = random.Random(5)
    pair = Pair()
    placed = [order for order in (an_order(rng) for _ in range(500)) if order.days and order.status != Status.REJECTED]
    rows = pair.open(placed)
    left, given = {row: set() for row in rows}, {row: [] for row in rows}
    for step in range(14):
        events = []
        for row in rows:
            event = an_event(rng, 0, pair.twin[row])
            events.append((row, Event(**{**vars(event), "id": f"{row}.{step}"})))
        for row, verdict in zip(rows, pair.judge(events), strict=True):
            for node, day in days_given_back([verdict]):
                assert node not in left[row], "a parcel that left was given back"
                assert not any(h.qty and h.node == node and U.HELD <= h.stage <= U.PACKED for h in pair.twin[row].heaps)
                given[row].append((node, day))
            units = verdict.moves.units
            left[row] |= {unit[2] for unit in units if U.SHIPPED <= unit[5] & 15 < U.CANCELLED}
            if pair.twin[row].busy:
                pair.answer(row)
    assert sum(map(len, given.values())) > 100
    for row, order in zip(rows, placed, strict=True):
        assert len(set(given[row])) == len(given[row]) and set(given[row]) <= set(order.days.items())
        for node in order.days.keys() - {node for node, _ in given[row]} - left[row]:
            assert any(h.qty and h.node == node and U.HELD <= h.stage <= U.PACKED for h in pair.twin[row].heaps)


def test_what_comes_back_is_put_where_it_was_said_to_be():
    """5 units of node 1 were delivered: 2 are on sale again at node 2, 1 at its own, 1 is scrap, 1 is looked at."""
    pair = Pair()
    line = Line(7, 5, 1_000, [(7, 1, 5)])
    [row] = pair.open([Placed(Status.ALLOCATED, PaymentState.PAID, 1_000, 3, [line], {1: 20_001})])
    back = [
        Event(E.SHIP, "s"),
        Event(E.DELIVER, "d"),
        Event(E.RETURN, "r1", lines=(Named("1", 1, 2),), node=2, disposition=Disposition.RESTOCK),
        Event(E.RETURN, "r2", lines=(Named("1", 1, 1),), disposition=Disposition.RESTOCK),
        Event(E.RETURN, "r3", lines=(Named("1", 1, 1),), disposition=Disposition.SCRAP),
        Event(E.RETURN, "r4"),
    ]
    cells = taken(Placed(Status.ALLOCATED, PaymentState.PAID, 1_000, 3, [line], {}))
    for verdict in pair.judge([(row, event) for event in back]):
        assert verdict.result == "applied"
        fold(cells, verdict.moves)
    assert {key: units for key, units in cells.items() if units} == {
        (A.AVAILABLE, 7, 1): -4, (A.AVAILABLE, 7, 2): 2, (A.GONE, 7, 1): 1, (A.INSPECTION, 7, 1): 1,
    }  # fmt: skip
    [verdict] = pair.judge([(row, Event(E.RETURN, "r5", disposition=Disposition.REFURBISH))])
    fold(cells, verdict.moves)
    assert cells[A.INSPECTION, 7, 1] == 0 and cells[A.DAMAGED, 7, 1] == 1
    assert pair.twin[row].state() == OrderState.RETURNED


def test_units_of_a_cancelled_bundle_go_back_to_all_its_nodes():
    """Two bundles of 2 A and 1 B, one more waits; cancelling two lets go of who waits first, then of whole bundles."""
    pair = Pair()
    line = Line(100, 3, 1_001, [(1, 0, 3), (1, 1, 1), (2, 2, 2)], backordered=1)
    [row] = pair.open([Placed(Status.PARTIALLY_ALLOCATED, PaymentState.UNPAID, 1_001, 3, [line], {0: 9, 1: 9, 2: 9})])
    [verdict] = pair.judge([(row, Event(E.CANCEL, "c", lines=(Named("1", 1, 2),)))])
    assert sorted((row[1], row[2], row[4]) for row in verdict.moves.cells) == [(1, 0, 2), (2, 2, 1), (100, -1, 1)]
    assert pair.twin[row].owed() == 1_001 - 333 - 334
    [verdict] = pair.judge([(row, Event(E.CANCEL, "c2", lines=(Named("1", 1, 2),)))])
    assert (verdict.refusal, verdict.wanted, verdict.found) == ("NOT_ENOUGH", 2, 1)
    [verdict] = pair.judge([(row, Event(E.CANCEL, "c3"))])
    assert sorted(days_given_back([verdict])) == [(0, 9), (1, 9), (2, 9)] and verdict.gives_back


@pytest.mark.parametrize("total", [8_004, 8_005, 8_007, 10_715, 3, 0])
@pytest.mark.parametrize("nodes", [[8], [5, 3], [2, 6], [3, 5], [4, 4]])
@pytest.mark.parametrize("pieces", [[1, 1, 1, 1], [2, 1, 1], [3, 1], [1, 3]])
def test_bundles_that_are_cancelled_carry_what_the_first_bundles_of_the_line_do(total, nodes, pieces):
    """docs/pricing.md: the first total mod 4 of the 4 bundles carry one minor unit more; two units of A are in each."""
    pair = Pair()
    rows = [(1, node, qty) for node, qty in enumerate(nodes)]
    line = Line(100, 4, total, [*rows, (2, 3, 4)])
    [row] = pair.open(
        [Placed(Status.ALLOCATED, PaymentState.UNPAID, total + 1_000, 3, [line, Line(7, 1, 1_000, [(7, 3, 1)])], {})]
    )
    gone = 0
    for number, bundles in enumerate(pieces):
        [verdict] = pair.judge([(row, Event(E.CANCEL, f"c{number}", lines=(Named("1", 1, bundles),)))])
        gone += bundles
        assert verdict.result == "applied"
        assert pair.twin[row].owed() == 1_000 + total - gone * (total // 4) - min(gone, total % 4)


@pytest.mark.parametrize(("qty", "total", "each"), [(3, 6_003, 2_001), (5, 10_715, 2_143)])
def test_equal_bundles_carry_the_same_whatever_else_happens_to_them(qty, total, each):
    """Picked, put in parcels, cancelled and come back: what a bundle costs is never divided again."""
    pair = Pair()
    line = Line(100, qty, total, [(1, 0, 2 * qty), (2, 0, qty)])
    [row] = pair.open([Placed(Status.ALLOCATED, PaymentState.PAID, total, 3, [line], {})])
    told = (
        Event(E.PICK, "p", lines=(Named("1", 1, 2),)),
        Event(E.CANCEL, "c", lines=(Named("1", 1, 1),)),
        Event(E.SHIP, "s", lines=(Named("1", 1, 1),), shipment="A"),
        Event(E.RETURN, "r", lines=(Named("1", 1, 1),), disposition=Disposition.RESTOCK),
    )
    for event in told:
        [verdict] = pair.judge([(row, event)])
        assert verdict.result == "applied" and sum(move[-1] for move in verdict.moves.units) % each == 0
    assert pair.twin[row].owed() == total - each


def test_orders_come_from_more_than_one_node():
    """The cases above say something only if there are nodes to confuse."""
    rng = random.Random(0)
    nodes = [len({row[1] for line in an_order(rng).lines for row in line.allocations}) for _ in range(200)]
    assert max(nodes) == NODES and sum(count > 1 for count in nodes) > 50
