"""Fuzz targets side by side for a given time, say what ran, and how to see every finding again.

Each target gets its share of the time in a process of its own. Inputs that reached new code are kept below
``var/fuzz`` and are where the next run begins; the examples of the repository are where the first one does.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from bench.trials.fuzz.corpus_files import FOLDER
from bench.trials.fuzz.targets import TARGETS, examine

KEPT = pathlib.Path("var/fuzz")
INPUT_S_MAX = 20
MEMORY_MB_MAX = 2_048
_EXECUTED = re.compile(rb"stat::number_of_executed_units:\s+(\d+)")


@dataclass(frozen=True)
class Ran:
    """One target's time."""

    target: str
    seconds: int
    executions: int
    findings: list[pathlib.Path]
    said: bytes  # the end of what the process wrote (the traceback), where it did not end well


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m bench.trials.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="of processor time, over all targets and workers")
    parser.add_argument("--workers", type=int, default=2, help="processes at a time")
    parser.add_argument("--target", action="append", choices=sorted(TARGETS), help="only these")
    parser.add_argument("--replay", nargs=2, metavar=("TARGET", "FILE"), help="give one input to a target again")
    given = parser.parse_args(arguments)
    if given.replay is not None:
        target, file = given.replay
        examine(target)(pathlib.Path(file).read_bytes())
        print(f"{file}: the target {target} finds nothing wrong with it")
        return 0
    return fuzz(given.target or list(TARGETS), given.seconds, given.workers)


def fuzz(names: list[str], seconds: int, workers: int) -> int:
    whole = sum(TARGETS[name].share for name in names)
    times = [max(1, round(seconds * TARGETS[name].share / whole)) for name in names]
    executions, findings = 0, 0
    with ThreadPoolExecutor(workers) as pool:
        for ran in pool.map(_run, names, times):
            executions += ran.executions
            findings += len(ran.findings) + bool(ran.said and not ran.findings)
            print("\n".join(_told(ran)), flush=True)
    print(f"{executions} executions, {findings} findings")
    return 1 if findings else 0


def _run(name: str, seconds: int) -> Ran:
    corpus, found = KEPT / "corpus" / name, KEPT / "found" / name
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    before = set(found.iterdir())
    options = {
        "max_total_time": seconds, "max_len": TARGETS[name].bytes_max, "timeout": INPUT_S_MAX,
        "rss_limit_mb": MEMORY_MB_MAX, "artifact_prefix": f"{found}/", "print_final_stats": 1,
    }  # fmt: skip
    command = [sys.executable, "-m", "bench.trials.fuzz.worker", name, str(corpus), str(FOLDER / name)]
    process = subprocess.run(
        [*command, *(f"-{option}={value}" for option, value in options.items())],
        capture_output=True, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    executed = _EXECUTED.search(process.stderr)
    said = b"" if process.returncode == 0 else process.stdout[-3_000:] + process.stderr[-1_000:]
    return Ran(name, seconds, int(executed[1]) if executed else 0, sorted(set(found.iterdir()) - before), said)


def _told(ran: Ran) -> Iterator[str]:
    yield f"{ran.target:<18} {ran.executions:>10} executions in {ran.seconds:>4} s"
    if ran.said:
        yield ran.said.decode(errors="replace")
    for path in ran.findings:
        yield f"    python -m bench.trials.fuzz --replay {ran.target} {path}"
