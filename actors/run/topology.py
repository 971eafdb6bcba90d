"""The processes and who talks to whom.

                       ┌───────────────── serve (supervisor) ─────────────────┐
                       │ starts Ray or joins one, starts and restarts all      │
                       ▼                                                       ▼
    client ──HTTP──▶ gateway ──batches (object references)──▶ shard-0 … shard-n ──claims──▶ ledger
                       │  ▲                                        │ LMDB                     │ LMDB
                       │  └── reads: mapped index, cells, log ◀────┴──────────────────────────┘
                       └── PUT tables, POST stock ──▶ tables ──new version──▶ ledger, then shards

Shards, ledger and tables are named, detached Ray actors, restarted without limit; each recovers from its log
before it answers. A single shard and the ledger share one actor's process. Gateways are plain processes that join Ray
as clients, in pairs: one listens, the other takes order streams. No fact lives in Ray.
"""

from __future__ import annotations

from typing import Any

import msgspec
import ray
from ray._private.ray_constants import PROCESS_TYPE_GCS_SERVER, PROCESS_TYPE_RAYLET

from actors.owners.calls import answers_of
from actors.owners.ledger_actor import Ledger
from actors.owners.order_shard import OrderShard
from actors.owners.seams import EngineStatus
from actors.owners.stubs import Owners
from actors.owners.tables_actor import TablesOwner
from actors.process.environment import QUIET
from actors.process.names import LEDGER, TABLES, engine_names, host_of, shard_name
from actors.store.data_folder import DataFolder
from router.config import Config

READY_TIMEOUT_S = 600.0
_VITAL = (PROCESS_TYPE_GCS_SERVER, PROCESS_TYPE_RAYLET)
_ALWAYS = {"lifetime": "detached", "max_restarts": -1, "max_task_retries": 0, "num_cpus": 0}


def start_ray(config: Config, namespace: str, address: str | None) -> None:
    """Start a Ray of our own on loopback, or join the one at ``address``."""
    common: dict[str, Any] = {"namespace": namespace, "log_to_driver": False, "logging_level": "warning"}
    if address:
        ray.init(address=address, runtime_env={"env_vars": QUIET}, **common)
        return
    ray.init(
        address="local",  # whatever Ray else runs on this machine, or RAY_ADDRESS names, is not ours
        include_dashboard=False,
        object_store_memory=config.object_store_bytes,
        _node_ip_address="127.0.0.1",
        **common,
    )


def ray_has_ended() -> bool:
    """Whether a part that our own Ray cannot be without is dead; a Ray that we joined is its owner's to watch."""
    node = ray._private.worker._global_node
    return node is not None and any(kind in _VITAL for kind, _ in node.dead_processes())


def kill_ray() -> None:
    """End the processes of our own Ray by signal: it answers nobody any more; a Ray that we joined has none here."""
    node = ray._private.worker._global_node
    if node is not None:
        node.kill_all_processes(check_alive=False, allow_graceful=False, wait=True)


def start_actors(data: DataFolder, config: Config) -> None:
    """Create tables, ledger and shards where they are not there yet, and wait until each has recovered."""
    create_owners(data, config)
    statuses(data, config, READY_TIMEOUT_S)
    _create(TablesOwner, TABLES, data, 1, _placement()).remote(str(data.path), msgspec.json.encode(config))
    Owners(data.namespace, config.shards).tables.ready().get(READY_TIMEOUT_S)


def create_owners(data: DataFolder, config: Config) -> None:
    """Create ledger and shards where they are not there; what they do first is to recover."""
    raw = msgspec.json.encode(config)
    # As many threads as batches may be under way (a gateway has a partner for streams), some for questions about state.
    threads = config.limits.in_flight_batches_max * config.gateways * 2 + 8
    placement = _placement()
    ledger_threads = threads * config.shards
    if host_of(LEDGER, config.shards) == LEDGER:
        _create(Ledger, LEDGER, data, ledger_threads, placement).remote(str(data.path), raw)
    for number in range(config.shards):
        _create(OrderShard, shard_name(number), data, threads, placement).remote(str(data.path), number, raw)


def _placement() -> str:
    return "SPREAD" if len(ray.nodes()) > 1 else "DEFAULT"  # type: ignore[no-untyped-call]


def _create(role: type, name: str, data: DataFolder, threads: int, placement: str) -> Any:
    return ray.remote(role).options(
        name=name,
        namespace=data.namespace,
        get_if_exists=True,
        max_concurrency=threads,
        scheduling_strategy=placement,
        **_ALWAYS,
    )


def actor(data: DataFolder, name: str) -> Any:
    """Handle of a running actor; ValueError while it does not exist."""
    return ray.get_actor(name, namespace=data.namespace)


def statuses(data: DataFolder, config: Config, timeout_s: float) -> dict[str, EngineStatus]:
    """``status()`` of ledger and shards; raises Unanswered while one of them does not answer."""
    engines = Owners(data.namespace, config.shards).engines
    answers = answers_of([engine.status() for engine in engines], timeout_s)
    return {engine.name: status for engine, status in zip(engines, answers, strict=True)}


def stop_actors(data: DataFolder, config: Config, timeout_s: float) -> None:
    """Drain shards, then the ledger they depend on, then end all actor processes."""
    owners = Owners(data.namespace, config.shards)
    answers_of([shard.drain() for shard in owners.shards], timeout_s)
    owners.ledger.drain().get(timeout_s)
    for name in {host_of(name, config.shards) for name in engine_names(config.shards)} | {TABLES}:
        ray.kill(actor(data, name), no_restart=True)
