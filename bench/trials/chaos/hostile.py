"""Clients that want to hurt: drips, silence, a flood of connections, answers that nobody reads.

Honest orders are offered at a fixed pace meanwhile; goodput is what is answered of them, against the same without.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import pathlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from bench.harness.server import ServerFailed
from bench.harness.streaming import ORDER_STREAM, Address, framed, head_of
from bench.trials.chaos.orders import pieces
from bench.trials.chaos.world import World, say

MEASURED_S = 8.0
GOODPUT_MIN = 0.95
DRIPS = {"head": 600, "body": 200, "stream": 32, "silent": 168}
FLOOD = 5_000  # a gateway serves 4,096 connections
UNREAD_ORDERS = 200_000
UNREAD_GROWTH_MIB_MAX = 192  # answers in memory (32 MiB), batches in flight, the body read ahead


@contextlib.contextmanager
def drips(address: Address, key: str, counts: dict[str, int]) -> Iterator[list[int]]:
    """So many slow connections of each kind, all open; the list gets the number that was opened in all."""
    spec = json.dumps({"host": address[0], "port": address[1], "key": key, "counts": counts})
    opened: list[int] = []
    command = [sys.executable, "-m", "bench.trials.chaos.drips"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(spec + "\n")
        process.stdin.flush()
        try:
            assert process.stdout.readline() == "open\n", "the process of slow connections ended"
            yield opened
        finally:
            told, _ = process.communicate()
            opened.append(int(told))


def goodput(world: World, seconds: float) -> float:
    """Honest orders answered a second."""
    began_s, before = time.monotonic(), world.answered
    time.sleep(seconds)
    return (world.answered - before) / (time.monotonic() - began_s)


def slow_clients(world: World, counts: dict[str, int] | None = None, seconds: float = MEASURED_S) -> dict[str, Any]:
    calm = goodput(world, seconds)
    with drips(world.router.address, world.router.key, counts or DRIPS) as opened:
        crowded = goodput(world, seconds)
    return _compared(world, "slow clients", calm, crowded) | {"connections": opened[0]}


def flood(world: World, count: int = FLOOD, seconds: float = MEASURED_S) -> dict[str, Any]:
    """More connections than are served: the rest are told so, honest streams go on, and the door is open afterwards."""
    calm = goodput(world, seconds)
    with contextlib.ExitStack() as opened:
        refused = b""
        before, began_s = world.answered, time.monotonic()
        for _ in range(count):
            connection = opened.enter_context(socket.create_connection(world.router.address, timeout=10))
        with contextlib.suppress(OSError):  # the last one is beyond the limit
            refused = connection.recv(4_096)
        time.sleep(max(0.0, seconds - (time.monotonic() - began_s)))
        flooded = (world.answered - before) / (time.monotonic() - began_s)
    if b" 429 " not in refused.partition(b"\r\n")[0] or b"connections" not in refused:
        world.promises.violated(f"a connection beyond the limit was answered {refused[:200]!r}")
    reopened_s = world.until(world.router.is_ready, "new connections are served after a flood", 30)
    return _compared(world, "a flood", calm, flooded) | {"connections": count, "reopened_s": round(reopened_s, 2)}


def _compared(world: World, name: str, calm: float, crowded: float) -> dict[str, Any]:
    ratio = crowded / calm
    if ratio < GOODPUT_MIN:
        world.promises.violated(f"{name}: goodput of honest clients fell to {ratio:.3f} of that without")
    say(f"{name}: {crowded:,.0f} honest orders/s, {ratio:.3f} of {calm:,.0f} without")
    return {"calm_orders_per_s": round(calm), "orders_per_s": round(crowded), "ratio": round(ratio, 3)}


def unread_answers(world: World, orders: int = UNREAD_ORDERS) -> dict[str, Any]:
    """A client sends orders and reads no answer: the gateway's memory stays within its bounds."""
    (gateway,) = world.router.pids_of("streams")
    world.moves()
    before_mib = peak_mib = _memory_mib(gateway)
    sent = 0
    with socket.create_connection(world.router.address, timeout=60) as connection:
        way = ORDER_STREAM["ndjson"]
        connection.sendall(head_of(world.router.address, world.router.key, way.path, way.media_type))
        for chunk, count in _known_orders(world):
            connection.sendall(chunk)
            sent += count
            peak_mib = max(peak_mib, _memory_mib(gateway))
            if sent >= orders:
                break
    growth_mib = peak_mib - before_mib
    if growth_mib > UNREAD_GROWTH_MIB_MAX:
        world.promises.violated(f"answers that nobody read grew the gateway by {growth_mib} MiB")
    say(f"{sent:,} answers that nobody read grew the gateway by {growth_mib} MiB")
    return {"orders": sent, "growth_mib": growth_mib}


def _known_orders(world: World) -> Iterator[tuple[bytes, int]]:
    """Orders that were acknowledged before, over and over: their answers are as long as the first ones."""
    feed = next((feed for feed in world.feeds if feed.form == "ndjson"), None)
    if feed is None or not feed.answered:
        raise ServerFailed("there are no acknowledged JSON orders to repeat")
    known = itertools.islice(pieces(world.workload, "ndjson"), feed.sending.whole)
    return itertools.cycle([(framed(b"".join(lines)), len(lines)) for lines in known])


def _memory_mib(number: int) -> int:
    text = pathlib.Path(f"/proc/{number}/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("RssAnon:")) >> 10
