"""``order-router bench lab``: a router of its own, one scenario on it, the promises checked, one report."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import sys
from typing import Any

from bench.harness import report as _harness
from bench.harness.processes import title_of
from bench.harness.server import Server, ServerFailed
from bench.harness.workload import CHUNK_ORDERS, Workload
from bench.load import report
from bench.load.knee import BACKLOG_S, P99_MS_MAX
from bench.load.scenarios import SCENARIOS
from bench.load.session import Extent, Lab, Loaded
from bench.load.tally import Totals

PLANNED_ORDERS = 20_000_000  # stock that everyday orders do not use up
BURST_ORDERS = {"b2b": CHUNK_ORDERS}
BURST_ORDERS_ELSE = 16 * CHUNK_ORDERS
PROBE_S_MIN, PROBE_S_MAX, PROBE_PART = 1.0, 3.0, 0.3
SHARD_TITLE = "ray::OrderShard"


def run(scenario: str, stream_format: str, seconds: float, shards: int, out: str) -> dict[str, Any]:
    """``violations`` is empty when every promise held."""
    conditions, chosen = _harness.conditions(), SCENARIOS[scenario]
    probe_s = min(max(PROBE_PART * seconds, PROBE_S_MIN), PROBE_S_MAX)
    extent = Extent(BURST_ORDERS.get(chosen.mix, BURST_ORDERS_ELSE), probe_s, seconds)
    with Server(shards=shards) as server:
        server.load(Workload(chosen.mix), PLANNED_ORDERS)
        with Lab(server, chosen, stream_format, extent, lambda: _kill_shard(server)) as lab:
            lab.warm_up()
            loads = [lab.load(reads) for reads in chosen.reads_per_order]
        server.stop()
        print("verify: reading every record again", file=sys.stderr, flush=True)
        verdict = server.verify()
    violations = lab.watch.findings + lab.read_findings + balance(lab.totals, verdict)
    result = {
        "bench": f"lab {scenario} {stream_format}",
        "scenario": chosen.text,
        "seconds": seconds,
        "shards": shards,
        "knee": f"highest offered rate with p99 at most {P99_MS_MAX:g} ms and a backlog that does not grow "
        f"(at most doubled between the second and the last quarter, or what arrives in {BACKLOG_S:g} s)",
        "burst_orders_per_s": round(lab.capacity_per_s),
        "loads": [load.told() for load in loads],
        "invariants": lab.watch.told() | {"verify_ok": verdict["ok"], "orders_stored": verdict["orders"]},
        "orders_accepted": lab.totals.accepted,
        "units_promised": lab.totals.units,
        "state_hash": verdict["state_hash"],
        "violations": violations,
        "conditions": conditions,
    }
    return write(result, loads, pathlib.Path(out) / f"{scenario}-{stream_format}")


def write(result: dict[str, Any], loads: list[Loaded], folder: pathlib.Path) -> dict[str, Any]:
    """The report three times: page, figures, text. All three carry the checksum of the figures."""
    folder.mkdir(parents=True, exist_ok=True)
    result["checksum"] = report.checksum(result)
    text = report.as_text(result)
    (folder / "report.txt").write_text(text + "\n", encoding="utf-8")
    (folder / "report.html").write_text(report.as_html(result, loads), encoding="utf-8")
    result["report"] = str(folder / "report.html")
    (folder / "report.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return result


def balance(totals: Totals, verdict: dict[str, Any]) -> list[str]:
    """What the folder holds against what the clients were told."""
    wrong = [f"verify: {finding['where']}: {finding['what']}" for finding in verdict["findings"]]
    stored = sum(sum(shard["states"].values()) - shard["states"].get("rejected", 0) for shard in verdict["shards"])
    if stored != totals.accepted:
        wrong.append(f"{stored} accepted orders are stored, {totals.accepted} were acknowledged")
    units = verdict["ledger"].get("totals", {})
    taken = units.get("allocated", 0) + units.get("held", 0)
    if taken != totals.units:
        wrong.append(f"the ledger took {taken} units, the acknowledgements promise {totals.units}")
    return wrong


def _kill_shard(server: Server) -> None:
    """kill -9 of one shard; with a single shard the ledger lives in the same process and goes with it."""
    shard = next((number for number in server.processes() if SHARD_TITLE in title_of(number)), None)
    if shard is None:
        raise ServerFailed("No process of a shard runs.")
    os.kill(shard, signal.SIGKILL)
