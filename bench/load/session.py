"""One run of the lab: warm up, ramp to the knee, hold, check; for every number of reads an order that is asked for."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np

from actors.cli.output import Progress
from actors.store.data_folder import DataFolder
from actors.store.mapped import SharedArenaReader
from bench.harness.answers import WrongAnswers
from bench.harness.tables import FLASH_SALE_UNITS, NODES
from bench.harness.workload import CHUNK_ORDERS, Workload
from bench.load import figures
from bench.load.arrivals import Burst, Phase
from bench.load.asker import Asked, Asker
from bench.load.figures import Series
from bench.load.knee import BACKLOG_S, Probe, find_knee
from bench.load.scenarios import Scenario
from bench.load.sender import Sender, Sent
from bench.load.tally import Totals
from bench.load.watch import Watch
from bench.load.worker import SPAWN, START_DELAY_S, Worker
from router.ledger.shown_cells import CellsReader

HOLDS = (0.5, 0.9)  # of the knee
READS_GUESS_PER_S = 400_000  # where to look first when reads come with the orders; the ramp finds out
KNOWN_IDS = 2_000  # stored orders that are read again and again
POLL_S = 0.05


class Target(Protocol):
    """The router that is measured."""

    @property
    def address(self) -> tuple[str, int]: ...

    @property
    def key(self) -> str: ...

    @property
    def folder(self) -> Any: ...

    def request(self, method: str, path: str, body: bytes = b"", media_type: str = "") -> tuple[int, bytes]: ...


@dataclass(frozen=True)
class Extent:
    """How large a run is."""

    burst_orders: int
    probe_s: float
    hold_s: float


@dataclass
class Hold:
    """One rate held: what it came to, and what the plots show."""

    told: dict[str, Any]
    series: Series
    curve: list[float]
    reads_curve: list[float]
    killed_at_s: float | None


@dataclass
class Loaded:
    """Ramp and holds with one number of reads an order."""

    reads_per_order: float
    knee_per_s: float
    probes: list[Probe] = field(default_factory=list)
    latencies: list[dict[str, float]] = field(default_factory=list)  # of each probe
    holds: list[Hold] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        ramp = [
            asdict(probe) | {"latency": latency, "sustained": probe.is_sustained, "why_not": probe.why_not}
            for probe, latency in zip(self.probes, self.latencies, strict=True)
        ]
        return {
            "reads_per_order": self.reads_per_order,
            "knee_orders_per_s": round(self.knee_per_s),
            "ramp": ramp,
            "holds": [hold.told for hold in self.holds],
        }


class Lab:
    """``with Lab(…) as lab: lab.warm_up(); lab.load(0)``; the target runs and has its tables."""

    def __init__(
        self, target: Target, scenario: Scenario, stream_format: str, extent: Extent, kill: Callable[[], None]
    ) -> None:
        self._target, self._scenario, self._extent, self._kill = target, scenario, extent, kill
        self._workload = Workload(scenario.mix)
        samples = SPAWN.Queue()
        cells = CellsReader(SharedArenaReader(DataFolder(target.folder).shared / "ledger"))
        self.watch = Watch(cells, lambda path: target.request("GET", path), samples)
        self._sender = Worker(Sender, target.address, target.key, stream_format, scenario.mix, samples)
        self._asker: Worker | None = None
        self._first = 0
        self._restocked = 0
        self._progress = Progress()
        self.capacity_per_s = 0.0
        self.totals = Totals()
        self.read_findings: list[str] = []

    def __enter__(self) -> Lab:
        self.watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._sender.close()
        if self._asker is not None:
            self._asker.close()
        self.watch.stop()
        self._progress.done()

    def warm_up(self) -> None:
        """Two bursts as fast as they are taken; the second says where to look for the knee."""
        for _ in range(2):
            first = self._first
            sent, _, _ = self._run(Burst(self._extent.burst_orders, first), None, False, "a burst")
            self.capacity_per_s = sent.orders / float(sent.arrived_s[-1])
        if any(self._scenario.reads_per_order):
            numbers = self._workload.own_numbers(self._extent.burst_orders)
            known = [self._workload.order_id(at) for at in numbers[:: max(1, len(numbers) // KNOWN_IDS)].tolist()]
            self._asker = Worker(Asker, self._target.address, self._target.key, self._scenario.mix, known)

    def load(self, reads_per_order: float) -> Loaded:
        loaded = Loaded(reads_per_order, 0.0)
        begin = min(self.capacity_per_s, READS_GUESS_PER_S / reads_per_order if reads_per_order else math.inf)

        def probe(per_s: float) -> Probe:
            phase = Phase(per_s, self._extent.probe_s, self._first)
            what = f"ramp, {per_s:,.0f} orders/s" + (f" and {reads_per_order:g} reads each" if reads_per_order else "")
            sent, asked, _ = self._run(phase, self._reads(phase, reads_per_order), False, what)
            found = figures.probe_of(per_s, phase.seconds, sent, asked)
            loaded.probes.append(found)
            loaded.latencies.append(figures.percentiles(figures.waited_ms(sent)))
            return found

        loaded.knee_per_s = find_knee(begin, probe)
        for share in HOLDS:
            loaded.holds.append(self._hold(share, loaded.knee_per_s, reads_per_order))
        return loaded

    def _reads(self, phase: Phase, reads_per_order: float) -> Phase | None:
        return Phase(phase.per_s * reads_per_order, phase.seconds, phase.first) if reads_per_order else None

    def _hold(self, share: float, knee_per_s: float, reads_per_order: float) -> Hold:
        if self._scenario.restocks:
            self._restock()
        phase = Phase(share * knee_per_s, self._extent.hold_s, self._first)
        what = f"hold at {share:.0%} of the knee, {phase.per_s:,.0f} orders/s"
        reads = self._reads(phase, reads_per_order)
        sent, asked, killed_at_s = self._run(phase, reads, self._scenario.kills_shard, what)
        waited = figures.waited_ms(sent)
        told = {
            "of_knee": share,
            "offered_per_s": round(phase.per_s),
            "orders": sent.orders,
            "answered_per_s": round(sent.orders / float(sent.arrived_s[-1])),
            "latency": figures.percentiles(waited),
            "backlog_max": int(figures.backlog_over(sent)[1].max(initial=0)),
            "by_status": dict(sent.tally.by_status),
            "reasons": dict(sent.tally.reasons),
            "duplicates": sent.tally.duplicates,
            "checksum": sent.tally.checksum,
        }
        if asked is not None:
            told["reads"] = _reads_told(asked, phase.seconds)
        if killed_at_s is not None:
            told["killed_at_s"] = round(killed_at_s, 3)
            told["longest_silence_s"] = figures.longest_silence_s(sent)
            told["caught_up_after_s"] = figures.caught_up_s(sent, killed_at_s, BACKLOG_S * phase.per_s)
        reads_curve = figures.curve(asked.waited_ms) if asked is not None else []
        return Hold(told, figures.series(sent), figures.curve(waited), reads_curve, killed_at_s)

    def _run(
        self, phase: Phase | Burst, reads: Phase | None, kills: bool, what: str
    ) -> tuple[Sent, Asked | None, float | None]:
        """One phase to its last answer; when the shard was killed, seconds since the start."""
        workers = [self._sender]
        self._sender.prepare(phase)
        if reads is not None:
            assert self._asker is not None, "only scenarios with reads ask for them"
            self._asker.prepare(reads)
            workers.append(self._asker)
        at_s = time.perf_counter() + START_DELAY_S
        for worker in workers:
            worker.start(at_s)
        killed_at_s = self._wait(at_s, phase.seconds / 2 if kills and isinstance(phase, Phase) else math.inf, what)
        sent: Sent = self._sender.result()
        asked: Asked | None = self._asker.result() if reads is not None and self._asker is not None else None
        self._first += -(-sent.orders // CHUNK_ORDERS) * CHUNK_ORDERS
        self.totals.add(sent.tally)
        self.read_findings += asked.findings if asked is not None else []
        return sent, asked, killed_at_s

    def _wait(self, at_s: float, kill_after_s: float, what: str) -> float | None:
        killed_at_s = None
        while not self._sender.poll(POLL_S):
            passed_s = time.perf_counter() - at_s
            if killed_at_s is None and passed_s >= kill_after_s:
                self._kill()
                killed_at_s = time.perf_counter() - at_s
            said = self.watch.told()
            self._progress.show(
                f"{what}: {max(passed_s, 0):.0f} s, {said['cells_looked_at']} looks at all cells, "
                f"{said['acknowledged_orders_read']} orders read back, {said['violations']} violations"
            )
        return killed_at_s

    def _restock(self) -> None:
        """The scarce SKU's units once more, as receipts."""
        self._restocked += 1
        share, rest = divmod(FLASH_SALE_UNITS, len(NODES))
        rows = [
            {
                "movement_id": f"lab-{self._restocked}-{node[0]}",
                "kind": "receipt",
                "sku": self._workload.sku_text[0],
                "node": node[0],
                "qty": share + (rest if at == 0 else 0),
            }
            for at, node in enumerate(NODES)
        ]

        def put() -> None:
            body = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
            status, answer = self._target.request("POST", "/v1/stock", body, "application/x-ndjson")
            if status != 200 or answer.count(b'"applied"') != len(rows):
                raise WrongAnswers(f"POST /v1/stock answered {status}: {answer[:500].decode(errors='replace')}")

        self.watch.stock_arrives(FLASH_SALE_UNITS, put)


def _reads_told(asked: Asked, seconds: float) -> dict[str, Any]:
    return {
        "calls": asked.calls,
        "reads_per_s": round(asked.reads / seconds),
        "by_http_status": {str(status): count for status, count in sorted(asked.statuses.items())},
        "unanswered": asked.unanswered,
        "latency": figures.percentiles(np.asarray(asked.waited_ms)),
    }
