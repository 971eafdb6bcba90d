"""Books give their memory back, take what a single order can ask for, and say so where it asks for more."""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import pytest

from kernels.life import layout
from router.arrow.arena import PrivateArena
from router.life.books import Books
from router.life.event_types import OrderEvent
from router.life.states import PaymentState, Stage
from router.log.columns import Status
from tests.labs.life_books import KEY, opening, sent
from tests.labs.life_cases import BUNDLE, a_batch, an_order
from tests.labs.life_pair import Pair
from tests.reference.life.events import Event, Named
from tests.reference.life.open import Line, Placed, open_books

E = OrderEvent


def _placed(qty=5, total=1_000, lines=1):
    line = Line(7, qty, total, [(7, 1, qty)])
    return Placed(Status.ALLOCATED, PaymentState.UNPAID, total * lines, 3, [line] * lines, {1: 20_001})


def test_books_that_are_closed_give_their_memory_back():
    """100,000 orders come and go 1,000 at a time; after the first rounds nothing grows any more."""
    rng = random.Random(1)
    placed = [an_order(rng) for _ in range(1_000)]
    twin = dict(enumerate(open_books(1, placed)))
    columns, rows = sent(a_batch(rng, twin, 4_000, 0, Stage.SHIPPED))
    books, orders = Books(KEY, PrivateArena()), opening(range(len(placed)), placed)
    used = []
    for turn in range(100):
        shift = 1_000 * (turn % 3)  # rows of the index are never used again, but the books do not know that
        books.open(2 * turn + 1, dataclasses.replace(orders, rows=orders.rows + shift))
        books.judge(2 * turn + 2, columns, np.where(rows < 0, -1, rows + shift), int(Stage.SHIPPED))
        assert books.count == sum(order is not None for order in twin.values())
        books.end(orders.rows + shift)
        assert books.count == 0
        used.append(books.nbytes)
    assert used[-1] == used[5], used


def test_a_line_that_is_named_often_finds_room():
    """Two lines of bundles, named 60 times in one event: more moves than there would be room for by its positions."""
    pair = Pair()
    parts = [(sku, node, 1_000) for sku in range(20) for node in range(2)]
    lines = [Line(100 + number, 1_000, 10_007, parts_of(parts, number)) for number in range(2)]
    [row] = pair.open([Placed(Status.ALLOCATED, PaymentState.PAID, 20_014, 3, lines, {})])
    named = tuple(Named(str(1 + at % 2), 1 + at % 2, 1) for at in range(60))
    verdicts = pair.judge([(row, Event(event, str(event), lines=named, node=0)) for event in (E.PICK, E.SHIP)])
    assert [verdict.result for verdict in verdicts] == ["applied", "applied"]
    [verdict] = pair.judge([(row, Event(E.CANCEL, "c", lines=(Named("1", 1, 971),)))])
    assert (verdict.refusal, verdict.wanted, verdict.found) == ("NOT_ENOUGH", 971, 970)


def parts_of(parts, number):
    return [(sku + 20 * number, node, qty) for sku, node, qty in parts]


def test_an_order_has_so_many_parcels_at_most():
    pair = Pair()
    [row] = pair.open([_placed(300)])
    one = (Named("1", 1, 1),)
    # half of them take the names that unnamed ones would have
    events = [
        Event(E.SHIP, f"s{number}", lines=one, shipment=str(number + 2) if number < 127 else None)
        for number in range(layout.SHIPMENTS_MAX + 1)
    ]
    verdicts = pair.judge([(row, event) for event in events])
    assert [verdict.refusal for verdict in verdicts] == [""] * layout.SHIPMENTS_MAX + ["LIMIT"]
    assert len({shipment.key for shipment in pair.twin[row].shipments}) == layout.SHIPMENTS_MAX
    verdicts = pair.judge(
        [
            (row, Event(E.SHIP, "known", lines=one, shipment="1")),
            (row, Event(E.SHIP, "new", lines=one, shipment="new")),
            (row, Event(E.DELIVER, "all")),
        ]
    )
    assert [verdict.refusal for verdict in verdicts] == ["", "LIMIT", ""]


def test_an_order_has_so_many_payments_and_holds_at_most():
    pair = Pair()
    [row] = pair.open([_placed()])
    many = layout.PAYMENTS_MAX + 1
    captures = [Event(E.PAYMENT_CAPTURED, f"p{number}", payment=f"P{number}", amount=3) for number in range(many)]
    verdicts = pair.judge([(row, event) for event in captures])
    assert [verdict.refusal for verdict in verdicts] == [""] * layout.PAYMENTS_MAX + ["LIMIT"]
    verdicts = pair.judge(
        [
            (row, Event(E.PAYMENT_CAPTURED, "nobody's", amount=3)),
            (row, Event(E.PAYMENT_CAPTURED, "again", payment="P5", amount=4)),
            (row, Event(E.REFUND_REQUESTED, "asked")),
            (row, Event(E.PAYMENT_REFUNDED, "all")),
        ]
    )
    assert [verdict.refusal for verdict in verdicts] == ["LIMIT", "", "", ""]
    assert len(verdicts[-1].moves.money) == 2 * layout.PAYMENTS_MAX
    holds = [Event(E.HOLD, f"h{number}", hold=f"H{number}") for number in range(layout.HOLDS_MAX + 1)]
    verdicts = pair.judge([(row, event) for event in holds])
    assert [verdict.refusal for verdict in verdicts] == [""] * layout.HOLDS_MAX + ["LIMIT"]


def test_an_order_takes_so_many_events_at_most_and_can_be_closed_then():
    """Notes leave room for facts, facts for the close: an order that was talked of too much is not stuck."""
    books = Books(KEY, PrivateArena())
    books.open(1, opening([0], [_placed()]))
    notes, facts = layout.EVENTS_MAX - 1 - layout.FACTS_MAX, layout.FACTS_MAX - 1
    types = [E.NOTE] * (notes + 1) + [E.PAYMENT_CAPTURED] * facts + [E.CANCEL, E.PAYMENT_CAPTURED, E.CLOSE]
    events = np.zeros(len(types), layout.EVENT)
    events["event"], events["amount_minor"], events["fingerprint"] = types, 1, 1
    events["currency"] = events["node"] = -1
    events["event_key"] = np.arange(1, len(types) + 1, dtype=np.uint64) << np.uint64(20)
    columns = layout.Sent(events, np.zeros(0, layout.EVENT_LINE))
    verdicts = books.judge(2, columns, np.zeros(len(types), np.int64), int(Stage.SHIPPED)).verdicts
    assert np.flatnonzero(verdicts["result"] != layout.APPLIED).tolist() == [notes, len(types) - 2]
    assert verdicts["refusal"][[notes, -2]].tolist() == [layout.LIMIT] * 2
    assert int(books.of(0)["events"]) == layout.EVENTS_MAX


@pytest.mark.parametrize("total", [0, 1, (1 << 32) - 2, (1 << 32) - 1, 1 << 32, 1 << 50])
def test_totals_of_every_size_are_kept(total):
    pair = Pair()
    [row] = pair.open([_placed(3, total)])
    events = [
        Event(E.PAYMENT_AUTHORIZED, "a", payment="P"),
        Event(E.PAYMENT_CAPTURED, "c", payment="P"),
        Event(E.CANCEL, "x", lines=(Named("1", 1, 1),)),
        Event(E.PAYMENT_REFUNDED, "r", amount=-(-total // 3)),
    ]
    for event in events:
        pair.judge([(row, event)])
    order = pair.twin[row]
    assert order.due() == 0 and order.sum("captured") - order.sum("refunded") == order.owed() == total - -(-total // 3)


# --- digest ----------------------------------------------------------------------------------------


def test_the_largest_value_of_a_bundle_is_shared_out_exactly():
    """One bundle of 10,000 units that three nodes have parts of: twice its value times the rest is beyond 64 bits."""
    value = 900_000_000_000_000
    line = Line(BUNDLE, 1, value, [(0, node, qty) for node, qty in enumerate((1_000, 5_000, 4_000))])
    pair = Pair()
    [row] = pair.open([Placed(Status.ALLOCATED, PaymentState.UNPAID, value, 3, [line], {})])
    pair.judge([(row, Event(E.SHIP, "part", node=1)), (row, Event(E.LOSE, "lost", node=1))])
    pair.compare()


def _busy_books():
    """Books of one order that has something of everything."""
    books = Books(KEY, PrivateArena())
    lines = [Line(100, 3, 1_001, [(1, 0, 4), (2, 2, 2)], 1, key="L1"), Line(7, 5, 1_000, [(7, 1, 5)])]
    placed = Placed(Status.PARTIALLY_ALLOCATED, PaymentState.UNPAID, 1 << 33, 3, lines, {0: 20_001, 1: 20_002}, 77)
    books.open(1, opening([0], [placed]))
    events = [
        Event(E.PAYMENT_CAPTURED, "p", 5, payment="P1", amount=7),
        Event(E.PAYMENT_AUTHORIZED, "q", 5, payment="P2", amount=9),
        Event(E.WRITE_OFF, "w", 5, amount=3),
        Event(E.CREDIT, "k", 5, amount=2),
        Event(E.PICK, "pick", 5, lines=(Named("2", 2, 2),)),
        Event(E.SHIP, "ship", 5, lines=(Named("2", 2, 1),), tracking="T1"),
        Event(E.HOLD, "h", 5, hold="H1"),
    ]
    columns, rows = sent([(0, event) for event in events])
    verdicts = books.judge(2, columns, rows, int(Stage.SHIPPED)).verdicts
    assert (verdicts["result"] == layout.APPLIED).all()
    return books


def test_the_digest_sees_every_fact():
    books = _busy_books()
    memory, book = books._memory.rows, books.of(0)
    row_hi = np.array([5], np.uint64)
    before = books.state_hash(row_hi)
    extra, first = int(book["extra"]), int(book["first_position"])
    runs = {"first_position", "first_event", "extra", "positions", "events", "total"}
    cells = [(memory.books, int(books._memory.book_of_row[0]), name) for name in layout.BOOK.names if name not in runs]
    cells += [(memory.positions, first, name) for name in layout.POSITION.names]
    words = [extra + word for word in (layout.TOTAL, layout.CREDITED, layout.WRITTEN_OFF)]
    for run, size in (
        (layout.PAYMENTS, layout.PAYMENT_WORDS), (layout.SHIPMENTS, layout.SHIPMENT_WORDS), (layout.HOLDS, 1),
        (layout.PARTS, layout.PART_WORDS), (layout.LINE_KEYS, 1),
    ):  # fmt: skip
        count = int(memory.words[extra + run + 1])
        assert count, run
        words += [int(memory.words[extra + run]) + at for at in range(size * count)]
    words += [int(book["first_event"]) + at for at in range(int(book["events"]))]
    for array, at, name in [*cells, *((memory.words, word, None) for word in words)]:
        place = array[at : at + 1] if name is None else array[name][at : at + 1]
        was = place.copy()
        place += layout.ON_HOLD if name == "flags" else 1
        assert books.state_hash(row_hi) != before, (name, at)
        place[:] = was
    assert books.state_hash(row_hi) == before
    assert books.state_hash(np.array([6], np.uint64)) != before


def test_a_digest_does_not_know_which_memory_holds_the_books():
    """The same orders opened in another order, among others that are gone again."""
    rng = random.Random(3)
    placed = [an_order(rng) for _ in range(50)]
    columns, rows = sent(a_batch(rng, dict(enumerate(open_books(1, placed))), 200, 0, Stage.SHIPPED))
    row_hi = np.arange(1, 200, dtype=np.uint64)
    digests = []
    for is_crowded in (False, True):
        books = Books(KEY, PrivateArena())
        if is_crowded:
            others = [an_order(rng) for _ in range(90)]
            books.open(7, opening(range(100, 190), others))
            books.end(np.arange(100, 190, 3))
            books.end(np.arange(100, 190))
        books.open(1, opening(range(50), placed))
        books.judge(2, columns, rows, int(Stage.SHIPPED))
        digests.append(books.state_hash(row_hi))
    assert digests[0] == digests[1] != 0


def test_ids_of_events_are_kept_per_order():
    pair = Pair()
    rows = pair.open([_placed(), _placed()])
    same = Event(E.NOTE, "n", 5)
    verdicts = pair.judge(
        [(rows[0], same), (rows[1], same), (rows[0], same), (rows[1], dataclasses.replace(same, says=6))]
    )
    assert [verdict.result for verdict in verdicts] == ["applied", "applied", "repeated", "conflict"]
