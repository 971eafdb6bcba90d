"""The processes and who talks to whom.

                       ┌───────────────── serve (supervisor) ─────────────────┐
                       │ starts Ray or joins one, starts and restarts all      │
                       ▼                                                       ▼
    client ──HTTP──▶ gateway ──batches (object references)──▶ shard-0 … shard-n ──claims──▶ ledger
                       │  ▲                                        │ LMDB                     │ LMDB
                       │  └── reads: mapped index, cells, log ◀────┴──────────────────────────┘
                       ├── PUT tables, POST stock ──▶ tables ──new version──▶ ledger, then shards
                       └── GET work, POST work ──▶ desk ──events──▶ shards; it reads their logs by the feed
                           payments, refunds, told    └──HTTP──▶ partners

Shards, ledger and tables are named, detached Ray actors, restarted without limit; each recovers from its log
before it answers. A single shard and the ledger share one actor's process. Readers of the feed are actors of the same
kind: a row of ``ROLES`` each. Gateways are plain processes that join Ray as clients, in pairs: one listens, the other
takes order streams. No fact lives in Ray.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import msgspec
import ray
from ray._private.ray_constants import PROCESS_TYPE_GCS_SERVER, PROCESS_TYPE_RAYLET

from actors.owners.calls import answers_of
from actors.owners.desk_actor import Desk
from actors.owners.ledger_actor import Ledger
from actors.owners.order_shard import OrderShard
from actors.owners.seams import EngineStatus
from actors.owners.stubs import Owners
from actors.owners.tables_actor import TablesOwner
from actors.process.environment import QUIET
from actors.process.names import DESK, LEDGER, SHARD, TABLES
from actors.run.own_ray import own_place
from actors.run.roles import Role, actors_of, created_in_order, drained_in_order
from actors.store.data_folder import DataFolder
from router.config import Config

READY_TIMEOUT_S = 600.0
DESK_THREADS = 8
TABLES_THREADS = 4  # one puts, others take movements of stock meanwhile or wait to put
_VITAL = (PROCESS_TYPE_GCS_SERVER, PROCESS_TYPE_RAYLET)
_ALWAYS = {"lifetime": "detached", "max_restarts": -1, "max_task_retries": 0, "num_cpus": 0}


def _batches_under_way(config: Config) -> int:
    """Of one shard at most (a gateway has a partner for streams), and some threads for questions about state."""
    return config.limits.in_flight_batches_max * config.gateways * 2 + 8


ROLES = (
    Role(
        SHARD,
        OrderShard,
        _batches_under_way,
        asked=lambda owners: [shard.status() for shard in owners.shards],
        drained=lambda owners: [shard.drain() for shard in owners.shards],
        is_per_shard=True,
        folder=lambda data, number: data.shard(number),
    ),
    Role(
        LEDGER,
        Ledger,
        lambda config: _batches_under_way(config) * config.shards,
        asked=lambda owners: [owners.ledger.status()],
        drained=lambda owners: [owners.ledger.drain()],
        drained_after=(SHARD,),
        folder=lambda data, _: data.ledger,
    ),
    Role(
        TABLES,
        TablesOwner,
        lambda _: TABLES_THREADS,
        asked=lambda owners: [owners.tables.ready()],
        needs=(SHARD, LEDGER),
        is_watched=False,
    ),
    Role(  # orders do not wait for it: not at the start, and not while its database is away
        DESK,
        Desk,
        lambda _: DESK_THREADS,
        asked=lambda _: (),
        drained=lambda owners: [owners.desk.drain()],
        drained_after=(SHARD,),
        is_watched=False,
        is_late=True,
        folder=lambda data, _: data.desk,
    ),
)


def start_ray(data: DataFolder, config: Config, address: str | None) -> None:
    """Start a Ray of our own on loopback, or join the one at ``address``."""
    common: dict[str, Any] = {"namespace": data.namespace, "log_to_driver": False, "logging_level": "warning"}
    if address:
        ray.init(address=address, runtime_env={"env_vars": QUIET}, **common)
        return
    ray.init(
        address="local",  # whatever Ray else runs on this machine, or RAY_ADDRESS names, is not ours
        include_dashboard=False,
        object_store_memory=config.object_store_bytes,
        _node_ip_address="127.0.0.1",
        _temp_dir=own_place(data),
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
    """Create what is not there yet, and wait until each has recovered; who needs others comes after them."""
    for wave in created_in_order([role for role in ROLES if not role.is_late]):
        create_actors(data, config, wave)
        _ask(data, config, wave, READY_TIMEOUT_S)


def start_late_actors(data: DataFolder, config: Config) -> None:
    """Create those that nobody waits for."""
    create_actors(data, config, [role for role in ROLES if role.is_late])


def end_actors(data: DataFolder, config: Config) -> None:
    """Kill those there are, as they are."""
    for name, _, _ in actors_of(ROLES, config):
        with contextlib.suppress(ValueError):  # it does not exist
            ray.kill(actor(data, name), no_restart=True)


def create_actors(data: DataFolder, config: Config, roles: Sequence[Role] = ROLES) -> None:
    """Create actors where they are not there; what they do first is to recover."""
    raw = msgspec.json.encode(config)
    placement = "SPREAD" if len(ray.nodes()) > 1 else "DEFAULT"  # type: ignore[no-untyped-call]
    for name, role, number in actors_of(roles, config):
        ray.remote(role.process).options(
            name=name,
            namespace=data.namespace,
            get_if_exists=True,
            max_concurrency=role.threads(config),
            scheduling_strategy=placement,
            **_ALWAYS,
        ).remote(*role.arguments(data, number, raw))


def actor(data: DataFolder, name: str) -> Any:
    """Handle of a running actor; ValueError while it does not exist."""
    return ray.get_actor(name, namespace=data.namespace)


def _exists(data: DataFolder, name: str) -> bool:
    try:
        actor(data, name)
    except ValueError:
        return False
    return True


def watch(data: DataFolder, config: Config, timeout_s: float) -> None:
    """Ask all that are watched; raises Unanswered while one of them does not answer."""
    _ask(data, config, [role for role in ROLES if role.is_watched], timeout_s)


def statuses(data: DataFolder, config: Config, timeout_s: float) -> dict[str, EngineStatus]:
    """``status()`` of ledger and shards; raises Unanswered while one of them does not answer."""
    engines = Owners(data.namespace, config.shards).engines
    answers = answers_of([engine.status() for engine in engines], timeout_s)
    return {engine.name: status for engine, status in zip(engines, answers, strict=True)}


def _ask(data: DataFolder, config: Config, roles: Sequence[Role], timeout_s: float) -> None:
    owners = Owners(data.namespace, config.shards)
    answers_of([call for role in roles for call in role.asked(owners)], timeout_s)


def stop_actors(data: DataFolder, config: Config, timeout_s: float) -> None:
    """Let each finish what is under way, who depends on others after them; then end all actor processes."""
    owners = Owners(data.namespace, config.shards)
    for wave in drained_in_order(ROLES):
        there = [role for role in wave if not role.is_late or _exists(data, role.name)]
        answers_of([call for role in there for call in role.drained(owners)], timeout_s)
    end_actors(data, config)
