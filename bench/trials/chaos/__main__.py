"""``python -m bench.trials.chaos``: every kind of fault in turn, and a summary; ends with 1 when a promise broke."""

from __future__ import annotations

import argparse
import contextlib
import json
import pathlib
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from actors.cli.first_start import compile_kernels
from bench.harness import report as _harness
from bench.trials.chaos import cheats, cluster, disk, hostile, kills, pauses, shim
from bench.trials.chaos.router import ChaosRouter
from bench.trials.chaos.world import World, say

ORDERS_PER_KILL = 40  # so much stock; some SKUs run short, so that overselling would show
FAULTS = ("kills", "pauses", "stale", "syncs", "clock", "hostile", "disk", "node")
Result = dict[str, Any]


def main(given: list[str] | None = None) -> int:
    arguments = _parser().parse_args(given)
    compile_kernels()
    began_s = time.monotonic()
    results: Result = {"conditions": _harness.conditions(), "seed": arguments.seed}
    for name, measure in _parts(arguments).items():
        say(f"— {name}")
        results[name] = measure()
    results["elapsed_s"] = round(time.monotonic() - began_s, 1)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1), encoding="utf-8")
    print(as_text(results))
    return 1 if any(violations_of(results)) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.trials.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=1_000, help="kill -9 over one stream of orders")
    parser.add_argument("--minutes", type=float, default=40.0, help="stop killing after so long")
    parser.add_argument("--shards", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=FAULTS, action="append", help="leave the others out; may be repeated")
    parser.add_argument("--json", type=pathlib.Path, help="write all figures here as well")
    return parser


def _parts(given: argparse.Namespace) -> dict[str, Callable[[], Result]]:
    """What is to be run, by the name it has in the summary; parts with one router share it."""
    wanted = set(given.only or FAULTS)
    parts: dict[str, Callable[[], Result]] = {}
    if "kills" in wanted:
        parts["kills"] = lambda: kill_campaign(given.kills, given.minutes * 60, given.shards, given.seed)
    if wanted & {"pauses", "stale", "syncs", "clock", "hostile"}:
        parts["faults"] = lambda: other_faults(wanted, given.shards, given.seed)
    if "disk" in wanted:
        parts["disk full, with a reserve"] = lambda: _full_disk(disk.RESERVE_MIB, given.seed)
        parts["disk full, without"] = lambda: _full_disk(disk.NO_RESERVE_MIB, given.seed)
    if "node" in wanted:
        parts["a node of three"] = lambda: cluster.lost_node(given.seed)
    return parts


def kill_campaign(count: int, seconds_max: float, shards: int, seed: int) -> Result:
    with World(ChaosRouter(shards), count * ORDERS_PER_KILL, seed) as world:
        killings = kills.Killings(world)
        killings.run(kills.plan(world.rng, count, shards), time.monotonic() + seconds_max)
        return {**killings.figures(), **world.verdict()}


def other_faults(wanted: set[str], shards: int, seed: int) -> Result:
    """Everything that one running router has to bear, under one pair of feeds."""
    with contextlib.ExitStack() as open_while_it_runs:
        faults, variables = None, {}
        if not shim.missing():
            folder = pathlib.Path(open_while_it_runs.enter_context(tempfile.TemporaryDirectory()))
            faults = open_while_it_runs.enter_context(shim.Shim(folder))
            variables = faults.variables
        router = ChaosRouter(shards, variables=variables)
        world = open_while_it_runs.enter_context(World(router, hostile.UNREAD_ORDERS, seed))
        result = {
            name: fault() for name, fault in _faults_of(world, faults).items() if name.partition(":")[0] in wanted
        }
        return {**result, **world.verdict()}


def _faults_of(world: World, faults: shim.Shim | None) -> dict[str, Callable[[], Result]]:
    """By name; the first word is the name for ``--only``."""
    found: dict[str, Callable[[], Result]] = {
        "hostile: slow clients": lambda: hostile.slow_clients(world),
        "hostile: flood": lambda: hostile.flood(world),
        "hostile: unread answers": lambda: hostile.unread_answers(world),
        "pauses": lambda: pauses.pauses(world),
        "stale": lambda: pauses.replaced_owner(world),
    }
    if faults is None:
        say(f"syncs and clock are left out: {shim.missing()}")
        return found
    return found | {
        "clock": lambda: cheats.clock_jumps(world, faults),
        "syncs": lambda: cheats.failing_syncs(world, faults),
        "syncs: broken disk": lambda: cheats.broken_disk(world, faults),
    }


def _full_disk(reserve_mib: int, seed: int) -> Result:
    reason = disk.missing()
    return {"left_out": reason} if reason else disk.disk_full(reserve_mib, seed)


def violations_of(results: Result) -> list[str]:
    return [sentence for part in results.values() if isinstance(part, dict) for sentence in part.get("violations", [])]


def as_text(results: Result) -> str:
    """A block a part, the summary of promises last."""
    lines = []
    for name, part in results.items():
        if name == "conditions" or not isinstance(part, dict):
            continue
        lines += [name, *_figures(part, "  ")]
    broken = violations_of(results)
    lines.append(f"{len(broken)} promises broken" if broken else "every promise held")
    lines.append(f"seed {results['seed']}, {results['elapsed_s']} s")
    said = results["conditions"]
    lines.append(f"{said['cpu']}, {said['cores']} cores, Linux {said['kernel']}, commit {said['commit']}")
    return "\n".join(lines)


def _figures(part: Result, indent: str) -> list[str]:
    lines = []
    for name, value in part.items():
        label = name.replace("_", " ")
        if isinstance(value, dict) and any(isinstance(item, dict) for item in value.values()):
            lines += [f"{indent}{label}", *_figures(value, indent + "  ")]
        elif isinstance(value, dict):
            told = ", ".join(f"{key.replace('_', ' ')} {item}" for key, item in value.items())
            lines.append(f"{indent}{label:<24}{told}")
        elif isinstance(value, list):
            lines += [f"{indent}{label:<24}{len(value)}", *(f"{indent}  {item}" for item in value)]
        else:
            is_count = isinstance(value, int) and not isinstance(value, bool)
            lines.append(f"{indent}{label:<24}{value:,}" if is_count else f"{indent}{label:<24}{value}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
