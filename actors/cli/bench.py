"""``order-router bench``: measure the router on this machine; each bench starts a router of its own."""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Callable
from typing import Any

from actors.cli.first_start import compile_kernels
from actors.cli.output import add_json_flag, print_result, whole_number

MIXES = ("everyday", "flash_sale", "b2b", "bad_input")
FORMATS = ("ndjson", "arrow")
SCENARIOS = ("everyday", "flash_sale", "b2b", "bad_input", "shard_kill", "mixed_reads")
COUNT, SHARDS = whole_number(1), whole_number(1, 256)


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "bench",
        help="measure the router on this machine",
        description="Each bench starts its own router on a temporary folder, checks the answers and prints its "
        "conditions. docs/benchmarks.md says what each one means.",
    )
    benches = parser.add_subparsers(dest="bench", required=True, metavar="BENCH")
    stream = benches.add_parser("stream", help="orders a second over one streaming connection")
    stream.add_argument("--format", choices=FORMATS, default="arrow")
    stream.add_argument("--orders", type=COUNT, default=4_194_304)
    single = benches.add_parser("single", help="single POSTs, against a bare aiohttp echo")
    single.add_argument("--orders", type=COUNT, default=50_000)
    single.add_argument("--connections", type=COUNT, default=256)
    for bench in (stream, single):
        bench.add_argument("--mix", choices=MIXES, default="everyday")
    reads = benches.add_parser("reads", help="order and availability reads while a stream runs")
    reads.add_argument("--format", choices=FORMATS, default="arrow")
    reads.add_argument("--seconds", type=float, default=10.0, help="for each kind of read")
    events = benches.add_parser("events", help="lifecycle events a second, whole and in parts, alone and beside orders")
    events.add_argument("--orders", type=COUNT, default=5_000_000, help="stored before")
    events.add_argument("--events", type=COUNT, default=1_500_000, help="of each stream at most")
    memory = benches.add_parser("memory", help="cost, memory and disk per order as orders pile up")
    memory.add_argument("--orders", type=COUNT, default=5_000_000)
    skus = benches.add_parser("skus", help="memory and time of many SKUs, nodes and cells, and of a start with them")
    skus.add_argument("--skus", type=COUNT, default=1_000_000)
    skus.add_argument("--nodes", type=whole_number(1, 4_096), default=2_000)
    skus.add_argument("--cells", type=COUNT, default=5_000_000, help="with units, as many of each SKU")
    skus.add_argument("--orders", type=COUNT, default=50_000, help="before and after the second start")
    crash = benches.add_parser("crash", help="kill -9 what it is made of while orders stream; check every promise")
    crash.add_argument("--kills", type=COUNT, default=20)
    crash.add_argument("--orders", type=COUNT, default=400_000)
    crash.add_argument("--seed", type=int, default=1)
    peers = benches.add_parser("peers", help="PostgreSQL, Redis and SQLite on the same orders, and the ratios")
    peers.add_argument("--orders", type=COUNT, default=300_000)
    tpcc = benches.add_parser(
        "tpcc", help="TPC-C-derived: a mix of orders, payments, deliveries and reads; books checked"
    )
    tpcc.add_argument("--transactions", type=COUNT, default=40_000)
    tpcc.add_argument("--terminals", type=COUNT, default=32)
    tpcc.add_argument("--seed", type=int, default=1)
    lab = _add_lab(benches)
    _add_checked(benches)
    for bench in (stream, single, reads, events, memory, skus, crash, peers, tpcc, lab):
        bench.add_argument("--shards", type=SHARDS, default=1)
        add_json_flag(bench)
    return parser


def _add_lab(benches: Any) -> argparse.ArgumentParser:
    lab: argparse.ArgumentParser = benches.add_parser(
        "lab", help="open-loop load: the knee, latency at 50 and 90 percent of it, promises checked meanwhile; a report"
    )
    lab.add_argument("--scenario", choices=SCENARIOS, default="everyday")
    lab.add_argument("--format", choices=FORMATS, default="ndjson")
    lab.add_argument("--seconds", type=float, default=10.0, help="of each hold; a probe of the ramp takes 0.3 of it")
    lab.add_argument("--out", default="var/lab", help="folder of the reports (default %(default)s)")
    return lab


def _add_checked(benches: Any) -> None:
    """Benches without a router of their own, and what looks at results."""
    pipeline = benches.add_parser("pipeline", help="processor time of an order by step, in one process")
    pipeline.add_argument("--format", choices=FORMATS, default="arrow")
    pipeline.add_argument("--mix", choices=MIXES, default="everyday")
    shards = benches.add_parser("shards", help="processor time of an order with 1, 2, 4 and 8 shards, in one process")
    recovery = benches.add_parser("recovery", help="time to replay or restore what is stored, in one process")
    for bench, orders in ((pipeline, 1_048_576), (shards, 524_288), (recovery, 1_081_344)):
        bench.add_argument("--orders", type=COUNT, default=orders)
    goals = benches.add_parser("goals", help="one table: every goal, what is measured, the ratio")
    goals.add_argument("--full", action="store_true", help="store 5,000,000 orders where else 2,000,000 are stored")
    compare = benches.add_parser("compare", help="runs against the stored baseline; a regression is exit code 1")
    compare.add_argument("runs", nargs="+", metavar="RUN.json", help="what a bench printed with --json")
    compare.add_argument("--baseline", metavar="FILE", help="instead of the one that comes with the benches")
    compare.add_argument("--accept", action="store_true", help="make these runs the baseline")
    flips = benches.add_parser("flips", help="turn every bit of a small data folder and many of a large one")
    flips.add_argument("--flips", type=COUNT, default=1_000_000, help="random bits of the large folder's records")
    flips.add_argument("--seconds", type=float, default=60.0, help="for these at most")
    flips.add_argument("--seed", type=int, default=1)
    world = benches.add_parser(
        "world",
        help="a simulated month: buyers, failing partners and staff around the real engines; all books judged",
    )
    world.add_argument("--orders", type=COUNT, default=2_000)
    world.add_argument("--days", type=COUNT, default=30)
    world.add_argument("--seed", type=int, default=1, help="all that happens")
    world.add_argument("--failing", type=whole_number(0, 50), default=5, help="percent of what partners do")
    world.add_argument("--data", metavar="DIR", help="keep the data folder here, for verify, serve and queries")
    for bench in (pipeline, shards, recovery, goals, compare, flips, world):
        add_json_flag(bench)


def run(arguments: argparse.Namespace) -> int:
    compile_kernels()  # the router of a bench would do it unseen
    result = _measure(arguments)
    print_result(arguments.json, result, _text_of(arguments.bench)(result))
    return 1 if result.get("violations") else 0


def _text_of(bench: str) -> Callable[[dict[str, Any]], str]:
    if bench == "lab":
        from bench.load.report import as_text
    elif bench == "goals":
        from bench.speed.goals import as_text
    elif bench == "compare":
        from bench.speed.compare import as_text
    else:
        from bench.harness.report import as_text
    return as_text


def _measure_checked(given: argparse.Namespace) -> dict[str, Any] | None:
    if given.bench == "lab":
        from bench.load import run as lab

        return lab.run(given.scenario, given.format, given.seconds, given.shards, given.out)
    if given.bench == "goals":
        from bench.speed import goals

        return goals.run(given.full)
    if given.bench == "compare":
        from bench.speed import compare

        baseline = pathlib.Path(given.baseline) if given.baseline else compare.BASELINE
        return compare.run(given.runs, baseline, given.accept)
    if given.bench == "pipeline":
        from bench.speed import pipeline

        return pipeline.run(given.format, given.orders, given.mix)
    if given.bench == "shards":
        from bench.speed import shards

        return shards.run(given.orders)
    if given.bench == "recovery":
        from bench.speed import recovery

        return recovery.run(given.orders)
    if given.bench == "world":
        from bench.trials.world import campaign as world

        return world.run(given.orders, given.seed, given.days, given.failing, given.data)
    if given.bench == "flips":
        from bench.trials.flips import run as flips

        return flips.run(given.flips, given.seconds, given.seed)
    return None


def _measure(given: argparse.Namespace) -> dict[str, Any]:
    from bench.speed import events, memory, reads, single, skus, stream
    from bench.trials import crash

    if (checked := _measure_checked(given)) is not None:
        return checked
    if given.bench == "peers":
        from bench.peers import comparison

        return comparison.run(given.orders, given.shards)
    if given.bench == "tpcc":
        from bench.peers import tpcc

        return tpcc.run(given.transactions, given.terminals, given.shards, given.seed)
    if given.bench == "stream":
        return stream.run(given.format, given.orders, given.mix, given.shards)
    if given.bench == "single":
        return single.run(given.orders, given.connections, given.mix, given.shards)
    if given.bench == "reads":
        return reads.run(given.format, given.seconds, given.shards)
    if given.bench == "events":
        return events.run(given.orders, given.events, given.shards)
    if given.bench == "skus":
        return skus.run(given.skus, given.nodes, given.cells, given.orders, given.shards)
    if given.bench == "crash":
        return crash.run(given.kills, given.orders, given.shards, given.seed)
    return memory.run(given.orders, given.shards)
