"""Do the promises hold while the load runs? Looks at the ledger's cells and at orders that were just acknowledged.

conservation      available + held + allocated of every cell is what was put there (nothing is shipped in the lab)
no oversell       no cell has less than nothing available
ack = stored      an order that was acknowledged a moment ago reads with the same status and total
"""

from __future__ import annotations

import http.client
import queue
import threading
import time
from collections.abc import Callable
from multiprocessing.queues import Queue
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np

from bench.harness.arrays import I64
from bench.load.sender import Sample
from router.arrow.arena import BlockBusy
from router.ledger.shown_cells import ShownCells

LOOK_EVERY_S = 0.25
BACK_S_MAX = 60.0  # a router that was killed in part answers again within so long
FINDINGS_TOLD = 10
NODE_BITS, NODE_MASK = 16, 0xFFFF


class ReadsCells(Protocol):
    def all_cells(self) -> ShownCells:
        """Every cell there is."""


class Total(NamedTuple):
    """Units of cells, whatever account they are in."""

    cell: I64  # SKU << NODE_BITS | node, rising
    units: I64

    def beyond(self, before: Total) -> Total:
        """What is more or less than before, where it is; cells come when units do."""
        cell = np.union1d(self.cell, before.cell)
        units = np.zeros(len(cell), np.int64)
        units[np.searchsorted(cell, self.cell)] += self.units
        units[np.searchsorted(cell, before.cell)] -= before.units
        return Total(cell[units != 0], units[units != 0])


class Watch:
    """``ask(path)`` answers HTTP status and body of a GET."""

    def __init__(self, cells: ReadsCells, ask: Callable[[str], tuple[int, bytes]], samples: Queue[Sample]) -> None:
        self._cells = cells
        self._ask = ask
        self._samples = samples
        self.looks = self.busy = self.orders_checked = 0
        self._findings: list[str] = []
        self._finding_count = 0
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._total = self._read()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Look at everything once more, then end."""
        self._stopped.set()
        self._thread.join()

    def told(self) -> dict[str, Any]:
        return {
            "cells_looked_at": self.looks,
            "cells_being_written": self.busy,
            "acknowledged_orders_read": self.orders_checked,
            "violations": self._finding_count,
        }

    @property
    def findings(self) -> list[str]:
        return list(self._findings)

    def stock_arrives(self, units: int, put: Callable[[], None]) -> None:
        """``put`` brings so many units in while nothing else changes."""
        with self._lock:
            put()
            total = self._read()
            came = int(total.units.sum() - self._total.units.sum())
            if came != units:
                self._find(f"{units} units were received, and the cells hold {came} more")
            self._total = total

    def look(self) -> None:
        """Every cell once."""
        with self._lock:
            try:
                total = self._read()
            except BlockBusy:  # being written or recovered: looked at again a moment later
                self.busy += 1
                return
            self.looks += 1
            wrong = total.beyond(self._total)
            if len(wrong.units):
                cell = f"{wrong.cell[0] >> NODE_BITS}/{wrong.cell[0] & NODE_MASK}"
                self._find(f"{len(wrong.units)} cells are out of balance; cell {cell} by {wrong.units[0]:+} units")

    def check(self, sample: Sample) -> None:
        """One acknowledged order against what a read says of it."""
        until_s = time.monotonic() + BACK_S_MAX
        while True:
            try:
                status, body = self._ask(f"/v1/orders/{sample.order_id}")
            except (OSError, http.client.HTTPException):
                status, body = 503, b""
            if status != 503 or time.monotonic() > until_s:
                break
            time.sleep(0.1)
        self.orders_checked += 1
        if status != 200:
            self._find(f"{sample.order_id} was acknowledged and reads as HTTP {status}")
            return
        view = msgspec.json.decode(body)
        if (view["status"], view["total"]) != (sample.status, sample.total):
            self._find(f"{sample.order_id} was acknowledged as {sample[1:]} and reads {view['status']} {view['total']}")

    def _run(self) -> None:
        try:
            self._look_and_check()
        except Exception as fault:  # a watch that ends unseen would look like promises that hold
            self._find(f"the watch ended early ({type(fault).__name__}: {fault})")

    def _look_and_check(self) -> None:
        while not self._stopped.is_set():
            until_s = time.monotonic() + LOOK_EVERY_S
            self.look()
            while (left_s := until_s - time.monotonic()) > 0 and not self._stopped.is_set():
                self._check_next(left_s)
        self.look()
        while self._check_next(LOOK_EVERY_S):
            pass

    def _check_next(self, seconds: float) -> bool:
        try:
            sample = self._samples.get(timeout=seconds)
        except queue.Empty:
            return False
        if sample.status != "rejected":  # one that is sent again is judged anew, so it need not read the same
            self.check(sample)
        return True

    def _read(self) -> Total:
        """Units in every cell; notes cells that have less than nothing."""
        cells = self._cells.all_cells()
        if int(cells.available.min(initial=0)) < 0:
            self._find(f"{int((cells.available < 0).sum())} cells have less than nothing available")
        return Total(
            cells.sku.astype(np.int64) << NODE_BITS | cells.node, cells.available + cells.held + cells.allocated
        )

    def _find(self, sentence: str) -> None:
        self._finding_count += 1
        if len(self._findings) < FINDINGS_TOLD:
            self._findings.append(sentence)
