"""Every budget of the design, what is measured here and now, and how much of the goal that is.

    goal / measured / ratio        a ratio of 1 or more: reached, for costs and for rates alike

Benches run one after the other; a line whose bench fails, or that nothing measures, says why. ``--full`` stores more
orders before it looks at what an order costs then.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench.harness import report as _harness
from bench.speed import events, memory, pipeline, single, stream
from router.errors import RouterError

Run = dict[str, Any]
Runs = dict[str, Run | str]  # a bench's result, or in words why there is none

PIPELINE_ORDERS = 1_048_576
STREAM_ORDERS = 1_572_864
SINGLE_ORDERS, CONNECTIONS = 50_000, 256
STORED, STORED_FULL = 2_097_152, 5_000_000
EVENTS = 1_500_000
READY_S, READY_ORDERS_PER_S = 10.0, 10_000_000


@dataclass(frozen=True)
class Goal:
    """One line; ``read`` takes it out of the result of its bench."""

    text: str
    unit: str
    goal: float
    bench: str
    read: Callable[[Run], float]
    is_cost: bool = True


def _steps(*names: str) -> Callable[[Run], float]:
    return lambda run: float(sum(run["processor_us_per_order"][name] for name in names))


def _figure(name: str) -> Callable[[Run], float]:
    return lambda run: float(run[name])


def goals(stored: int) -> list[Goal]:
    ready_s = READY_S + stored / READY_ORDERS_PER_S
    return [
        Goal("admit NDJSON", "us an order", 3.5, "pipeline ndjson", _steps("decode", "begin")),
        Goal("admit Arrow", "us an order", 0.15, "pipeline arrow", _steps("decode", "begin")),
        Goal("ask", "us an order", 0.15, "pipeline arrow", _steps("ask")),
        Goal("commit, JSON acknowledgement", "us an order", 1.0, "pipeline ndjson", _steps("finish", "encode")),
        Goal("commit, Arrow acknowledgement", "us an order", 0.1, "pipeline arrow", _steps("finish", "encode")),
        Goal("log", "us an order and write", 0.25, "pipeline arrow", _steps("log_write")),
        Goal("Arrow, end to end", "orders/s", 1_000_000, "stream arrow", _figure("orders_per_s"), False),
        Goal("NDJSON, end to end", "orders/s", 300_000, "stream ndjson", _figure("orders_per_s"), False),
        Goal("single POSTs", "of a bare echo", 0.9, "single", _figure("ratio_to_echo"), False),
        Goal(
            "single POSTs at half that rate, p99", "ms", 10, "single", lambda run: float(run["at_half_load"]["p99_ms"])
        ),
        Goal(f"cost with {stored:,} stored", "times the first", 1.0, "memory", _figure("cost_last_to_first")),
        Goal("memory, open order, its units together", "bytes", 300, "memory", _figure("memory_bytes_per_order")),
        Goal("memory, open order, opened books", "bytes", 1_000, "memory", _figure("memory_bytes_per_opened_order")),
        Goal("memory, closed order", "bytes", 56, "memory", _figure("memory_bytes_per_closed_order")),
        Goal(f"ready after kill -9, {stored:,} stored", "s", ready_s, "memory", _figure("ready_after_kill_s")),
        *_event_goals(),
    ]


def _event_goals() -> list[Goal]:
    def stream(text: str, goal: float, name: str) -> Goal:
        return Goal(text, "events/s", goal, "events", lambda run: float(run[name]["events_per_s"]), False)

    def latency(text: str, name: str) -> Goal:
        return Goal(text, "ms", 100, "events", lambda run: float(run[name]["p99_ms"]))

    return [
        stream("events of whole orders, Arrow", 300_000, "whole_arrow"),
        stream("events of whole orders, NDJSON", 100_000, "whole_ndjson"),
        stream("events for parts, Arrow", 50_000, "parts_arrow"),
        stream("events for parts, NDJSON", 50_000, "parts_ndjson"),
        latency("an event by itself, p99", "single_events_alone"),
        latency("an event beside a full order stream, p99", "single_events_beside"),
        Goal("whole lives", "orders/s", 20_000, "events", lambda run: float(run["whole_lives"]["lives_per_s"]), False),
    ]


def benches(stored: int) -> dict[str, Callable[[], Run]]:
    return {
        "pipeline ndjson": lambda: pipeline.run("ndjson", PIPELINE_ORDERS, "everyday"),
        "pipeline arrow": lambda: pipeline.run("arrow", PIPELINE_ORDERS, "everyday"),
        "stream arrow": lambda: stream.run("arrow", STREAM_ORDERS, "everyday", 1),
        "stream ndjson": lambda: stream.run("ndjson", STREAM_ORDERS, "everyday", 1),
        "single": lambda: single.run(SINGLE_ORDERS, CONNECTIONS, "everyday", 1),
        "memory": lambda: memory.run(stored, 1),
        "events": lambda: events.run(stored, EVENTS, 1),
    }


def run(full: bool) -> dict[str, Any]:
    stored = STORED_FULL if full else STORED
    conditions = _harness.conditions()
    runs: Runs = {name: _attempt(name, bench) for name, bench in benches(stored).items()}
    return {
        "bench": "goals",
        "goals": lines(goals(stored), runs),
        "runs": [found for found in runs.values() if isinstance(found, dict)],
        "conditions": conditions,
    }


def _attempt(name: str, bench: Callable[[], Run]) -> Run | str:
    print(f"measuring {name}", file=sys.stderr, flush=True)
    try:
        return bench()
    except RouterError as fault:
        return f"{type(fault).__name__}: {str(fault).splitlines()[0]}"


def lines(wanted: Sequence[Goal], runs: Runs) -> list[dict[str, Any]]:
    return [_line(goal, runs[goal.bench]) for goal in wanted]


def _line(goal: Goal, found: Run | str) -> dict[str, Any]:
    told = {"text": goal.text, "unit": goal.unit, "goal": goal.goal, "measured": None, "ratio": None, "reason": ""}
    if isinstance(found, str):
        return told | {"reason": found}
    measured = goal.read(found)
    ratio = goal.goal / measured if goal.is_cost else measured / goal.goal
    return told | {"measured": measured, "ratio": round(ratio, 3)}


def as_text(result: dict[str, Any]) -> str:
    rows = [("", "goal", "measured", "ratio", "")]
    for line in result["goals"]:
        if line["measured"] is None:
            rows.append((line["text"], _shown(line["goal"]), "-", "-", f"not measured: {line['reason']}"))
        else:
            verdict = "reached" if line["ratio"] >= 1 else ""
            figures = _shown(line["goal"]), _shown(line["measured"]), f"{line['ratio']:.2f}"
            rows.append((f"{line['text']}, {line['unit']}", *figures, verdict))
    name, *sides = (max(len(row[at]) for row in rows) for at in range(4))
    table = [
        f"{row[0]:<{name}}  " + "  ".join(f"{text:>{wide}}" for text, wide in zip(row[1:4], sides, strict=True))
        + f"  {row[4]}"
        for row in rows
    ]  # fmt: skip
    checksums = ", ".join(f"{name} {checksum}" for run_ in result["runs"] for name, checksum in _checksums(run_))
    said = {"checksums": checksums, "conditions": result["conditions"]}
    return "\n".join([*(row.rstrip() for row in table), "", _harness.as_text(said)])


def _checksums(run_: Run) -> Iterator[tuple[str, str]]:
    """Of a bench, or of its streams."""
    for name, part in {run_["bench"]: run_, **run_}.items():
        if isinstance(part, dict) and "checksum" in part:
            yield name, part["checksum"]


def _shown(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"
