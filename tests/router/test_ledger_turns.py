"""The ledger's turns, taken by threads and by the simulation's tasks: tables, disk, order of publishing, who waits."""

from __future__ import annotations

import threading
import time

import pytest

from bench.trials.simulation.scheduler import Process, Scheduler
from bench.trials.simulation.turns import TaskTurn
from router.arrow.arena import PrivateArena
from router.config import Policy
from router.ledger.engine import TABLES_KEPT, LedgerEngine
from router.ledger.path import LedgerPath
from router.ledger.turns import Alone, LedgerTurns, NoCheckpoints
from router.log.memory import MemoryLog
from tests.labs.ledger_cases import build_tables, claims, movement, movements, node, order, question, sku, world

ONE = world([sku()], [node()])
ORDERS = claims([order([(0, 2)])])


class SlowLog(MemoryLog):
    """The disk takes its time, as long as the test says."""

    def __init__(self, wait=lambda ticket: None):
        super().__init__(part_count=1)
        self._wait = wait

    def wait(self, ticket):
        self._wait(ticket)
        super().wait(ticket)


def turns_of(log, turn, checkpoints=None, tables_of=lambda version: build_tables(ONE, version)):
    engine = LedgerEngine(Policy(), PrivateArena())
    turns = LedgerTurns(LedgerPath(engine, log), log, tables_of, turn, checkpoints or NoCheckpoints())
    turns.recover(1)
    return turns


def test_tables_that_are_not_known_are_loaded_and_the_question_asked_again():
    loaded = []

    def tables_of(version):
        loaded.append(version)
        return build_tables(ONE, version)

    turns = turns_of(SlowLog(), Alone(), tables_of=tables_of)
    for version in range(1, TABLES_KEPT + 3):
        turns.decide(question(0, version, version), ORDERS)
    turns.decide(question(0, 99, 1), ORDERS)
    turns.quote(2, ORDERS, 0)
    assert loaded == [*range(1, TABLES_KEPT + 3), 1, 2]


def test_threads_wait_for_grants_and_are_woken_by_them_when_they_are_on_disk():
    on_disk = threading.Event()
    turns = turns_of(SlowLog(lambda ticket: ticket < 2 or on_disk.wait(5)), threading.Condition())
    turns.decide(question(3, 1), ORDERS)
    heard = []
    waiter = threading.Thread(target=lambda: heard.append(turns.grants(3, 1, 0, 5_000)))
    waiter.start()
    stocker = threading.Thread(target=lambda: turns.stock(movements([movement(1, 0, 0, 0, 1)]), 0))
    stocker.start()
    time.sleep(0.05)
    assert not heard and turns.grants(3, 1, 0, 0) == (0, turns.grants(3, 1, 0, 0)[1])
    on_disk.set()
    began = time.monotonic()
    waiter.join(20)
    stocker.join(20)
    assert time.monotonic() - began < 2.5, "woken, not timed out"
    record, grants = heard[0]
    assert record == 2 and grants.column("qty").to_pylist() == [1]
    began = time.monotonic()
    assert turns.grants(3, 1, 2, 30)[0] == 2 and time.monotonic() - began >= 0.03


def test_many_threads_are_answered_once_each():
    turns = turns_of(SlowLog(lambda ticket: time.sleep(0.001)), threading.Condition())
    turns.stock(movements([movement(1, 0, 0, 0, 60)]), 0)
    told = []

    def ask(shard):
        for sequence in range(1, 21):
            told.append(turns.decide(question(shard, sequence), claims([order([(0, 1)])])).to_pylist()[0]["status"])

    threads = [threading.Thread(target=ask, args=(shard,)) for shard in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(told) == [0] * 60 + [2] * 20
    assert turns.path.all_settled and turns.path.engine.totals()["available"] == 0


class Kept:
    """Checkpoints that are due as the test says."""

    def __init__(self):
        self.kept, self.is_due = [], False

    def due(self):
        return self.is_due

    def keep(self, sequence, chains, arrays):
        self.kept.append((sequence, chains, arrays))


def test_a_checkpoint_is_kept_when_everything_is_settled_and_a_start_goes_on_from_it():
    log, kept = SlowLog(), Kept()
    turns = turns_of(log, Alone(), kept)
    turns.decide(question(0, 1), ORDERS)
    kept.is_due = True
    turns.stock(movements([movement(1, 0, 0, 0, 1)]), 0)
    kept.is_due = False
    turns.decide(question(0, 2), ORDERS)
    ((sequence, chains, arrays),) = kept.kept
    assert sequence == 2
    again = turns_of(MemoryLog(part_count=1), Alone())
    again.path = LedgerPath(LedgerEngine(Policy(), PrivateArena()), log)
    again.path.engine.restore(arrays)
    assert again.recover(sequence + 1, chains) == 1
    assert again.path.engine.state_hash() == turns.path.engine.state_hash()
    assert again.grants(0, 1, 0, 0)[0] == 2


def test_tasks_take_turns_like_threads():
    """One has the turn at a time; who waits for something lets others have it; a timeout ends the wait."""
    seen = []

    def first(scheduler):
        with turn[0]:
            seen.append("first waits")
            assert turn[0].wait_for(lambda: "second" in seen)
            seen.append("first goes on")
            assert not turn[0].wait_for(lambda: False, 0.05)
            seen.append(scheduler.now_ms)

    def second(scheduler):
        scheduler.sleep(7)
        with turn[0]:
            scheduler.sleep(20)  # still its turn
            seen.append("second")
            turn[0].notify_all()

    def third(scheduler):
        scheduler.sleep(10)
        with turn[0]:
            seen.append("third")

    turn = []
    scheduler = Scheduler()
    turn.append(TaskTurn(scheduler, lambda: scheduler.sleep(1)))
    process = Process(scheduler, "ledger", 1)
    for work in (first, second, third):
        process.spawn(lambda work=work: work(scheduler))
    scheduler.run(lambda: False, 10_000)
    assert seen[:2] == ["first waits", "second"] and seen[2:4] in (
        ["first goes on", "third"], ["third", "first goes on"]
    ) and seen[4] == 77  # fmt: skip


def test_tasks_are_answered_by_the_same_turns():
    scheduler = Scheduler()
    process = Process(scheduler, "ledger", 1)
    log = SlowLog(lambda ticket: scheduler.sleep(5))
    turns = turns_of(log, TaskTurn(scheduler, lambda: scheduler.sleep(1)))
    heard = []

    def shard():
        turns.decide(question(1, 1), ORDERS)
        heard.append(turns.grants(1, 1, 0, 500)[0])

    def stock():
        scheduler.sleep(100)
        turns.stock(movements([movement(1, 0, 0, 0, 1)]), 0)

    for work in (shard, stock):
        process.spawn(work)
    scheduler.run(lambda: bool(heard), 1_000)
    assert heard == [2] and 105 <= scheduler.now_ms <= 115


@pytest.mark.parametrize("turn", [Alone(), threading.Condition()])
def test_a_question_that_is_refused_leaves_the_turn_to_others(turn):
    turns = turns_of(SlowLog(), turn)
    turns.decide(question(0, 1, epoch=2), ORDERS)
    with pytest.raises(Exception, match="was replaced by epoch 2"):
        turns.decide(question(0, 2, epoch=1), ORDERS)
    with pytest.raises(Exception, match="was replaced by epoch 2"):  # not: the end of its log is missing
        turns.grants(0, 1, 0, 0)
    turns.decide(question(0, 2, epoch=2), ORDERS)
