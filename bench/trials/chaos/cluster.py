"""Several raylets on one machine, one of them killed: what ran there is started elsewhere and recovers from its log."""

from __future__ import annotations

import os
import time
from typing import Any

from actors.process.environment import prepare
from bench.harness.processes import title_of, tree_of
from bench.harness.server import ServerFailed
from bench.trials.chaos.router import TITLES, ChaosRouter
from bench.trials.chaos.world import World, say

NODES = 3
ORDERS = 20_000
OBJECT_STORE_BYTES = 128 << 20


class LocalCluster:
    """A Ray of several nodes on this machine; ``address`` is for ``serve --ray-address``."""

    def __enter__(self) -> LocalCluster:
        prepare()  # before Ray is imported
        from ray.cluster_utils import Cluster

        one: dict[str, Any] = {"num_cpus": 1, "object_store_memory": OBJECT_STORE_BYTES}
        self._cluster: Any = Cluster(initialize_head=True, head_node_args={**one, "include_dashboard": False})
        self._others = [self._cluster.add_node(**one) for _ in range(NODES - 1)]
        self.address: str = self._cluster.address
        return self

    def __exit__(self, *_: object) -> None:
        self._cluster.shutdown()

    def raylets(self) -> list[int]:
        """Without the head's, which ``serve`` and its gateways are connected to."""
        return [raylet.pid for raylet in self._raylets()]

    def kill(self, number: int) -> None:
        """kill -9 of a raylet, down to its entry in the process table: a raylet that nobody waited for is still there
        for the workers that look whether it lives, and they would go on owning their folders.
        """
        (raylet,) = (raylet for raylet in self._raylets() if raylet.pid == number)
        raylet.kill()
        raylet.wait()

    def _raylets(self) -> list[Any]:
        return [process.process for node in self._others for process in node.all_processes.get("raylet", [])]


class RouterOnCluster(ChaosRouter):
    """Its actors are children of the raylets, which this process has started."""

    def __init__(self, cluster: LocalCluster, shards: int = 2) -> None:
        super().__init__(shards, options=["--ray-address", cluster.address])

    def pids_of(self, kind: str) -> list[int]:
        return [number for number in tree_of(os.getpid()) if TITLES[kind] in title_of(number)]


def lost_node(seed: int = 1) -> dict[str, Any]:
    """kill -9 of a raylet that runs a shard or the ledger, under load."""
    with LocalCluster() as cluster, World(RouterOnCluster(cluster), ORDERS, seed) as world:
        places = _places(world, cluster.raylets())
        raylet = max(places, key=lambda number: len(places[number]))
        lost = places[raylet]
        if not lost:
            raise ServerFailed("all owners run on the head's node; there is none to lose")
        before, began_s = len(_owners(world)), time.monotonic()
        cluster.kill(raylet)
        world.until(
            lambda: _are_elsewhere(world, set(lost.values()), before) and world.router.is_ready(),
            f"{', '.join(lost)} run on another node",
        )
        world.moves()
        took_s = time.monotonic() - began_s
        say(f"the node of {', '.join(lost)} was lost, orders moved again after {took_s:.1f} s")
        return {"owners_lost": sorted(lost), "recovery_s": round(took_s, 1), **world.verdict()}


def _owners(world: World) -> dict[str, int]:
    return {
        f"{kind} {number}": number for kind in ("shard", "ledger", "tables") for number in world.router.pids_of(kind)
    }


def _are_elsewhere(world: World, lost: set[int], count: int) -> bool:
    now = set(_owners(world).values())
    return len(now) >= count and not lost & now


def _places(world: World, raylets: list[int]) -> dict[int, dict[str, int]]:
    """Owners by the raylet that they are children of."""
    below = {raylet: set(tree_of(raylet)) for raylet in raylets}
    owners = _owners(world)
    return {
        raylet: {name: number for name, number in owners.items() if number in tree} for raylet, tree in below.items()
    }
