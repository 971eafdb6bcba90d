"""The router keeps its promises in simulated schedules; and the parts of the simulation by themselves.

That it would find a bug stands in test_simulation_finds.py, that each judge can fail in test_simulation_judges.py.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable

import pytest

from bench.trials.simulation import campaign, goods
from bench.trials.simulation.dice import Dice
from bench.trials.simulation.disk import PAGE_BYTES, Disk
from bench.trials.simulation.draw import draw
from bench.trials.simulation.plan import OWNERS, EventSent, Fault, Movement, OrderRow, Plan
from bench.trials.simulation.run import run
from bench.trials.simulation.shrink import shrunk
from router.pipeline import ShardPath
from tests.labs.simulated import first_failure, of_the_campaign, quiet_plan

SEEDS = range(700_060, 700_120)


@pytest.fixture(scope="module")
def schedules() -> dict[int, tuple[list[str], Counter[str]]]:
    """By seed what a schedule broke, and what it came across."""
    return {seed: campaign.failures_of(seed) for seed in SEEDS}


# --- the router as it is --------------------------------------------------------------------------------


def test_schedules_of_faults_break_no_promise(schedules: dict[int, tuple[list[str], Counter[str]]]) -> None:
    assert not {seed: violations for seed, (violations, _) in schedules.items() if violations}


def test_the_schedules_meet_every_kind_of_fault_and_end(schedules: dict[int, tuple[list[str], Counter[str]]]) -> None:
    met = sum((met for _, met in schedules.values()), start=Counter[str]())
    for what in ("crash", "crash power", "blackout", "replaced", "stopped", "full", "flip", "cut", "clock"):
        assert met[what], f"{what} never happened"
    for what in ("ended by LogFenced", "ended by OSError", "damage met", "checkpoint"):
        assert met[what], f"{what} never happened"
    for what in ("ledger record that grants", "ledger record amends", "event move applied", "event reverse applied"):
        assert met[what], f"{what} never happened"


@pytest.mark.parametrize("owner", OWNERS)
def test_an_owner_may_lose_its_power_at_any_of_its_steps(owner: str) -> None:
    """At every third, with the other seeds of a campaign beside it."""
    steps = len([who for _, who, what, _ in run(quiet_plan()).trace if who.startswith(owner) and ": " in what])
    assert steps > 60
    for at in range(1, steps + 1, 3):
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
    program = "from bench.trials.simulation import draw, run; print(run.run(draw.draw(7)).trace_hash)"
    told = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "77"},
    )
    assert int(told.stdout) == here


# --- a failure and its replay ----------------------------------------------------------------------------


def fail_soon(monkeypatch: pytest.MonkeyPatch) -> Plan:
    """Plant a bug; the first plan that meets it."""
    monkeypatch.setattr(ShardPath, "conclude", lambda path, begun: None)
    return first_failure(of_the_campaign(), "a power cut would lose", 20)[1].plan


def test_a_failing_plan_is_shrunk_and_still_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = fail_soon(monkeypatch)
    fails: Callable[[Plan], bool] = lambda smaller: not run(smaller).ok  # noqa: E731
    smallest = shrunk(plan, fails, runs_max=60)
    assert fails(smallest) and smallest.size < plan.size
    assert len(smallest.requests) == 1 and not smallest.faults


def test_a_failing_seed_says_how_to_replay_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = str(fail_soon(monkeypatch).seed)
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
    assert skus == {*goods.SKUS, goods.BUNDLE, goods.UNKNOWN_SKU}
    assert {type(row) for row in rows} == {OrderRow, EventSent, Movement}
