"""Another shop beside an attack: single orders and reads at their moments, whatever became of those before.

A process of its own, so that the attacker takes nothing from it: ``python -m bench.trials.attack.neighbour`` reads a
line of JSON ``{"host", "port", "key", "name"}``; then it asks from each ``begin`` to the next ``end``, and answers that
with a line of JSON, :class:`Waits`. It ends with its input.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from bench.harness.asking import Address, Load, pace, request_bytes
from bench.trials.attack.ground import NEIGHBOURS_SKU, order

EVERY_S = 0.04  # an order, then a read, then an order …
SLICE_S = 1.0  # what is asked for between two looks whether the attack is over
CONNECTIONS = 16


class Waits(msgspec.Struct):
    """Milliseconds from the moment a request was due, so who is late is counted late; answers by status."""

    asked: int = 0
    p99_ms: float = 0.0
    max_ms: float = 0.0
    statuses: dict[str, int] = {}
    fault: str = ""

    @property
    def refused(self) -> int:
        return sum(count for status, count in self.statuses.items() if status != "200")


class Neighbour:
    """``with Neighbour(address, key, name) as beside: beside.begin(); …; beside.end()``, as often as wanted."""

    def __init__(self, address: Address, key: str, name: str) -> None:
        self._spec = json.dumps({"host": address[0], "port": address[1], "key": key, "name": name})
        command = [sys.executable, "-m", "bench.trials.attack.neighbour"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Neighbour:
        self._say(self._spec)
        assert self._hear() == "ready\n", "the neighbour's process ended"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def begin(self) -> None:
        self._say("begin")

    def end(self) -> Waits:
        self._say("end")
        return msgspec.json.decode(self._hear(), type=Waits)

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _hear(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


class Asking(threading.Thread):
    """One stretch of asking."""

    def __init__(self, address: Address, requests: Iterator[bytes]) -> None:
        super().__init__(daemon=True)
        self._address = address
        self._requests = requests
        self._stopped = threading.Event()
        self._load = Load()
        self._fault = ""

    def run(self) -> None:
        began_s, slices = time.perf_counter(), itertools.count()
        try:
            while not self._stopped.is_set():
                due_s = next(slices) * SLICE_S + np.arange(0, SLICE_S, EVERY_S)
                asked = list(itertools.islice(self._requests, len(due_s)))
                pace(self._address, asked, due_s.tolist(), CONNECTIONS, self._load.note, began_s)
        except (OSError, TimeoutError) as fault:
            self._fault = str(fault) or type(fault).__name__

    def end(self) -> Waits:
        self._stopped.set()
        self.join()
        waited = np.array(self._load.waited_ms or [0.0])
        statuses = {str(status): count for status, count in self._load.statuses.items()}
        p99_ms, max_ms = (round(float(value), 1) for value in (np.percentile(waited, 99), waited.max()))
        return Waits(len(self._load.waited_ms), p99_ms, max_ms, statuses, self._fault)


def requests(address: Address, key: str, name: str) -> Iterator[bytes]:
    """Orders that are new, each followed by a read of the first one."""
    first = f"{name}-0"
    read = request_bytes("GET", f"/v1/orders/{first}", address, key)
    for number in itertools.count():
        lines = [{"sku": NEIGHBOURS_SKU, "qty": 1}]
        body = msgspec.json.encode(order(f"{name}-{number}", lines))
        yield request_bytes("POST", "/v1/orders", address, key, body)
        if number:
            yield read


def main() -> None:
    given: dict[str, Any] = json.loads(sys.stdin.readline())
    address = (given["host"], given["port"])
    asked = requests(address, given["key"], given["name"])
    load = Load()
    pace(address, [next(asked)], [0.0], 1, load.note)  # the order that is read
    assert load.statuses == Counter({200: 1}), f"the neighbour's first order was answered {load.first_body!r}"
    print("ready", flush=True)
    asking: Asking | None = None
    for line in sys.stdin:
        if line == "begin\n":
            asking = Asking(address, asked)
            asking.start()
        elif asking is not None:
            print(msgspec.json.encode(asking.end()).decode(), flush=True)


if __name__ == "__main__":
    main()
