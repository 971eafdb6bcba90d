"""Many seeds, one after the other: how many schedules a second, what they came across, and what to do about a failure.

The seed is the whole test: ``--replay SEED`` shrinks that schedule and prints what is left of it, step by step.
"""

from __future__ import annotations

import argparse
import gc
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from multiprocessing import get_context
from typing import Any

from bench.trials.simulation.draw import draw
from bench.trials.simulation.plan import Plan
from bench.trials.simulation.run import Verdict, run
from bench.trials.simulation.shrink import shrunk

CHUNK_SEEDS = 50  # some 200 MB of ended worlds, then they are collected
CHUNKS_PER_PROCESS = 40  # then a new one: a heap cut up by so many worlds has grown to 2 GB, nearly all of it free
TWICE_EVERY = 50  # every so many seeds one is run a second time: the trace must be the same
FAILURES_TOLD = 5
PROGRESS_S = 5.0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m bench.trials.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1_000, help="schedules to run")
    parser.add_argument("--first", type=int, default=0, help="seed of the first")
    parser.add_argument("--seconds", type=float, default=0, help="stop after so long; 0: when all seeds ran")
    parser.add_argument("--workers", type=int, default=1, help="processes to run them in")
    parser.add_argument(
        "--replay", type=int, metavar="SEED", help="run one seed, shrink it when it fails, tell its steps"
    )
    given = parser.parse_args(arguments)
    if given.replay is not None:
        return replay(given.replay)
    return campaign(given.first, given.seeds, given.workers, given.seconds)


def failures_of(seed: int) -> tuple[list[str], Counter[str]]:
    """Violations of one seed, and what the schedule came across."""
    verdict = run(draw(seed))
    if verdict.ok and seed % TWICE_EVERY == 0 and run(draw(seed)).trace_hash != verdict.trace_hash:
        verdict.violations.append("the same seed ran in two different ways")
    return verdict.violations, verdict.met


def _chunk(seeds: range) -> tuple[int, list[tuple[int, str]], Counter[str]]:
    failures, met = [], Counter[str]()
    for seed in seeds:
        violations, found = failures_of(seed)
        met += found
        failures += [(seed, violations[0])] if violations else []
    gc.collect()
    return len(seeds), failures, met


def _settle() -> None:
    """Most objects live as long as their schedule, so they are collected between schedules and not within."""
    gc.collect()
    gc.freeze()
    gc.disable()


def campaign(first: int, count: int, workers: int, seconds_max: float) -> int:
    chunks = [range(at, min(at + CHUNK_SEEDS, first + count)) for at in range(first, first + count, CHUNK_SEEDS)]
    began, done, failures, met = time.monotonic(), 0, [], Counter[str]()
    told_s = began
    for ran, failed, found in _results(chunks, workers):
        done += ran
        failures += failed
        met += found
        for seed, sentence in failed:
            print(f"seed {seed}: {sentence}", file=sys.stderr, flush=True)
        now = time.monotonic()
        if now - told_s > PROGRESS_S:
            told_s = now
            print(
                f"{done} schedules, {done / (now - began):.1f}/s, {len(failures)} failed", file=sys.stderr, flush=True
            )
        if len(failures) >= FAILURES_TOLD or (seconds_max and now - began > seconds_max):
            break
    _tell(first, done, time.monotonic() - began, failures, met)
    return 1 if failures else 0


def _results(chunks: list[range], workers: int) -> Iterator[Any]:
    if workers == 1:
        _settle()
        yield from map(_chunk, chunks)
        return
    with get_context("spawn").Pool(workers, _settle, maxtasksperchild=CHUNKS_PER_PROCESS) as pool:
        yield from pool.imap(_chunk, chunks)


def _tell(first: int, done: int, elapsed_s: float, failures: list[tuple[int, str]], met: Counter[str]) -> None:
    for what, times in sorted(met.items()):
        print(f"{times:>10}  {what}")
    print(f"{done} schedules, seeds {first} to {first + done - 1}, {done / elapsed_s:.1f}/s, {len(failures)} failed")
    for seed, sentence in failures:
        print(f"seed {seed}: {sentence}\n    python -m bench.trials.simulation --replay {seed}")


def replay(seed: int) -> int:
    verdict = run(draw(seed))
    if verdict.ok:
        print(_told(verdict))
        return 0
    kind = _kind_of(verdict)
    smallest = shrunk(verdict.plan, lambda plan: _kind_of(run(plan)) == kind)
    print(_told(run(smallest)))
    return 1


def _kind_of(verdict: Verdict) -> str:
    """The first violation without its numbers, so that shrinking does not lead from one fault to another."""
    return re.sub(r"\d+", "", verdict.violations[0]) if verdict.violations else ""


def _told(verdict: Verdict) -> str:
    steps = [f"{now_ms:>6} ms  {who:<16} {what} {detail}".rstrip() for now_ms, who, what, detail in verdict.trace]
    return "\n".join([*_plan_told(verdict.plan), *steps, f"trace {verdict.trace_hash:016x}", *verdict.violations])


def _plan_told(plan: Plan) -> Iterator[str]:
    yield f"seed {plan.seed}: {plan.lost_percent} % of messages lost, {plan.doubled_percent} % doubled, "
    yield f"    {plan.late_percent} % very late, new tables at {plan.new_tables_at_ms} ms"
    for number, request in enumerate(plan.requests):
        yield f"    request {number} of client {request.client}"
        for row in request.rows:
            yield f"        {row}"
    for fault in plan.faults:
        yield f"    {fault}"
