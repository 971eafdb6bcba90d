"""``order-router bench``: measure the router on this machine; each bench starts a router of its own."""

from __future__ import annotations

import argparse
from typing import Any

from actors.cli.output import add_json_flag, print_result

MIXES = ("everyday", "flash_sale", "b2b", "bad_input")
FORMATS = ("ndjson", "arrow")


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
    stream.add_argument("--orders", type=int, default=1_572_864)
    single = benches.add_parser("single", help="single POSTs, against a bare aiohttp echo")
    single.add_argument("--orders", type=int, default=50_000)
    single.add_argument("--connections", type=int, default=128)
    for bench in (stream, single):
        bench.add_argument("--mix", choices=MIXES, default="everyday")
    reads = benches.add_parser("reads", help="order and availability reads while a stream runs")
    reads.add_argument("--format", choices=FORMATS, default="arrow")
    reads.add_argument("--seconds", type=float, default=10.0, help="for each kind of read")
    memory = benches.add_parser("memory", help="cost, memory and disk per order as orders pile up")
    memory.add_argument("--orders", type=int, default=5_000_000)
    crash = benches.add_parser("crash", help="kill -9 what it is made of while orders stream; check every promise")
    crash.add_argument("--kills", type=int, default=20)
    crash.add_argument("--orders", type=int, default=400_000)
    crash.add_argument("--seed", type=int, default=1)
    peers = benches.add_parser("peers", help="PostgreSQL, Redis and SQLite on the same orders, and the ratios")
    peers.add_argument("--orders", type=int, default=300_000)
    tpcc = benches.add_parser(
        "tpcc", help="TPC-C-derived: a mix of orders, payments, deliveries and reads; books checked"
    )
    tpcc.add_argument("--transactions", type=int, default=40_000)
    tpcc.add_argument("--terminals", type=int, default=32)
    tpcc.add_argument("--seed", type=int, default=1)
    for bench in (stream, single, reads, memory, crash, peers, tpcc):
        bench.add_argument("--shards", type=int, default=1)
        add_json_flag(bench)
    return parser


def run(arguments: argparse.Namespace) -> int:
    from bench import _harness

    result = _measure(arguments)
    print_result(arguments.json, result, _harness.as_text(result))
    return 1 if result.get("violations") else 0


def _measure(given: argparse.Namespace) -> dict[str, Any]:
    from bench import crash, memory, reads, single, stream

    if given.bench == "peers":
        from bench.peers import comparison

        return comparison.run(given.orders, given.shards)
    if given.bench == "tpcc":
        from bench import tpcc

        return tpcc.run(given.transactions, given.terminals, given.shards, given.seed)
    if given.bench == "stream":
        return stream.run(given.format, given.orders, given.mix, given.shards)
    if given.bench == "single":
        return single.run(given.orders, given.connections, given.mix, given.shards)
    if given.bench == "reads":
        return reads.run(given.format, given.seconds, given.shards)
    if given.bench == "crash":
        return crash.run(given.kills, given.orders, given.shards, given.seed)
    return memory.run(given.orders, given.shards)
