"""How does this router compare with PostgreSQL, Redis and a plain service doing the same job durably?

One run, one machine, one after the other: every peer is started on a folder of its own, loaded with the same tables,
warmed up with other orders (as many as this router), loaded anew, and given the same orders from the first on; those
that answer one order at a time get a part of them. Each result is checked whole (job.check) before it counts. A peer
that cannot run is left out with a reason. Client and peer share the machine.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from bench.harness import report as _harness
from bench.harness.workload import Workload
from bench.peers import router_peer
from bench.peers.job import Outcome, PeerAbsent, check
from bench.peers.postgres import Postgres
from bench.peers.redis_peer import Redis
from bench.peers.shop import Orders, Shop, make_shop, read_orders
from bench.peers.sqlite_peer import SqliteService
from bench.speed import stream

ONE_BY_ONE_PART = 20  # of all orders the first 1/20
# (ours, theirs): times as many orders a second
GOALS = {
    ("router_ndjson", "postgresql_batched"): 40,
    ("router_arrow", "postgresql_batched"): 100,
    ("router_ndjson", "redis_pipelined"): 10,
    ("router_arrow", "redis_pipelined"): 40,
}
# Like with like, one order a request; no goal is set for these.
FURTHER_RATIOS = (
    ("router_one_by_one", "postgresql_one_by_one"),
    ("router_one_by_one", "redis_one_by_one"),
    ("router_one_by_one", "sqlite_over_http"),
)


class Way(NamedTuple):
    """One way of bringing orders to a peer."""

    name: str
    run: Callable[[Any, Orders], Outcome]
    part: int  # 1: all orders, n: the first 1/n


PEERS: dict[str, tuple[Callable[[], Any], tuple[Way, ...]]] = {
    "postgresql": (
        Postgres,
        (
            Way("postgresql_one_by_one", Postgres.one_by_one, ONE_BY_ONE_PART),
            Way("postgresql_batched", Postgres.batched, 1),
        ),
    ),
    "redis": (
        Redis,
        (Way("redis_one_by_one", Redis.one_by_one, ONE_BY_ONE_PART), Way("redis_pipelined", Redis.pipelined, 1)),
    ),
    "sqlite": (SqliteService, (Way("sqlite_over_http", SqliteService.one_by_one, ONE_BY_ONE_PART),)),
}


def run(count: int, shards: int = 1) -> dict[str, Any]:
    conditions, workload = _harness.conditions(), Workload()
    warm_up = min(count, stream.WARM_UP_ORDERS)
    load = router_peer.Load(orders=count, warm_up=warm_up, singles=max(1, count // ONE_BY_ONE_PART), shards=shards)
    shop = make_shop(workload, load.planned)
    orders, others = read_orders(workload, count, load.first), read_orders(workload, warm_up)
    rows: dict[str, dict[str, Any]] = {}
    skipped: dict[str, str] = {}
    versions: dict[str, str] = {}
    for name, (peer, ways) in PEERS.items():
        try:
            rows |= _measure(peer, ways, shop, orders, others, versions)
        except PeerAbsent as reason:
            skipped[name] = str(reason)
    print("measuring the router", file=sys.stderr)
    rows |= router_peer.measure(workload, shop, load)
    return {
        "bench": "peers everyday",
        "orders": count,
        **rows,
        "ratio": _ratios(rows),
        "goal": {_versus(pair): goal for pair, goal in GOALS.items()},
        "skipped": skipped,
        "versions": versions,
        "shards": shards,
        "conditions": conditions,
    }


def _measure(
    peer: Callable[[], Any],
    ways: tuple[Way, ...],
    shop: Shop,
    orders: Orders,
    others: Orders,
    versions: dict[str, str],
) -> dict[str, dict[str, Any]]:
    rows = {}
    with peer() as running:
        for way in ways:
            print(f"measuring {way.name}", file=sys.stderr)
            given, before = (every.first(max(1, len(every) // way.part)) for every in (orders, others))
            running.load(shop)
            way.run(running, before)
            running.load(shop)
            outcome = way.run(running, given)
            rates: dict[str, Any] = {
                "orders": len(given),
                "orders_per_s": round(len(given) / outcome.elapsed_s),
                **_harness.percentiles_ms(outcome.waited_ms),
            }
            rows[way.name] = rates | check(shop, given, outcome, running.audit())
            versions[way.name.partition("_")[0]] = running.version
    return rows


def _ratios(rows: dict[str, dict[str, Any]]) -> dict[str, float]:
    return {
        _versus(pair): round(rows[pair[0]]["orders_per_s"] / rows[pair[1]]["orders_per_s"], 2)
        for pair in (*GOALS, *FURTHER_RATIOS)
        if pair[1] in rows
    }


def _versus(pair: tuple[str, str]) -> str:
    return f"{pair[0]} : {pair[1]}"
