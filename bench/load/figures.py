"""From moments to figures: waiting times of every order, backlog, rates over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.harness.arrays import F64
from bench.load.asker import Asked
from bench.load.knee import Probe
from bench.load.sender import Sent

MARKS = (50.0, 90.0, 99.0, 99.9)
CURVE = 1 - np.logspace(0, -4, 81)  # 0 to 99.99 %, evenly on the scale that the plot has
BIN_S = 0.1


@dataclass
class Series:
    """Over one phase, a value every BIN_S."""

    at_s: F64
    offered_per_s: F64
    answered_per_s: F64
    backlog: F64
    p99_ms: F64


def answered_s(sent: Sent) -> F64:
    """When each order's answer was complete."""
    moments: F64 = sent.arrived_s[np.searchsorted(sent.arrived, np.arange(1, sent.orders + 1))]
    return moments


def waited_ms(sent: Sent) -> F64:
    """Of each order, from the moment it was due."""
    return (answered_s(sent) - np.repeat(sent.due_s, sent.counts)) * 1000


def percentiles(waited: F64) -> dict[str, float]:
    if not len(waited):
        return {}
    marks = {f"p{mark:g}_ms": round(float(np.percentile(waited, mark)), 3) for mark in MARKS}
    return marks | {"max_ms": round(float(waited.max()), 3)}


def curve(waited: F64) -> list[float]:
    """Waiting times at the shares of CURVE."""
    return [round(float(ms), 3) for ms in np.quantile(waited, CURVE)] if len(waited) else []


def probe_of(per_s: float, seconds: float, sent: Sent, asked: Asked | None) -> Probe:
    due_s = np.repeat(sent.due_s, sent.counts)
    late = waited_ms(sent)[due_s > seconds / 4]
    at_s, backlog = backlog_over(sent)
    early = backlog[(at_s > seconds / 4) & (at_s <= seconds / 2)]
    last = backlog[(at_s > seconds * 3 / 4) & (at_s <= seconds)]
    return Probe(
        per_s=per_s,
        p99_ms=float(np.percentile(late, 99)) if len(late) else 0.0,
        backlog_early=int(early.max(initial=0)),
        backlog_late=int(last.max(initial=0)),
        reads_p99_ms=float(np.percentile(asked.waited_ms, 99)) if asked is not None and len(asked.waited_ms) else 0.0,
    )


def backlog_over(sent: Sent) -> tuple[F64, F64]:
    """Moments at which the backlog changed, and what it was from then on: orders due and not answered."""
    at_s = np.concatenate((sent.due_s, sent.arrived_s))
    change = np.concatenate((sent.counts, -np.diff(sent.arrived, prepend=0)))
    order = np.argsort(at_s, kind="stable")
    return at_s[order], np.cumsum(change[order]).astype(np.float64)


def series(sent: Sent) -> Series:
    done_s = answered_s(sent)
    edges = np.arange(0.0, max(float(sent.due_s[-1]), float(done_s[-1])) + BIN_S, BIN_S)
    offered, _ = np.histogram(sent.due_s, edges, weights=sent.counts)
    answered, _ = np.histogram(done_s, edges)
    changed_s, backlog = backlog_over(sent)
    bins = np.digitize(np.repeat(sent.due_s, sent.counts), edges) - 1
    waited = waited_ms(sent)
    starts = np.searchsorted(bins, np.arange(len(edges)))  # orders are due one after the other
    p99 = [np.percentile(waited[a:b], 99) if b > a else np.nan for a, b in zip(starts, starts[1:], strict=False)]
    return Series(
        edges[1:],
        offered / BIN_S,
        answered / BIN_S,
        backlog[np.maximum(np.searchsorted(changed_s, edges[1:], side="right") - 1, 0)],
        np.array(p99),
    )


def longest_silence_s(sent: Sent) -> float:
    """The longest time in which no answer came though some were due."""
    moments = np.concatenate((sent.due_s[:1], sent.arrived_s))
    return round(float(np.diff(moments).max(initial=0.0)), 3)


def caught_up_s(sent: Sent, since_s: float, backlog_max: float) -> float:
    """From a moment on, how long until the backlog was bounded for good."""
    at_s, backlog = backlog_over(sent)
    above = at_s[(backlog > backlog_max) & (at_s >= since_s)]
    return round(float(above.max(initial=since_s)) - since_s, 3)
