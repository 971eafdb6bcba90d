"""Real faults on one running router, in the size of a test; ``make chaos`` runs all of them for longer.

The tests of this file strike one after the other and the last one asks whether every promise was kept. What is not
about a running router is in tests/bench/test_chaos_parts.py.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from bench.trials.chaos import cheats, hostile, pauses, shim
from bench.trials.chaos.kills import Killings
from bench.trials.chaos.router import ChaosRouter
from bench.trials.chaos.shim import Shim
from bench.trials.chaos.world import World

pytestmark = pytest.mark.ray
ORDERS = 4_000  # stock for so many: some SKUs run short
KILLED = ["shard", "ledger", "streams", "front", "gcs", "serve", "everything"]
BEYOND_A_START_S_MAX = 30.0  # half a minute more than any of them needs


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shim | None]:
    if shim.missing():
        yield None
        return
    with Shim(tmp_path_factory.mktemp("shim")) as made:
        yield made


@pytest.fixture(scope="module")
def world(faults: Shim | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: pathlib.Path = tmp_path_factory.mktemp("chaos") / "data"
    with World(ChaosRouter(2, folder, variables=faults.variables if faults else None), ORDERS) as made:
        yield made


def test_the_router_comes_back_by_itself_after_a_kill_of_each_kind(world: World) -> None:
    """Measured by what a start takes here and now: whoever kills all of it starts all of it, on a busy machine, too."""
    killings, first_s = Killings(world), world.router.ready_after_s
    killings.run(KILLED)
    told = killings.figures()
    assert told["kills"] == {kind: 1 for kind in KILLED}
    most_s = 1.5 * max(first_s, world.router.ready_after_s) + BEYOND_A_START_S_MAX
    assert all(took["max"] < most_s for took in told["recovery_s"].values()), (most_s, told)


def test_a_failed_sync_ends_its_process_without_another_try(world: World, faults: Shim | None) -> None:
    if faults is None:
        pytest.skip(shim.missing())
    assert cheats.failing_syncs(world, faults, times=1)["failed_syncs"] == 1
    assert faults["failed_count"] == 1 and faults["syncs_after_failure"] == 0


def test_nothing_is_acknowledged_while_no_sync_succeeds_and_owners_that_could_not_start_are_started_again(
    world: World, faults: Shim | None
) -> None:
    if faults is None:
        pytest.skip(shim.missing())
    before = faults["failed_count"]
    told = cheats.broken_disk(world, faults, seconds=2.5)
    assert faults["failed_count"] > before and told["recovery_s"] < 30
    assert world.promises.violations == []


def test_orders_go_on_while_the_wall_clock_jumps_by_hours(world: World, faults: Shim | None) -> None:
    if faults is None:
        pytest.skip(shim.missing())
    assert max(cheats.clock_jumps(world, faults)["moved_within_s"]) < 5
    assert world.promises.violations == []


def test_owners_and_gateways_that_stood_still_go_on(world: World) -> None:
    pauses.pauses(world, {"shard": 0.5, "ledger": 0.5, "streams": 0.5})
    assert world.promises.violations == []


def test_orders_go_on_beside_clients_that_drip(world: World) -> None:
    counts = {"head": 150, "body": 50, "stream": 8, "silent": 50}
    with hostile.drips(world.router.address, world.router.key, counts) as opened:
        assert world.moves() < 2
    assert opened[0] >= 250


def test_at_the_end_every_promise_was_kept(world: World) -> None:
    verdict = world.verdict()
    assert verdict["violations"] == []
    assert (verdict["lost"], verdict["duplicated"], verdict["changed"], verdict["oversold"]) == (0, 0, 0, 0)
    assert verdict["verify_ok"] and verdict["recovered"] == verdict["acknowledged"] > 0
    assert verdict["events_applied"] > 0
    assert verdict["streams_cut"] >= 2, "the kills of streams and serve met no stream under way"
