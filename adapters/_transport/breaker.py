"""A circuit breaker: a partner that fails again and again is left alone for a while, then tried with one request.

    closed ── FAILURES_MAX failures in a row ──▶ open ── its time is over ──▶ half_open: one request
      ▲                                           ▲                             │        │
      └────────────── it went well ───────────────┼─────────────────────────────┘        │
                                                  └──── it failed: open twice as long ────┘

A value, so that it can be stored and shown as it is.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from adapters._spec import Doubt, Later, Outcome, Why

FAILURES_MAX = 5
OPEN_MS = 10_000
OPEN_MS_MAX = 600_000
# The partner works; that it wants us to wait is no failure.
_NO_FAILURE = frozenset({Why.LIMITED})


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    state: BreakerState = BreakerState.CLOSED
    failures: int = 0  # in a row
    openings: int = 0  # without a success between them
    until_ms: int = 0  # open: when one request may try; half open: when it is given up
    why: str = ""  # what failed last, for people


def asked(breaker: Breaker, now_ms: int, deadline_ms: int) -> tuple[bool, Breaker]:
    """Whether a request may go, and the breaker afterwards."""
    if breaker.state is BreakerState.CLOSED:
        return True, breaker
    if now_ms < breaker.until_ms:
        return False, breaker
    return True, msgspec.structs.replace(breaker, state=BreakerState.HALF_OPEN, until_ms=now_ms + deadline_ms)


def ended(breaker: Breaker, outcome: Outcome, now_ms: int) -> Breaker:
    """After a request that went out."""
    if not isinstance(outcome, Later | Doubt):
        return Breaker()
    if outcome.why in _NO_FAILURE:
        return breaker if breaker.state is BreakerState.CLOSED else Breaker()
    failures, why = breaker.failures + 1, f"{outcome.why}: {outcome.detail}"
    if breaker.state is BreakerState.CLOSED and failures < FAILURES_MAX:
        return msgspec.structs.replace(breaker, failures=failures, why=why)
    pause_ms = min(OPEN_MS_MAX, OPEN_MS << min(breaker.openings, 16))
    return Breaker(
        state=BreakerState.OPEN, failures=failures, openings=breaker.openings + 1, until_ms=now_ms + pause_ms, why=why
    )
