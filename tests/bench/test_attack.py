"""The campaign of ``make attack`` on one running router, in the size of a test: it holds bounds, and sees them broken.

What is not about a running router is in tests/bench/test_attack_parts.py.
"""

from __future__ import annotations

import os
import pathlib
import signal
from collections.abc import Iterator, Sequence

import pytest

from bench.harness.processes import runs
from bench.harness.server import Server
from bench.harness.streaming import ARROW
from bench.trials.attack.arrow_bombs import behind_deltas, rows_of_no_width
from bench.trials.attack.attack import Attack, Body, Target, Told, arrow_orders, events, table
from bench.trials.attack.campaign import Bounds, Campaign
from bench.trials.attack.event_bombs import longest_notes
from bench.trials.attack.table_bombs import circles
from bench.trials.attack.watch import owners
from tests.labs.serve_fixture import until

pytestmark = pytest.mark.ray
# Others use the machine that tests run on; what a neighbour may wait is measured by `make attack`.
BOUNDS = Bounds(p99_ms_max=10_000.0)


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    folder: pathlib.Path = tmp_path_factory.mktemp("attack") / "data"
    with Server(1, folder) as server, Campaign(server, BOUNDS) as made:
        yield made


def test_small_hostile_bodies_break_no_bound(campaign: Campaign) -> None:
    attacks = [
        Attack("arrow", "deltas", lambda: [arrow_orders(behind_deltas(60, 20_000, 0))]),
        Attack("mixed", "refused ones", lambda: [events(rows_of_no_width(10**9), ARROW), table("skus", circles(50))]),
        Attack("events", "of an order that is unknown", lambda: [events(longest_notes(100_000, "nosuch"))]),
    ]
    deltas, refused, unknown = campaign.run(attacks)
    assert [row.breaches for row in (deltas, refused, unknown)] == [[], [], []]
    assert deltas.answered == {"allocated": 60} and deltas.disk_bytes > deltas.body_bytes
    assert refused.answered == {"400 stream_malformed": 1, "422 table_refused": 1} and refused.problem_bytes > 0
    assert set(unknown.answered) == {"refused"}
    assert all(row.neighbour.asked >= 25 and row.neighbour.statuses.keys() == {"200"} for row in (deltas, refused))


def test_a_bound_that_is_broken_is_told(campaign: Campaign) -> None:
    """Memory by what a body really takes, waiting by a bound below what anybody can wait."""
    campaign.bounds = Bounds(extra_mib_max=1.0, kept_mib_max=-10_000.0, p99_ms_max=0.001, problem_bytes_max=10)
    attack = Attack(
        "mixed",
        "a planted breach",
        lambda: [arrow_orders(behind_deltas(100, 200_000, 1_000)), table("skus", circles(50))],
    )
    (row,) = campaign.run([attack])
    campaign.bounds = BOUNDS
    words = ("more memory, at most", "were not given back", "the neighbour waited", "a refusal of")
    assert [any(word in breach for breach in row.breaches) for word in words] == [True] * 4
    assert row.extra_parts_mib["gateway"] > 1.0


def test_a_process_that_ended_is_told(campaign: Campaign) -> None:
    def kill(target: Target, _: Sequence[Body]) -> Told:
        (victim,) = (number for number, kind in owners(target.server).items() if kind == "streams")
        os.kill(victim, signal.SIGKILL)
        until(lambda: not runs(victim), "the gateway ends")
        return Told()

    (row,) = campaign.run([Attack("planted", "a gateway is killed", strike=kill)])
    assert "streams ended" in row.breaches
