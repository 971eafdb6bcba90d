"""The seams between processes: stubs follow their protocols, actors satisfy them, and faults cross as they are."""

from __future__ import annotations

import asyncio
import inspect
import os
import pathlib
import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import ray
from ray.exceptions import RayTaskError

from actors.owners.calls import Call, Method, OwnerGone, Stub, Unanswered, answers_of, until_answered
from actors.owners.desk_actor import Desk
from actors.owners.ledger_actor import Ledger
from actors.owners.order_shard import OrderShard
from actors.owners.seams import DeskCalls, LedgerCalls, ShardCalls, TablePatched, TableReplaced, TablesCalls
from actors.owners.stubs import DeskStub, LedgerStub, Owners, ShardStub, TablesStub
from actors.owners.tables_actor import TablesOwner
from actors.process.names import TABLES
from actors.run.topology import start_actors, start_ray, statuses, stop_actors
from actors.store.data_folder import DataFolder
from router.config import Config
from router.errors import RowError, TableRejected
from router.log.records import DamagedRecord

SEAMS = [
    (ShardCalls, ShardStub, OrderShard),
    (LedgerCalls, LedgerStub, OrderShard),
    (LedgerCalls, LedgerStub, Ledger),
    (TablesCalls, TablesStub, TablesOwner),
    (DeskCalls, DeskStub, Desk),
]
NAMESPACE = "seams"
ANSWER_S = 60.0  # Ray may take a third of it to start an actor where other tests fill the machine
SKU = b'{"sku":"A","price":100,"currency":"EUR","weight_g":10,"tax_class":"standard"}\n'


def asked_of(seam: type) -> dict[str, Callable[..., Any]]:
    return {name: each for name, each in vars(seam).items() if inspect.isfunction(each) and not name.startswith("_")}


@pytest.mark.parametrize(("seam", "stub", "actor"), SEAMS)
def test_a_stub_has_every_method_of_its_seam_and_its_actor_takes_the_same(seam: type, stub: type, actor: type) -> None:
    asked = asked_of(seam)
    methods = [each for each in vars(stub).values() if isinstance(each, Method)]
    assert sorted(each.declared.__name__ for each in methods) == sorted(asked)
    assert all(each.declared is asked[each.declared.__name__] for each in methods)
    for name, declared in asked.items():
        assert inspect.signature(getattr(actor, name)) == inspect.signature(declared), name
        assert getattr(actor, name) is not declared, f"{actor.__name__} does not answer {name}"


# --- faults, by an actor that has them on demand -------------------------------------------------------


class Faulty(TablesCalls):
    """A tables' process that does what the name of a table says."""

    def ready(self) -> None:
        """It is."""

    def put(self, table: str, body: bytes, media_type: str, replace: bool, now_ms: int) -> TableReplaced:
        if table == "refused":
            raise TableRejected(table, [RowError(3, "weight_g", "missing", "say what it weighs")], 9)
        if table == "damaged":
            raise DamagedRecord("its checksum does not fit", "the log of shard 0")
        if table == "buggy":
            raise AssertionError("a bug")
        if table == "deadly":
            os._exit(70)
        if table == "slow":
            time.sleep(1.0)
        return TableReplaced(table, 1, len(body))

    def patch(self, table: str, body: bytes, media_type: str, replace: bool, now_ms: int) -> TablePatched:
        return TablePatched(table, 1, len(body), 0, 0, 0)

    def stock(self, body: bytes, now_ms: int) -> bytes:
        return body


@pytest.fixture(scope="module")
def _running_ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    data = DataFolder(tmp_path_factory.mktemp("seams"))
    data.open_places()
    start_ray(data, Config(object_store_bytes=100 << 20), None)
    yield
    ray.shutdown()
    data.remove_shared()
    shutil.rmtree(data.ray)


def create(name: str) -> None:
    options = {"name": name, "namespace": NAMESPACE, "lifetime": "detached", "max_restarts": -1, "num_cpus": 0}
    ray.remote(Faulty).options(**options).remote()


@pytest.fixture
def tables(_running_ray: None, request: pytest.FixtureRequest) -> Iterator[TablesStub]:
    name = f"{TABLES}-{request.node.name}"
    create(name)
    yield TablesStub(NAMESPACE, TABLES, name)
    ray.kill(ray.get_actor(name, namespace=NAMESPACE))


def put(stub: TablesStub, table: str) -> Call[TableReplaced]:
    return stub.put(table, b"abc", "text/csv", False, 1)


def of_thread(call: Call[Any]) -> Any:
    return call.get(ANSWER_S)


def of_loop(call: Call[Any]) -> Any:
    return asyncio.run(call.wait(ANSWER_S))


both_ways = pytest.mark.parametrize("answer", [of_thread, of_loop])


@pytest.mark.ray
@both_ways
def test_an_answer_has_its_type(tables: TablesStub, answer: Callable[[Call[Any]], Any]) -> None:
    assert answer(put(tables, "skus")) == TableReplaced("skus", 1, 3)
    assert answer(tables.stock(body=b"{}", now_ms=1)) == b"{}"


@pytest.mark.ray
@both_ways
def test_a_fault_of_the_outside_world_crosses_as_it_is(tables: TablesStub, answer: Callable[[Call[Any]], Any]) -> None:
    with pytest.raises(TableRejected, match="refused: 9 faults in its rows") as refused:
        answer(put(tables, "refused"))
    assert type(refused.value) is TableRejected, "and not something of Ray's"
    assert (refused.value.count, refused.value.errors[0].field) == (9, "weight_g")
    with pytest.raises(DamagedRecord, match="the log of shard 0: its checksum does not fit"):
        answer(put(tables, "damaged"))


@pytest.mark.ray
@both_ways
def test_a_bug_of_an_owner_is_no_silence(tables: TablesStub, answer: Callable[[Call[Any]], Any]) -> None:
    with pytest.raises(RayTaskError, match="a bug"):
        answer(put(tables, "buggy"))


@pytest.mark.ray
@both_ways
def test_an_owner_that_dies_is_found_again(tables: TablesStub, answer: Callable[[Call[Any]], Any]) -> None:
    with pytest.raises(Unanswered, match=r"tables does not answer now \(\w+\); it is being restarted or recovers"):
        answer(put(tables, "deadly"))
    assert until_answered(lambda: put(tables, "skus"), ANSWER_S).version == 1


@pytest.mark.ray
@pytest.mark.timeout(180)
def test_a_successor_under_the_same_name_is_found(tables: TablesStub) -> None:
    assert put(tables, "skus").get(ANSWER_S)
    ray.kill(ray.get_actor(tables._host, namespace=NAMESPACE))
    with pytest.raises(OwnerGone):
        while put(tables, "skus").get(ANSWER_S):  # on a busy machine it answers for a moment more
            pass
    create(tables._host)
    assert until_answered(lambda: put(tables, "skus"), ANSWER_S).version == 1


@pytest.mark.ray
def test_too_long_is_no_answer(tables: TablesStub) -> None:
    assert put(tables, "skus").get(ANSWER_S)
    for late in (lambda: put(tables, "slow").get(0.2), lambda: asyncio.run(put(tables, "slow").wait(0.2))):
        with pytest.raises(Unanswered):
            late()


@pytest.mark.ray
def test_who_was_never_there_is_gone(_running_ray: None) -> None:
    with pytest.raises(OwnerGone, match="ledger does not answer now"):
        Owners(NAMESPACE, 1).ledger.status()


# --- the owners themselves -----------------------------------------------------------------------------


@pytest.mark.ray
@pytest.mark.parametrize("shards", [1, 2])
def test_owners_answer_wherever_they_live(_running_ray: None, tmp_path: pathlib.Path, shards: int) -> None:
    data, config = DataFolder(tmp_path), Config(shards=shards)
    data.create(config)
    start_actors(data, config)
    owners = Owners(data.namespace, shards)
    assert (
        owners.tables.put("skus", SKU, "application/x-ndjson", False, 1).get(60.0).version == 2
    )  # behind the policy's
    told = statuses(data, config, 60.0)
    assert list(told) == ["ledger", *(f"shard-{number:03d}" for number in range(shards))]
    assert len({status.pid for status in told.values()}) == (1 if shards == 1 else 3)
    assert owners.ledger.grants(0, 1, 0, 0).get(60.0)[0] == 0
    stop_actors(data, config, 60.0)
    with pytest.raises(Unanswered):
        answers_of([engine.status() for engine in owners.engines], 10.0)


def test_a_stub_asks_nobody_before_it_is_called() -> None:
    owners = Owners(NAMESPACE, 3)
    assert [engine.name for engine in owners.engines] == ["ledger", "shard-000", "shard-001", "shard-002"]
    assert all(isinstance(engine, Stub) for engine in owners.engines)
