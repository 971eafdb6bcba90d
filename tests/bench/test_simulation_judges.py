"""Each judge of the simulation can fail: a quiet schedule goes well, one thing is falsified, and its judge says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from bench.trials.simulation import judge_state, judge_units, twin, units
from bench.trials.simulation.checkpoints import Checkpoint, Checkpoints
from bench.trials.simulation.log import Store
from bench.trials.simulation.run import Run, run
from kernels.life import layout
from router.life.books import Books
from router.life.open_book import Payment
from router.log.kinds import Kind
from router.log.records import Record
from router.pipeline import ShardPath
from router.replay import Replay
from tests.labs.cells import columns
from tests.labs.simulated import quiet_plan

Falsify = Callable[[Run], None]
Logged = tuple[int, int, Record]


def violations(falsify: Falsify) -> list[str]:
    class Falsified(Run):
        def _judge(self) -> None:
            falsify(self)
            super()._judge()

    return Falsified(quiet_plan()).run().violations


# --- what is falsified ----------------------------------------------------------------------------


def reading(change: Callable[[Logged], list[Logged]], *names: str) -> Falsify:
    """The logs of these owners, with other records in the place of each."""

    def falsify(world: Run) -> None:
        for name in names:
            store = world.stores[name]
            records = [other for each in Store.iterate(store, 1) for other in change(each)]

            def iterate(first: int, chains: object = None, records: list[Logged] = records) -> Iterator[Logged]:
                return (each for each in records if each[0] >= first)

            store.iterate = iterate  # type: ignore[method-assign]

    return falsify


SHARDS = ("shard-0", "shard-1")


def without(*kinds: Kind) -> Callable[[Logged], list[Logged]]:
    return lambda each: [] if each[2].kind in kinds else [each]


def twice(*kinds: Kind) -> Callable[[Logged], list[Logged]]:
    return lambda each: [each, each] if each[2].kind in kinds else [each]


def more_stock_than_records_say(world: Run) -> None:
    world._owners()[1].engine.cells.put_available(*columns([(0, 0)]), np.ones(1, np.int64))


def another_version_than_the_log_says(world: Run) -> None:
    for shard in world._shards.values():
        index = shard.engine.index
        index.set_state(np.arange(1), index.state(np.arange(1)), index.version(np.arange(1)) + 1)


def a_checkpoint_of_something_else(world: Run) -> None:
    for number, shard in world._shards.items():
        kept = Checkpoints(world, world.shard_stores[number].where)
        arrays = shard.path.dump()
        arrays["index.state"] = arrays["index.state"] ^ 1
        kept.keep(shard.path.committed, shard.path.chains(), arrays)


def a_checkpoint_of_another_ledger(world: Run) -> None:
    ledger = world._owners()[1]
    ledger.engine.cells.put_available(*columns([(0, 0)]), np.ones(1, np.int64))
    kept = Checkpoints(world, world.ledger_store.where)
    kept.keep(ledger.path.sequence, world.ledger_store.chains_at(ledger.path.sequence), ledger.engine.snapshot())


def a_total_that_nobody_paid(world: Run) -> None:
    for shard in world._shards.values():
        shard.engine.books._memory.books["total"] += 1


def a_payment_that_nobody_made(world: Run) -> None:
    for shard in world._shards.values():
        for row in range(shard.engine.index.count):
            book = shard.engine.books.of(row)
            book["state"] ^= 3 << 5  # authorized for paid, and the other way round


def units_that_carry_too_much(world: Run) -> None:
    for shard in world._shards.values():
        shard.engine.books._memory.rows.positions["value_minor"] += 1


def a_place_where_no_order_is(world: Run) -> None:
    world.watch.told_orders[0].ack["row"] += 99


def another_total_than_told(world: Run) -> None:
    world.watch.told_orders[0].ack["total_minor"] += 1


def an_event_that_was_refused_after_all(world: Run) -> None:
    told = next(answer for answer in world.watch.told_events if answer.ack["result"] == layout.APPLIED)
    told.ack["result"] = layout.REFUSED


def a_follower_that_left_something_out(world: Run) -> None:
    next(iter(world.watch.acted.values())).pop()


def a_cursor_from_elsewhere(world: Run) -> None:
    world.kept_cursor = "0:99.0,1:99.0"


def documents_that_are_gone(world: Run) -> None:
    for store in world.shard_stores:
        store.document = lambda sequence, row: None  # type: ignore[method-assign]


def numbers_that_lead_nowhere(world: Run) -> None:
    world.ledger_store.find_run = lambda *_: None  # type: ignore[method-assign]


def numbers_taken_by_another(world: Run) -> None:
    for shard in world._shards.values():
        shard.engine.origins.known[:] = [one._replace(seller="else") for one in shard.engine.origins.known]


FALSIFIED: list[tuple[Falsify, str]] = [
    (more_stock_than_records_say, "available units are not what its records add up to"),
    (more_stock_than_records_say, "a replay of the ledger is not what the ledger knows"),
    (reading(without(Kind.STOCK), "ledger"), "available units of"),
    (reading(without(Kind.STOCK), "ledger"), "is not in the ledger's log"),
    (reading(without(Kind.MOVES), "ledger"), "the ledger moved Counter() for it"),
    (reading(without(Kind.EVENTS, Kind.EVENT_OUTCOMES), *SHARDS), "as allocated, in the cells lie"),
    (reading(without(Kind.EVENTS, Kind.EVENT_OUTCOMES), *SHARDS), "as allocated by their books, the ledger"),
    (reading(without(Kind.EVENTS, Kind.EVENT_OUTCOMES), *SHARDS), "was answered as applied with version"),
    (reading(without(Kind.GRANTED, Kind.GRANTED_OUTCOMES), *SHARDS), "took over the grants of ledger records []"),
    (reading(without(Kind.GRANTED, Kind.GRANTED_OUTCOMES), *SHARDS), "units, the ledger knows of"),
    (reading(without(Kind.DECISION), "ledger"), "has an outcome and no decision"),
    (reading(twice(Kind.DECISION), "ledger"), "the ledger answered batch"),
    (a_place_where_no_order_is, "where no order is"),
    (reading(without(Kind.EVENT_OUTCOMES), *SHARDS), "has a batch without an outcome"),
    (another_version_than_the_log_says, "is not what the shard knows"),
    (a_checkpoint_of_something_else, "and the records after it are not what its log says"),
    (a_checkpoint_of_another_ledger, "of the ledger and the records after it are not what its log says"),
    (a_total_that_nobody_paid, "due and its records say"),
    (a_payment_that_nobody_made, "captured and its records say"),
    (units_that_carry_too_much, "it costs"),
    (another_total_than_told, "was told total_minor"),
    (an_event_that_was_refused_after_all, "was refused after it had been applied"),
    (a_follower_that_left_something_out, "did not act on exactly what is stored"),
    (a_cursor_from_elsewhere, "is ahead of the log"),
    (documents_that_are_gone, "the document of"),
    (numbers_that_lead_nowhere, "which gave it"),
    (numbers_taken_by_another, "has numbers [('else', 1, 1)], the ledger gave [('', 1, 1)] for it"),
]  # fmt: skip


def test_a_quiet_schedule_meets_grants_amendments_and_payments_and_breaks_nothing() -> None:
    verdict = run(quiet_plan())
    assert not verdict.violations
    for what in ("ledger record that grants", "ledger record amends", "event payment_captured applied"):
        assert verdict.met[what], f"{what} never happened"


@pytest.mark.parametrize(("falsify", "says"), FALSIFIED)
def test_a_judge_says_what_was_falsified(falsify: Falsify, says: str) -> None:
    told = violations(falsify)
    assert any(says in sentence for sentence in told), told


def test_units_that_come_from_nowhere_are_out_of_balance(monkeypatch: pytest.MonkeyPatch) -> None:
    def counts_double(summed: twin.Twin, row: dict[str, int]) -> None:
        summed.received[row["sku"], row["node"]] += row["qty"]

    monkeypatch.setattr(twin.Twin, "_movement", counts_double)
    assert any("is out of balance" in sentence for sentence in run(quiet_plan()).violations)


def test_a_line_whose_units_do_not_sum_to_what_was_ordered_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    apply = units.OrderUnits.apply

    def loses_units(order: units.OrderUnits, outcome: dict[str, object]) -> Iterator[tuple[units.CellMove, int]]:
        yield from apply(order, outcome)
        order.places[next(iter(order.places))] -= 1

    monkeypatch.setattr(units.OrderUnits, "apply", loses_units)
    assert any("were ordered" in sentence for sentence in run(quiet_plan()).violations)


def test_grants_that_were_taken_over_in_part_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge_units, "_granted_to", lambda shard, record: [])
    assert any("takes others over than ledger record" in sentence for sentence in run(quiet_plan()).violations)


def test_an_order_that_is_shown_in_another_state_than_its_book_has_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    replayed = judge_state.replayed_shard

    def shown_otherwise(world: Run, number: int, kept: Checkpoint | None = None) -> tuple[ShardPath, Replay]:
        path, replay = replayed(world, number, kept)
        index = path.engine.index
        rows = np.arange(index.count)
        index.set_state(rows, index.state(rows) ^ 1, index.version(rows))
        return path, replay

    monkeypatch.setattr(judge_state, "replayed_shard", shown_otherwise)
    assert any("and its book says" in sentence for sentence in run(quiet_plan()).violations)


@pytest.mark.parametrize(
    ("payment", "says"),
    [(Payment(1, 0, 10, 5, 6), "gives 11 back of 10"), (Payment(1, -1), "has an amount below zero")],
)
def test_money_that_cannot_be_is_told(payment: Payment, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    look = Books.look
    monkeypatch.setattr(Books, "look", lambda books, row: replace(look(books, row), payments=[payment]))
    assert any(says in sentence for sentence in run(quiet_plan()).violations)
