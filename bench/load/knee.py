"""Where is the knee? The highest offered rate that the router sustains.

A rate is *sustained* when, offered for a probe's length,

1. p99 of all orders due after the first quarter is at most P99_MS_MAX, counted from the moment each was due
   (with reads: theirs, too), and
2. the backlog (orders due and not answered) stays bounded: at its largest in the last quarter it is not more than
   twice what it was at its largest in the second quarter, or than what arrives in BACKLOG_S.

The ramp begins at a quarter of what a burst was answered at and climbs by RAMP until a rate fails twice in a row; a
rate that fails once is tried again, because the machine may have been busy. Then the gap is halved BISECTIONS times.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from router.errors import RouterError

P99_MS_MAX = 200.0
BACKLOG_S = 0.1
RAMP = 1.35
BISECTIONS = 2
FIRST_PART = 0.25  # of what a burst was answered at
FIRST_TRIES = 6  # halvings until some rate is sustained


@dataclass
class Probe:
    """What one rate came to."""

    per_s: float
    p99_ms: float
    backlog_early: int
    backlog_late: int
    reads_p99_ms: float = 0.0

    @property
    def why_not(self) -> str:
        """Empty when the rate is sustained."""
        if self.p99_ms > P99_MS_MAX:
            return f"p99 {self.p99_ms:.0f} ms is above {P99_MS_MAX:.0f} ms"
        if self.reads_p99_ms > P99_MS_MAX:
            return f"p99 of reads {self.reads_p99_ms:.0f} ms is above {P99_MS_MAX:.0f} ms"
        if self.backlog_late > max(2 * self.backlog_early, BACKLOG_S * self.per_s):
            return f"the backlog grew from {self.backlog_early:,} to {self.backlog_late:,} orders"
        return ""

    @property
    def is_sustained(self) -> bool:
        return not self.why_not


class NoKnee(RouterError):
    """Not even a very low rate was sustained."""


def find_knee(capacity_per_s: float, probe: Callable[[float], Probe]) -> float:
    """The highest rate that was sustained; ``probe`` is called with every rate tried."""
    good, bad = _climb(_first_good(capacity_per_s * FIRST_PART, probe), probe)
    for _ in range(BISECTIONS):
        middle = math.sqrt(good * bad)
        if _sustains(middle, probe):
            good = middle
        else:
            bad = middle
    return good


def _first_good(per_s: float, probe: Callable[[float], Probe]) -> float:
    for _ in range(FIRST_TRIES):
        if _sustains(per_s, probe):
            return per_s
        per_s /= 2
    raise NoKnee(f"{2 * per_s:,.0f} orders/s were not sustained either; is the machine busy with something else?")


def _climb(good: float, probe: Callable[[float], Probe]) -> tuple[float, float]:
    while _sustains(good * RAMP, probe):
        good *= RAMP
    return good, good * RAMP


def _sustains(per_s: float, probe: Callable[[float], Probe]) -> bool:
    return probe(per_s).is_sustained or probe(per_s).is_sustained
