"""From a plan that fails to the smallest one that still does: without this request, row, fault or bad network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from bench.trials.simulation.plan import Plan, Request

RUNS_MAX = 400


def shrunk(plan: Plan, fails: Callable[[Plan], bool], runs_max: int = RUNS_MAX) -> Plan:
    """Take away whatever the failure does not need, as long as something can be taken and there are runs left."""
    runs = 0
    smaller = True
    while smaller:
        smaller = False
        for candidate in _smaller(plan):
            if runs == runs_max:
                return plan
            runs += 1
            if fails(candidate):
                plan, smaller = candidate, True
                break
    return plan


def _smaller(plan: Plan) -> Iterator[Plan]:
    """Large cuts first."""
    for pieces in (2, 4):
        size = len(plan.requests) // pieces
        for first in range(0, len(plan.requests) if size > 1 else 0, max(size, 1)):
            yield replace(plan, requests=plan.requests[:first] + plan.requests[first + size :])
    for at in range(len(plan.faults)):
        yield replace(plan, faults=plan.faults[:at] + plan.faults[at + 1 :])
    calmer = (
        replace(plan, lost_percent=0),
        replace(plan, doubled_percent=0),
        replace(plan, late_percent=0),
        replace(plan, new_tables_at_ms=0),
    )
    yield from (candidate for candidate in calmer if candidate != plan)
    for at in range(len(plan.requests)):
        yield replace(plan, requests=plan.requests[:at] + plan.requests[at + 1 :])
    for at, request in enumerate(plan.requests):
        for row in range(len(request.rows) if len(request.rows) > 1 else 0):
            fewer = Request(request.client, request.rows[:row] + request.rows[row + 1 :])
            yield replace(plan, requests=(*plan.requests[:at], fewer, *plan.requests[at + 1 :]))
