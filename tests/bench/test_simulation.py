"""The simulation finds what it is there for: planted bugs are met within few seeds, the router has none of them."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from bench.trials.simulation import campaign, goods, outside, owners
from bench.trials.simulation.dice import Dice
from bench.trials.simulation.disk import PAGE_BYTES, Disk
from bench.trials.simulation.log import SimulatedLog
from bench.trials.simulation.plan import OWNERS, EventSent, Fault, Movement, OrderRow, Plan, Request, draw
from bench.trials.simulation.run import Verdict, run
from bench.trials.simulation.shrink import shrunk
from router.ledger.engine import LedgerEngine

FIRST_SEED = 700_000
SEEDS = 200  # of the router as it is
SEEDS_MAX = 400  # until a planted bug must have been met


def first_failure(seeds: Iterable[int], tells: str) -> Verdict:
    """The first schedule that fails with a sentence that holds ``tells``."""
    for seed in itertools.islice(seeds, SEEDS_MAX):
        verdict = run(draw(seed))
        if any(tells in sentence for sentence in verdict.violations):
            return verdict
    pytest.fail(f"the planted bug was not met in {SEEDS_MAX} schedules")


def quiet_plan(*faults: Fault) -> Plan:
    """Every kind of request, a network without a fault, and the faults given."""
    requests = (
        Request(0, (OrderRow(0, 0, (("S1", 2),), False), OrderRow(1, 1, (("S2", 4), ("S0", 1)), True))),
        Request(0, (EventSent(0, 0, "ship"), EventSent(1, 1, "cancel"))),
        Request(1, (Movement(0, "transfer", "S3", "BER", "HAM", 1), Movement(1, "damage", "S0", "MUC", None, 2))),
        Request(1, (OrderRow(2, 2, (("S?", 1),), False), OrderRow(3, 2, (("S3", 3),), False))),
        Request(1, (OrderRow(3, 2, (("S3", 3),), False),)),
    )
    return Plan(5, requests, faults, 0, 0, 0, 0)


# --- the router as it is --------------------------------------------------------------------------------


def test_schedules_of_faults_break_no_promise() -> None:
    failed = {seed: found for seed in range(FIRST_SEED, FIRST_SEED + SEEDS) if (found := campaign.failures_of(seed)[0])}
    assert not failed


def test_the_schedules_meet_every_kind_of_fault_and_end() -> None:
    met = sum((campaign.failures_of(seed)[1] for seed in range(FIRST_SEED, FIRST_SEED + 60)), start=campaign.Counter())
    for what in ("crash", "crash power", "blackout", "replaced", "stopped", "full", "flip", "cut", "clock"):
        assert met[what], f"{what} never happened"
    for what in ("ended by LogFenced", "ended by OSError", "damage met", "checkpoint"):
        assert met[what], f"{what} never happened"


@pytest.mark.parametrize("owner", OWNERS)
def test_an_owner_may_lose_its_power_at_any_of_its_steps(owner: str) -> None:
    steps = len([who for _, who, what, _ in run(quiet_plan()).trace if who.startswith(owner) and ": " in what])
    assert steps > 20
    for at in range(1, steps + 1):
        assert not run(quiet_plan(Fault("crash", owner, at, flavour="power"))).violations, f"step {at} of {owner}"


@pytest.mark.parametrize("owner", OWNERS)
def test_any_sync_may_fail_and_nothing_is_acknowledged_on_it(owner: str) -> None:
    failed = 0
    for at in itertools.count(1):
        verdict = run(quiet_plan(Fault("eio", owner, at)))
        assert not verdict.violations, f"sync {at} of {owner}"
        fenced = verdict.met["ended by LogFenced"] + verdict.met["ended by OSError"]
        if not fenced:
            break  # there was no such sync
        failed += 1
    assert failed > 4


def test_a_seed_is_the_whole_schedule_even_in_another_process() -> None:
    here = run(draw(7)).trace_hash
    assert here == run(draw(7)).trace_hash != run(draw(8)).trace_hash
    program = "from bench.trials.simulation import plan, run; print(run.run(plan.draw(7)).trace_hash)"
    told = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "77"},
    )
    assert int(told.stdout) == here


# --- planted bugs ------------------------------------------------------------------------------------------


class HastyLog(SimulatedLog):
    """Says that a record is on disk before it is."""

    def wait(self, ticket: int) -> None:
        pass


def test_acknowledging_before_the_sync_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "SimulatedLog", HastyLog)
    first_failure(itertools.count(), "a power cut would lose")


def test_checking_stock_without_taking_it_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def only_check(engine: LedgerEngine, shard: int, sequence: int, version: int, claims: Any, now_ms: int) -> Any:
        return engine.quote(version, claims, now_ms)

    monkeypatch.setattr(LedgerEngine, "decide", only_check)
    first_failure(itertools.count(), "takes")


def cursor_first(reader: outside.StreamReader, rows: list[dict[str, Any]], cursor: str) -> None:
    reader._world.kept_cursor = cursor
    reader._world.step("stream: cursor moved")
    reader._world.watch.acted_on(rows)


def seeds_with_a_crash_of_the_reader() -> Iterator[int]:
    return (s for s in itertools.count() if any(f.target == "stream-reader" for f in draw(s).faults))


def test_a_cursor_moved_before_the_work_is_done_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside.StreamReader, "act", cursor_first)
    first_failure(seeds_with_a_crash_of_the_reader(), "the stream went from version")


def test_answering_a_repeat_before_its_order_can_be_read_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners.Shard, "_may_repeat", lambda shard, pending: True)
    first_failure(itertools.count(), "a reader does not find it")


def test_a_failing_plan_is_shrunk_and_still_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "SimulatedLog", HastyLog)
    plan = first_failure(itertools.count(), "a power cut would lose").plan
    fails: Callable[[Plan], bool] = lambda smaller: not run(smaller).ok  # noqa: E731
    smallest = shrunk(plan, fails, runs_max=60)
    assert fails(smallest) and smallest.size < plan.size
    assert len(smallest.requests) == 1 and not smallest.faults


def test_a_failing_seed_says_how_to_replay_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(owners, "SimulatedLog", HastyLog)
    seed = str(first_failure(itertools.count(), "a power cut would lose").plan.seed)
    assert campaign.main(["--first", seed, "--seeds", "1"]) == 1
    assert f"python -m bench.trials.simulation --replay {seed}" in capsys.readouterr().out
    monkeypatch.setattr(campaign, "shrunk", lambda plan, fails: plan)  # shrinking has its own test
    assert campaign.main(["--replay", seed]) == 1
    told = capsys.readouterr().out
    assert "a power cut would lose" in told and "log: writing" in told and "OrderRow" in told


# --- the simulated disk ------------------------------------------------------------------------------------


def disk_after_cut(seed: int, pages: int = 64) -> list[bytes]:
    disk = Disk("disk", Dice(seed))
    for page in range(pages):
        disk.write(page, bytes([1]) * PAGE_BYTES)
    disk.sync()
    for page in range(pages):
        disk.write(page, bytes([2]) * PAGE_BYTES)
    assert disk.read(0, 1) == b"\x02" and disk.read(0, 1, stable=True) == b"\x01"
    disk.cut_power()
    return [disk.read(page * PAGE_BYTES, PAGE_BYTES) for page in range(pages)]


def test_a_power_cut_keeps_loses_and_tears_unsynced_pages_each_by_itself() -> None:
    pages = disk_after_cut(1)
    kept, lost = sum(set(page) == {2} for page in pages), sum(set(page) == {1} for page in pages)
    torn = [page for page in pages if set(page) == {1, 2}]
    assert kept and lost and torn and kept + lost + len(torn) == len(pages)
    assert all(page == bytes(sorted(page, reverse=True)) for page in torn), "a torn page is new up to a point"


def test_what_was_synced_survives_and_a_failed_sync_promises_nothing() -> None:
    disk = Disk("disk", Dice(3))
    disk.failing_syncs.add(1)
    for page in range(64):
        disk.write(page, bytes([9]) * PAGE_BYTES)
    with pytest.raises(OSError, match="failed to sync"):
        disk.sync()
    disk.sync()  # reports nothing: the pages count as clean, as on Linux
    stable = [disk.read(page * PAGE_BYTES, 1, stable=True) for page in range(64)]
    assert {b"\x00", b"\x09"} == set(stable)


def test_bits_that_turn_at_rest_are_found_and_nothing_is_served_from_them() -> None:
    for number in range(20):
        flips = [Fault("flip", owner, 100 + 5 * number, flavour=str(number)) for owner in OWNERS]
        verdict = run(quiet_plan(*flips, Fault("crash", OWNERS[number % 3], 40)))
        assert not verdict.violations and verdict.met["flip"] == len(OWNERS)


def test_plans_move_only_stock_and_orders_of_the_small_world() -> None:
    rows = [row for seed in range(200) for request in draw(seed).requests for row in request.rows]
    skus = {sku for row in rows if isinstance(row, OrderRow) for sku, _ in row.lines}
    assert skus == {*goods.SKUS, goods.UNKNOWN_SKU}
    assert {type(row) for row in rows} == {OrderRow, EventSent, Movement}
