"""The load lab on a small scale: against real engines behind a real gateway, and its arithmetic by hand."""

from __future__ import annotations

import json
import pathlib
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from actors.care.verify import Verifier
from actors.cli import bench
from actors.store.data_folder import DataFolder
from bench.harness import report as _harness
from bench.harness.tables import as_ndjson, tables_for
from bench.harness.workload import CHUNK_ORDERS, MIXES, Workload
from bench.load import figures, knee
from bench.load.arrivals import Phase, arrivals
from bench.load.run import balance, write
from bench.load.scenarios import SCENARIOS, Scenario
from bench.load.sender import Sample, Sender, Sent
from bench.load.session import Extent, Lab
from bench.load.tally import Tally, Totals
from bench.load.watch import Watch
from router.config import Config
from router.ledger.shown_cells import ShownCells
from tests.actors.test_gateway_http import start
from tests.labs.gateway_engines import EngineBackend
from tests.labs.gateway_lab import request

ROOT = pathlib.Path(__file__).parents[2]


class Target:
    """A gateway, a shard and the ledger in this process; once stopped, its folder can be verified."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self._stopped = False
        self._lab = start(folder, core=EngineBackend)
        self.key = self._lab.keys["admin"]
        self.address = ("127.0.0.1", self._lab.port)
        self.url = f"http://127.0.0.1:{self._lab.port}"

    def request(self, method: str, path: str, body: bytes = b"", media_type: str = "") -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": media_type or "application/json"}
        status, _, answer = request(self._lab.port, method, path, body or None, headers)
        return status, answer

    def stop(self) -> None:
        if self._stopped:
            return
        self._stopped = True
        self._lab.thread.run(self._lab.service.drain(patience_s=0.1))
        self._lab.thread.close()
        self._lab.backend.close()


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    running = Target(tmp_path_factory.mktemp("lab"))
    for table, rows in tables_for(Workload(), 1_000_000).items():
        assert running.request("PUT", f"/v1/tables/{table}", as_ndjson(rows), "application/x-ndjson")[0] == 200
    yield running
    running.stop()
    shutil.rmtree(DataFolder(running.folder).shared, ignore_errors=True)


class Samples(list[Sample]):
    put = list.append


def test_the_sender_counts_every_answer_to_json_lines(target: Target) -> None:
    samples = Samples()
    sender = Sender(target.address, target.key, "ndjson", "everyday", samples)  # type: ignore[arg-type]
    sent = sender.prepare(Phase(8_000, 0.5, first=4096 * CHUNK_ORDERS))(time.perf_counter() + 0.05)
    assert sent.orders == sent.arrived[-1] == sent.tally.by_status.total()
    assert sent.tally.accepted == sent.orders - sent.tally.duplicates and sent.tally.units > sent.tally.accepted
    assert (figures.waited_ms(sent) > 0).all(), "no order is answered before it is due"
    assert (np.diff(sent.arrived) > 0).all() and (np.diff(sent.arrived_s) > 0).all(), "moments at which answers came"
    assert samples and all(target.request("GET", f"/v1/orders/{sample.order_id}")[0] == 200 for sample in samples)


@pytest.mark.soak
def test_locust_users_order_and_read_without_a_failure(target: Target) -> None:
    command = [
        sys.executable,
        "-m",
        "locust",
        "-f",
        str(ROOT / "bench/load/locust/locustfile.py"),
        "--headless",
        "--json",
    ]
    command += ["--host", target.url, "--router-key", target.key, "--reads-per-order", "2"]
    done = subprocess.run(
        [*command, "-u", "4", "-r", "100", "-t", "15"], cwd=ROOT, capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    asked = {stat["name"]: stat for stat in json.loads(done.stdout)}
    assert set(asked) == {"/v1/orders", "/v1/availability", "/v1/orders/{id}", "/v1/quotes"}
    assert not any(stat["num_failures"] for stat in asked.values())
    orders = asked["/v1/orders"]["num_requests"]
    reads = sum(stat["num_requests"] for stat in asked.values()) - orders
    assert 1 < reads / orders < 4, "two reads an order were asked for"


@pytest.mark.soak
def test_a_small_run_finds_a_knee_keeps_every_promise_and_reports_it(
    target: Target, tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    killed = threading.Event()
    scenario = Scenario("a small run", reads_per_order=(2.0,), kills_shard=True, restocks=True)
    with Lab(target, scenario, "arrow", Extent(CHUNK_ORDERS, 0.2, 0.6), killed.set) as lab:
        lab.warm_up()
        loaded = lab.load(2.0)
    target.stop()  # the last test that needs it
    verdict = Verifier(DataFolder(target.folder), Config(), lambda _: None).run().as_dict()
    assert verdict["ok"] and lab.watch.findings == lab.read_findings == []
    assert verdict["orders"] >= lab.totals.accepted > CHUNK_ORDERS, "other tests stored some, too"
    told = loaded.told()
    assert killed.is_set() and {0.5, 0.9} == {hold["of_knee"] for hold in told["holds"]}
    for hold in told["holds"]:
        assert hold["reads"]["by_http_status"].keys() == {"200"} and hold["reads"]["unanswered"] == 0
        assert hold["answered_per_s"] > 0.5 * hold["offered_per_s"] and "caught_up_after_s" in hold
    looked = lab.watch.told()
    assert looked["cells_looked_at"] > 4 and looked["acknowledged_orders_read"] > 10 and not looked["violations"]
    assert any(probe.is_sustained and probe.per_s == loaded.knee_per_s for probe in loaded.probes)
    assert "looks at all cells" in capfd.readouterr().err, "progress is shown while it runs"
    check_report(write(result_of(told, looked, verdict), [loaded], tmp_path), tmp_path)


def result_of(told: dict[str, Any], looked: dict[str, int], verdict: dict[str, Any]) -> dict[str, Any]:
    return {
        "bench": "lab small arrow",
        "scenario": "a <small> run",
        "seconds": 1.0,
        "shards": 1,
        "knee": "as defined",
        "burst_orders_per_s": 1,
        "loads": [told],
        "invariants": looked | {"verify_ok": verdict["ok"], "orders_stored": verdict["orders"]},
        "orders_accepted": 1,
        "units_promised": 1,
        "state_hash": verdict["state_hash"],
        "violations": [],
        "conditions": _harness.conditions(),
    }


def check_report(result: dict[str, Any], folder: pathlib.Path) -> None:
    page, text = (folder / "report.html").read_text(), (folder / "report.txt").read_text()
    assert json.loads((folder / "report.json").read_text()) == result
    assert page.count("<svg") == 4 and "a &lt;small&gt; run" in page
    for outside in ("<script", "src=", 'href="http', "@import", "url(http"):
        assert outside not in page, "the page needs nothing from elsewhere"
    for said in (page, text):
        assert result["checksum"] in said and result["conditions"]["commit"] in said and "Knee at" in said


# --- arithmetic ----------------------------------------------------------------------------------


def sent_of(due_s: list[float], counts: list[int], arrived_s: list[float], arrived: list[int]) -> Sent:
    moments = np.array(due_s), np.array(counts), np.array(arrived_s), np.array(arrived)
    return Sent(*moments, Tally(Counter(), Counter(), 0, 0, 0, ""))


def test_an_order_waits_from_the_moment_it_was_due() -> None:
    """Answers stand still from 0.1 to 1.0 s: every order due meanwhile has waited, not only the first."""
    stalled = sent_of([0.1 * tick for tick in range(1, 11)], [10] * 10, [0.1, 1.1], [10, 100])
    assert figures.waited_ms(stalled)[:10].max() == 0
    assert np.allclose(figures.waited_ms(stalled)[10::10], [900, 800, 700, 600, 500, 400, 300, 200, 100])
    assert figures.longest_silence_s(stalled) == 1.0
    assert figures.caught_up_s(stalled, since_s=0.5, backlog_max=10) == 0.5
    over = figures.series(stalled)
    assert over.backlog.max() == 90 and over.answered_per_s.sum() * figures.BIN_S == 100
    assert np.nanmax(over.p99_ms) == pytest.approx(900)


def test_arrivals_are_as_many_as_asked_for_and_not_evenly_spread() -> None:
    due_s, counts = arrivals(20_000, 5.0, seed=3)
    assert counts.sum() == pytest.approx(100_000, rel=0.02)
    assert counts.std() == pytest.approx(10, rel=0.15), "the size of a batch is drawn from a Poisson distribution"
    assert due_s[0] > 0 and due_s[-1] <= 5.0 and (np.diff(due_s) > 0).all()


@pytest.mark.parametrize(
    ("probe", "said"),
    [
        (knee.Probe(1_000, 199.0, 50, 90), ""),
        (knee.Probe(1_000, 201.0, 50, 90), "p99 201 ms is above 200 ms"),
        (knee.Probe(1_000, 10.0, 50, 101), "the backlog grew from 50 to 101 orders"),
        (knee.Probe(1_000, 10.0, 0, 90), ""),  # less than what arrives in a tenth of a second
        (knee.Probe(1_000, 10.0, 50, 90, reads_p99_ms=250.0), "p99 of reads 250 ms is above 200 ms"),
    ],
)
def test_a_rate_is_sustained_when_latency_and_backlog_are_bounded(probe: knee.Probe, said: str) -> None:
    assert (probe.why_not, probe.is_sustained) == (said, not said)


@pytest.mark.parametrize("true_knee", [900.0, 5_000.0, 47_000.0])
def test_the_knee_is_found_from_below_within_a_tenth(true_knee: float) -> None:
    tried = []

    def probe(per_s: float) -> knee.Probe:
        tried.append(per_s)
        unlucky = len(tried) == 2  # one bad probe must not end the ramp
        return knee.Probe(per_s, 500.0 if per_s > true_knee or unlucky else 5.0, 0, 0)

    found = knee.find_knee(20_000.0, probe)
    assert 0.9 * true_knee < found <= true_knee and len(tried) < 20


def test_a_machine_that_sustains_nothing_is_told_so() -> None:
    with pytest.raises(knee.NoKnee, match="were not sustained either"):
        knee.find_knee(1_000.0, lambda per_s: knee.Probe(per_s, 500.0, 0, 0))


class Cells:
    """Three cells that a test changes."""

    def __init__(self) -> None:
        self.available, self.held, self.allocated = np.array([5, 0, 2]), np.zeros(3, int), np.array([1, 0, 0])

    def all_cells(self) -> ShownCells:
        sku, node = np.array([0, 0, 2], np.int32), np.array([0, 3, 1], np.int16)
        return ShownCells(sku, node, self.available.copy(), self.held.copy(), self.allocated.copy())


def watch(cells: Cells, answer: tuple[int, bytes] = (200, b"")) -> Watch:
    return Watch(cells, lambda _: answer, queue.Queue())  # type: ignore[arg-type]


def test_units_that_move_between_accounts_are_conserved() -> None:
    cells = Cells()
    looking = watch(cells)
    cells.available[0], cells.allocated[0] = 3, 3
    looking.look()
    assert looking.looks == 1 and looking.findings == []


def test_units_that_vanish_or_were_never_there_are_found() -> None:
    cells = Cells()
    looking = watch(cells)
    cells.available[0] -= 1
    looking.look()
    cells.available[:], cells.allocated[:] = (6, 0, -1), (0, 0, 3)
    looking.look()
    assert looking.findings == [
        "1 cells are out of balance; cell 0/0 by -1 units",
        "1 cells have less than nothing available",
    ]


def test_stock_that_arrives_must_arrive_whole() -> None:
    cells = Cells()
    looking = watch(cells)

    def put(units: int) -> None:
        cells.available[1] += units

    looking.stock_arrives(7, lambda: put(7))
    looking.look()
    assert looking.findings == []
    looking.stock_arrives(7, lambda: put(6))
    assert looking.findings == ["7 units were received, and the cells hold 6 more"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((200, b'{"status":"allocated","total":900}'), []),
        ((404, b"{}"), ["o1 was acknowledged and reads as HTTP 404"]),
        ((200, b'{"status":"held","total":900}'), ["o1 was acknowledged as ('allocated', 900) and reads held 900"]),
        (
            (200, b'{"status":"allocated","total":901}'),
            ["o1 was acknowledged as ('allocated', 900) and reads allocated 901"],
        ),
    ],
)
def test_an_acknowledged_order_must_read_as_it_was_acknowledged(answer: tuple[int, bytes], said: list[str]) -> None:
    looking = watch(Cells(), answer)
    looking.check(Sample("o1", "allocated", 900))
    assert looking.findings == said


def test_a_watch_that_cannot_go_on_is_a_violation() -> None:
    looking = watch(Cells(), (200, b"no JSON"))
    looking._samples.put(Sample("o1", "allocated", 900))
    looking.start()
    looking.stop()
    assert looking.told()["violations"] == 1 and "the watch ended early" in looking.findings[0]


def test_the_folder_must_hold_what_was_acknowledged() -> None:
    totals = Totals(accepted=10, units=25)
    verdict = {
        "findings": [],
        "shards": [{"states": {"allocated": 6, "held": 1, "rejected": 4}}, {"states": {"allocated": 3}}],
        "ledger": {"totals": {"allocated": 22, "held": 3}},
    }
    assert balance(totals, verdict) == []
    totals.accepted, totals.units = 11, 26
    assert len(balance(totals, verdict)) == 2


def test_every_scenario_names_a_mix_and_the_command_line_knows_them_all() -> None:
    assert tuple(SCENARIOS) == bench.SCENARIOS
    assert {scenario.mix for scenario in SCENARIOS.values()} <= set(MIXES)
    assert (SCENARIOS["mixed_reads"].reads_per_order[0], SCENARIOS["mixed_reads"].reads_per_order[-1]) == (2, 700)
