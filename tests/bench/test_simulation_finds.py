"""Planted bugs: each is met within few schedules, and the test says in how many.

Most are looked for in the schedules of a campaign, counted from seed 0. Those that need several things at once are
looked for in variations of one plan that has them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from bench.trials.simulation import ledger as ledger_process
from bench.trials.simulation import outside
from bench.trials.simulation import shard as shard_process
from bench.trials.simulation.log import SimulatedLog
from bench.trials.simulation.plan import EventSent, Movement, OrderRow, Plan, Request
from kernels.life import layout
from router.ledger import path as ledger_path
from router.ledger.engine import LedgerEngine
from router.ledger.granted import Granted
from router.ledger.path import Answer, LedgerPath
from router.ledger.waiting import Waiting
from router.life.books import Books, Judged
from router.log.kinds import Kind
from router.pipeline import ShardPath
from router.ports import Question
from router.shard.asking import Asking
from router.shard.engine import ShardEngine
from router.shard.event_lane import EventLane
from router.shard.lanes import Begun
from router.shard.turns import ShardTurns
from tests.labs.simulated import first_failure, of_the_campaign, variations

Patch = pytest.MonkeyPatch
# --- durability -----------------------------------------------------------------------------------


class HastyLog(SimulatedLog):
    """Says that a record is on disk before it is."""

    def wait(self, ticket: int) -> None:
        pass


def acknowledge_before_the_sync(patch: Patch) -> None:
    for process in (shard_process, ledger_process):
        patch.setattr(process, "SimulatedLog", HastyLog)


def show_before_it_is_durable(patch: Patch) -> None:
    patch.setattr(ShardPath, "conclude", lambda path, begun: None)


def answer_a_repeat_before_its_order_can_be_read(patch: Patch) -> None:
    show = ShardTurns._show

    def hasty(turns: ShardTurns, begun: Begun) -> None:
        begun.waits_for = 0
        show(turns, begun)

    patch.setattr(ShardTurns, "_show", hasty)


def move_the_cursor_before_the_work_is_done(patch: Patch) -> None:
    def act(reader: outside.StreamReader, rows: list[dict[str, Any]], cursor: str) -> None:
        reader._world.kept_cursor = cursor
        reader._world.step("stream: cursor moved")
        reader._world.watch.acted_on(rows)

    patch.setattr(outside.StreamReader, "act", act)


# --- units ----------------------------------------------------------------------------------------


def check_stock_without_taking_it(patch: Patch) -> None:
    def only_check(engine: LedgerEngine, question: Question, claims: pa.RecordBatch) -> pa.RecordBatch:
        return engine.quote(question.tables_version, claims, question.now_ms)

    patch.setattr(LedgerEngine, "decide", only_check)


def move_units_again_when_asked_again(patch: Patch) -> None:
    """A shard that died between the ledger's record and its own asks once more."""
    move = LedgerPath.move

    def again(path: LedgerPath, question: Question, moves: pa.RecordBatch, given_back: pa.RecordBatch) -> Answer:
        if path._known(Kind.MOVES, question, [moves, given_back])[0] is None:
            return move(path, question, moves, given_back)
        grants = path.engine.move(question, moves, given_back, path.sequence + 1)
        return path._log_own(Kind.MOVES, [moves, given_back, grants], moves, question.now_ms)

    patch.setattr(LedgerPath, "move", again)


# --- events ---------------------------------------------------------------------------------------


def forget_the_ids_of_events_at_a_restart(patch: Patch) -> None:
    apply, numbers = Books.apply, itertools.count(1)

    def forgetful(
        books: Books, sequence: int, sent: layout.Sent, rows: Any, judged: Judged, first_row: int = 0
    ) -> None:
        events = sent.events.copy()
        events["event_key"] = [next(numbers) << 32 for _ in events]
        apply(books, sequence, layout.Sent(events, sent.lines), rows, judged, first_row)

    patch.setattr(Books, "apply", forgetful)


def begin_an_event_while_an_amendment_is_under_way(patch: Patch) -> None:
    prepare = Asking.prepare

    def careless(asking: Asking, *given: Any) -> None:
        prepare(asking, *given)
        asking._engine.books.free(asking._rows[asking._rows >= 0])

    patch.setattr(Asking, "prepare", careless)


def refuse_an_event_while_an_amendment_is_under_way(patch: Patch) -> None:
    patch.setattr(Books, "are_busy", lambda books, rows: np.zeros(len(rows), bool))


def let_a_book_go_that_an_unshown_batch_was_judged_on(patch: Patch) -> None:
    show = EventLane.show

    def hasty(lane: EventLane, begun: Begun) -> None:
        closed = begun.work.closed
        show(lane, begun)
        lane._engine.books.end(closed)

    patch.setattr(EventLane, "show", hasty)


# --- policies -------------------------------------------------------------------------------------


def judge_by_the_policy_of_the_start(patch: Patch) -> None:
    """Not by that of the tables which the record names: a restart comes with another."""

    def made(engine: ShardEngine, log: Any, ledger: Any, tables_of: Any, policy_of: Any) -> ShardPath:
        return ShardPath(engine, log, ledger, tables_of, lambda version: engine._config.policy)

    patch.setattr(shard_process, "ShardPath", made)


def believe_another_question(patch: Patch) -> None:
    judge_by_the_policy_of_the_start(patch)
    patch.setattr(ledger_path, "_refuse_another", lambda asked_by, same: None)


# --- grants ---------------------------------------------------------------------------------------


def forget_at_a_restart_which_grants_were_taken_over(patch: Patch) -> None:
    recover = ShardPath.recover

    def forgetful(path: ShardPath, from_sequence: int, chains: list[int] | None = None) -> int:
        replayed = recover(path, from_sequence, chains)
        path.grants.seen = 0
        return replayed

    patch.setattr(ShardPath, "recover", forgetful)


def grant_units_that_were_cancelled_meanwhile(patch: Patch) -> None:
    patch.setattr(Granted, "take_back", lambda granted, order, line, qty, seen: ([], 0))


def serve_the_newest_first(patch: Patch) -> None:
    queue = Waiting.queue
    patch.setattr(Waiting, "queue", lambda waiting, sku, tables: queue(waiting, sku, tables)[::-1].copy())


# --- schedules ------------------------------------------------------------------------------------


def crashes_the_reader(plan: Plan) -> bool:
    return any(fault.target == "stream-reader" for fault in plan.faults)


def orders(first: int, *skus: str, units: int = 2) -> tuple[OrderRow, ...]:
    """Of one line each; other customers, so that none is taken for a twin."""
    return tuple(OrderRow(number, number % 4, ((sku, units),), True) for number, sku in enumerate(skus, first))


def events(first: int, type: str, *orders: int) -> tuple[EventSent, ...]:
    fields = (("text", "a word"),) if type == "note" else ()
    return tuple(EventSent(first + at, order, type, (), fields) for at, order in enumerate(orders))


def receipts(first: int, count: int) -> Iterator[Request]:
    for number in range(first, first + count):
        yield Request(2, (Movement(number, "receipt", "S4", "BER", 1),))


SHARDS = ("shard-0", "shard-1")
SAME_ORDERS = [Request(client, orders(0, "S0", "S1")) for client in (0, 1, 2, 0, 1, 2)]
LATE_NOTES = [
    Request(0, orders(0, "S0", "S0")),
    Request(0, (*events(0, "ship", 0, 1), *events(10, "deliver", 0, 1), *events(20, "close", 0, 1))),
    *(Request(1 + at % 2, events(100 + 10 * at, "note", 0, 1)) for at in range(16)),
]
PACKED = [
    Request(0, orders(0, *["S0"] * 8)),
    Request(0, (*events(0, "pack", 0, 1, 2, 3), *events(10, "cancel", 4, 5, 6, 7))),
]
WAITING = [Request(client, orders(4 * client, *["S4"] * 4)) for client in (0, 1)]
CANCELLED = [*WAITING, *receipts(0, 12), *(Request(n // 4, events(10 * n, "cancel", n)) for n in range(8))]

Plant = Callable[[Patch], None]
PLANTED: dict[Plant, tuple[Iterable[Plan], str, int]] = {  # schedules, what a violation tells, schedules at most
    acknowledge_before_the_sync: (of_the_campaign(), "a power cut would lose", 20),
    show_before_it_is_durable: (of_the_campaign(), "a power cut would lose", 20),
    check_stock_without_taking_it: (of_the_campaign(), "takes", 20),
    move_the_cursor_before_the_work_is_done: (
        of_the_campaign(crashes_the_reader), "the stream went from version", 100
    ),
    answer_a_repeat_before_its_order_can_be_read: (variations(*SAME_ORDERS), "a reader does not find it", 100),
    move_units_again_when_asked_again: (of_the_campaign(), "ledger", 100),
    forget_the_ids_of_events_at_a_restart: (of_the_campaign(), "was applied 2 times", 100),
    begin_an_event_while_an_amendment_is_under_way: (of_the_campaign(), "in two ways", 100),
    refuse_an_event_while_an_amendment_is_under_way: (of_the_campaign(), "an amendment under way", 100),
    let_a_book_go_that_an_unshown_batch_was_judged_on: (variations(*LATE_NOTES), "in two ways", 100),
    judge_by_the_policy_of_the_start: (variations(*PACKED, crashing=SHARDS), "ChangedQuestion", 100),
    believe_another_question: (variations(*PACKED, crashing=SHARDS), "the ledger moved", 100),
    forget_at_a_restart_which_grants_were_taken_over: (of_the_campaign(), "took over the grants", 100),
    grant_units_that_were_cancelled_meanwhile: (variations(*CANCELLED), "by their books, the ledger", 100),
    serve_the_newest_first: (of_the_campaign(), "has waited for before it", 100),
}  # fmt: skip


@pytest.mark.soak
@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_met(
    plant: Plant, monkeypatch: Patch, record_property: Callable[[str, object], None]
) -> None:  # fmt: skip
    plans, tells, schedules_max = PLANTED[plant]
    plant(monkeypatch)
    count, verdict = first_failure(plans, tells, schedules_max)
    record_property("schedules", count)
    print(f"met in schedule {count}: {verdict.violations[0]}")
