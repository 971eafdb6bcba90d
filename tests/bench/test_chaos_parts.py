"""The instruments of ``make chaos`` by themselves: a checker that finds nothing or a fault that does not strike would
make every run look good."""

from __future__ import annotations

import asyncio
import io
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import pytest

from actors.gateway.http.handover import StreamReceiver
from actors.gateway.http.limits import GatewayServer
from actors.store.locks import FolderLock, owner_of
from bench.harness.wires import ArrowWire, NdjsonWire, Rows
from bench.harness.workload import Workload
from bench.trials.chaos import cheats, disk, shim
from bench.trials.chaos.__main__ import as_text, violations_of
from bench.trials.chaos.disk import Volume
from bench.trials.chaos.event_promises import EventPromises, EventTold
from bench.trials.chaos.feed import Feed
from bench.trials.chaos.kills import MIX, plan
from bench.trials.chaos.orders import pieces
from bench.trials.chaos.promises import Answer, Promises
from bench.trials.chaos.router import ChaosRouter
from bench.trials.chaos.shim import Shim
from bench.trials.chaos.world import World
from router.wire.ack_arrow import ANSWER

LINE = {"line_id": "1", "sku": "S1", "allocations": [{"node": "lon-1", "qty": 2, "sku": "S1"}], "backordered": 0}
VERDICT = {"findings": [], "orders": 1, "ledger": {"totals": {"allocated": 2, "held": 0}}}
STOCK = [{"sku": "S1", "node": "lon-1", "on_hand": 2}]


def answer(**changes: Any) -> Answer:
    given = {"order_id": "o-1", "status": "allocated", "total": 10, "cursor": "0:1:0"} | changes
    return Answer(**given)


def promised(*answers: Answer) -> Promises:
    promises = Promises()
    promises.take(answers)
    return promises


def taken(**changes: Any) -> Answer:
    """An answer that promises two units."""
    line = json.dumps(acknowledgement(**changes)).encode() + b"\n"
    (made,) = next(NdjsonWire(Answer).answers(io.BytesIO(line)))
    return made


def acknowledgement(**changes: Any) -> dict[str, Any]:
    whole = {"order_id": "o-1", "status": "allocated", "total": 10, "discount": 0, "tax": 1, "shipping": 2}
    return {**whole, "lines": [LINE], "parcels": 1, "duplicate": False, "cursor": "0:1:0", **changes}


def test_a_promise_kept_is_no_violation() -> None:
    assert promised(answer(), answer(duplicate=True)).violations == []


@pytest.mark.parametrize(
    "second",
    [
        {"duplicate": True, "total": 11},
        {"duplicate": True, "cursor": "0:2:0"},
        {"duplicate": False},
        {"status": "rejected"},
    ],
)
def test_a_broken_promise_is_a_violation(second: dict[str, Any]) -> None:
    assert len(promised(answer(), answer(**second)).violations) == 1


def test_the_folder_that_holds_what_was_promised_is_no_violation() -> None:
    promises = promised(taken())
    assert promises.balance_stock(VERDICT, STOCK) == 0 and promises.violations == []


@pytest.mark.parametrize(
    ("verdict", "stock", "said"),
    [
        ({"ledger": {"totals": {"allocated": 3, "held": 0}}}, STOCK, "the ledger took 3 units"),
        ({"orders": 2}, STOCK, "2 orders are stored"),
        ({"findings": [{"where": "ledger", "what": "out of balance"}]}, STOCK, "verify: ledger: out of balance"),
        ({}, [{"sku": "S1", "node": "lon-1", "on_hand": 1}], "1 units were promised that no node has"),
        ({}, [], "2 units were promised that no node has"),
    ],
)
def test_a_folder_that_holds_something_else_is_a_violation(verdict: Any, stock: Any, said: str) -> None:
    promises = promised(taken())
    promises.balance_stock(VERDICT | verdict, stock)
    assert len(promises.violations) == 1 and promises.violations[0].startswith(said)


def told(*statuses: str) -> list[str]:
    """What a client that was answered so, one after the other about one event, finds broken."""
    violations: list[str] = []
    promises = EventPromises(violations.append)
    for status in statuses:
        name, _, reason = status.partition(" ")
        promises.take([EventTold("ship-o-1", "o-1", name, reason or None)])
    return violations


@pytest.mark.parametrize(
    "statuses", [("applied", "duplicate"), ("duplicate",), ("refused transition_not_allowed", "applied", "duplicate")]
)
def test_an_event_that_is_applied_once_breaks_no_promise(statuses: tuple[str, ...]) -> None:
    assert told(*statuses) == []


@pytest.mark.parametrize(
    "statuses",
    [
        ("applied", "applied"),
        ("applied", "refused transition_not_allowed"),
        ("refused order_unknown",),
        ("conflict event_id_conflict",),
    ],
)
def test_an_event_that_is_applied_twice_or_taken_back_or_of_a_lost_order_is_a_violation(
    statuses: tuple[str, ...],
) -> None:
    assert len(told(*statuses)) == 1


def test_both_media_types_make_the_same_promise() -> None:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, ANSWER) as writer:
        writer.write_batch(pa.RecordBatch.from_pylist([acknowledgement()], ANSWER))
    sink.seek(0)
    ((as_arrow,),) = ArrowWire(Answer).answers(sink)
    assert as_arrow == taken() and as_arrow.decision == taken().decision
    assert list(as_arrow.parts) == [("S1", "lon-1", 2)]


def test_feeds_of_both_media_types_never_send_the_same_order() -> None:
    workload = Workload(seed=3)
    first, other = next(pieces(workload, "ndjson")), next(pieces(workload, "arrow"))
    assert isinstance(first, list) and isinstance(other, pa.RecordBatch)
    ids = {json.loads(line)["order_id"] for line in first}
    assert len(first) == len(other) and not ids & set(other.column("order_id").to_pylist())


def test_an_arrow_connection_sends_one_schema_and_then_batches() -> None:
    source, wire = pieces(Workload(seed=3), "arrow"), ArrowWire(Answer)
    sent: list[Rows] = [next(source), next(source)]
    body = b"".join(wire.encode(piece) for piece in sent) + wire.end()
    assert [batch.num_rows for batch in pa.ipc.open_stream(body)] == [len(piece) for piece in sent]


@pytest.mark.parametrize("kills", [len(MIX), 20, 1_000])
def test_a_plan_has_every_kind_and_the_whole_number(kills: int) -> None:
    planned = plan(random.Random(1), kills, 2)
    assert len(planned) == kills and set(planned) == set(MIX)


def test_a_single_shard_has_no_ledger_process_to_kill() -> None:
    assert "ledger" not in plan(random.Random(1), 1_000, 1)


def test_the_same_seed_kills_the_same() -> None:
    assert plan(random.Random(5), 50, 2) == plan(random.Random(5), 50, 2) != plan(random.Random(6), 50, 2)


class Answered:
    """A feed of which one more order is answered at each look, up to the last one that is; ten were sent."""

    def __init__(self, last: int) -> None:
        self.sending = SimpleNamespace(sent=10)
        self._last = last
        self._looks = 7

    @property
    def answered(self) -> int:
        self._looks += 1
        return min(self._looks, self._last)


@pytest.mark.parametrize(("last", "violations"), [(10, 0), (12, 1), (1 << 40, 1)])
def test_who_acknowledges_without_a_sync_is_found_though_it_comes_to_an_end(
    last: int, violations: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cheats, "QUIET_S", 0.001)
    monkeypatch.setattr(cheats, "SETTLED_WITHIN_S", 0.1)
    monkeypatch.setattr(World, "moves", lambda _: 0.0)
    world = World(cast(ChaosRouter, SimpleNamespace(is_ready=lambda: True)), orders=1)
    world.feeds = [cast(Feed, Answered(last))]
    cheats.broken_disk(world, cast(Shim, {}), seconds=0.0)
    assert len(world.promises.violations) == violations


def test_the_summary_names_every_violation() -> None:
    part = {"kill_count": 3, "violations": ["o-1 was decided a second time"]}
    results = {"conditions": {"cpu": "x", "cores": 2, "kernel": "6", "commit": "c"}, "seed": 1, "elapsed_s": 2.0}
    assert violations_of(results | {"kills": part}) == part["violations"]
    text = as_text(results | {"kills": part})
    assert "o-1 was decided a second time" in text and "1 promises broken" in text


WRITES_TWICE = """
import sys, time, lmdb
print(int(time.time()), time.monotonic())
environment = lmdb.open(sys.argv[1])
for number in range(2):
    try:
        with environment.begin(write=True) as writing:
            writing.put(b"key", b"%d" % number)
        print("written")
    except lmdb.Error as fault:
        print(fault)
"""


@pytest.mark.skipif(bool(shim.missing()), reason=shim.missing() or "it can")
def test_the_shim_fails_one_sync_moves_the_wall_clock_and_sees_a_second_try(tmp_path: pathlib.Path) -> None:
    with Shim(tmp_path) as faults:
        faults["syncs_to_fail"], faults["clock_ahead_s"] = 1, 7_200
        command = [sys.executable, "-c", WRITES_TWICE, str(tmp_path / "log")]
        done = subprocess.run(command, env=os.environ | faults.variables, capture_output=True, text=True, check=True)
        wall, first, second = done.stdout.splitlines()
        assert "Input/output error" in first and second == "written"
        assert (faults["failed_count"], faults["syncs_after_failure"]) == (1, 1)
        assert 7_190 < float(wall.split()[0]) - (tmp_path / "log" / "data.mdb").stat().st_mtime < 7_210
        assert abs(float(wall.split()[1]) - _monotonic_s()) < 60


def _monotonic_s() -> float:
    return float(pathlib.Path("/proc/uptime").read_text().split()[0])


FILLS_A_LOG = """
import pathlib, sys
from actors.store.lmdb_log import LmdbLog
from actors.store.log_reader import LogReader
from router.config import LogConfig
from router.log.kinds import Kind
from router.log.records import LogFenced, frame

log, durable = LmdbLog(pathlib.Path(sys.argv[1]), LogConfig(disk_free_bytes_min=int(sys.argv[2])), 1), 0
try:
    for sequence in range(1, 10_000):
        log.wait(log.append(sequence, 0, frame(Kind.STOCK, 0, sequence, [bytes(1 << 20)], tables_version=1, now_ms=0)))
        durable = sequence
except LogFenced as fenced:
    print(fenced)
log.close()
print(durable, sum(1 for _ in LogReader(pathlib.Path(sys.argv[1]), 1).iterate(1)))
"""


@pytest.mark.skipif(bool(disk.missing()), reason=disk.missing() or "it can")
@pytest.mark.parametrize(
    ("reserve_bytes", "said"),
    [(8 << 20, "log.disk_free_bytes_min keeps"), (disk.NO_RESERVE_MIB << 20, "was not retried")],
)
def test_a_log_on_a_full_disk_is_fenced_in_words_and_keeps_what_was_durable(reserve_bytes: int, said: str) -> None:
    with Volume(size_mib=24) as volume:
        command = [*volume.prefix, sys.executable, "-c", FILLS_A_LOG, str(volume.path / "owner"), str(reserve_bytes)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2_000:]
        sentence, counts = done.stdout.splitlines()
        durable, kept = (int(number) for number in counts.split())
        assert said in sentence and durable == kept >= 8


OWNS_A_FOLDER = """
import pathlib, sys, time
from actors.store.locks import FolderLock
lock = FolderLock(pathlib.Path(sys.argv[1]))
print("owned", flush=True)
time.sleep(60)
"""


def test_an_owner_that_stands_still_is_found_by_its_lock_and_makes_room_when_it_is_killed(
    tmp_path: pathlib.Path,
) -> None:
    assert owner_of(tmp_path) is None
    command = [sys.executable, "-c", OWNS_A_FOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None and owner.stdout.readline() == "owned\n"
        owner.send_signal(signal.SIGSTOP)
        assert owner_of(tmp_path) == owner.pid
        owner.kill()
    assert owner_of(tmp_path) is None
    FolderLock(tmp_path).close()


class _Counting(StreamReceiver):
    looks = 0

    def _take(self) -> None:
        self.looks += 1
        super()._take()


def test_a_stream_gateway_whose_link_has_ended_does_not_look_at_it_for_ever() -> None:
    async def run() -> int:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            receiver = _Counting(ours, cast(GatewayServer, None))
            receiver.start()
            theirs.close()
            await asyncio.sleep(0.05)
            return receiver.looks

    assert asyncio.run(run()) == 1
