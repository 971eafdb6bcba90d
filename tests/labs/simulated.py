"""Schedules of the simulation as tests run them: a quiet one with every kind of request, and the first that fails."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence

import pytest

from bench.trials.simulation.draw import draw
from bench.trials.simulation.plan import EventSent, Fault, Movement, OrderRow, Plan, Request
from bench.trials.simulation.run import Verdict, run


def quiet_plan(*faults: Fault) -> Plan:
    """Every kind of request, a network without a fault, and the faults given."""
    requests = (
        Request(0, (OrderRow(0, 0, (("S1", 2),), False), OrderRow(1, 1, (("S2", 4), ("S0", 1)), True))),
        Request(0, (OrderRow(4, 3, (("S4", 2), ("KIT", 1)), False),)),
        Request(0, (EventSent(0, 0, "ship"), EventSent(1, 1, "cancel"), EventSent(2, 4, "payment_captured"))),
        Request(1, (Movement(0, "transfer", "S3", "BER", 1, "HAM"), Movement(1, "damage", "S0", "MUC", 2))),
        Request(1, (OrderRow(2, 2, (("S?", 1),), False), OrderRow(3, 2, (("S3", 3),), False))),
        Request(1, (OrderRow(3, 2, (("S3", 3),), False),)),
        Request(1, (EventSent(3, 3, "short_pick", (("L0", 1),)), EventSent(4, 3, "refuse"))),
        Request(0, (Movement(2, "receipt", "S4", "BER", 3),)),
        Request(0, (EventSent(5, 4, "note", (), (("text", "a word"),)), EventSent(6, 4, "ship"))),
    )
    return Plan(5, requests, faults, 0, 0, 0, 0)


def of_the_campaign(fits: Callable[[Plan], bool] = lambda plan: True) -> Iterator[Plan]:
    """The plans that a campaign runs, from seed 0 on; ``fits``: those that have what a bug needs to show."""
    return filter(fits, map(draw, itertools.count()))


def variations(*requests: Request, crashing: Sequence[str] = ()) -> Iterator[Plan]:
    """The same requests again and again, each time with other delays, and with one of ``crashing`` dying at a later
    step."""
    for seed in itertools.count():
        faults = [Fault("crash", crashing[seed % len(crashing)], 20 + seed // len(crashing))] if crashing else []
        yield Plan(seed, requests, tuple(faults), 0, 0, 0, 0)


def first_failure(plans: Iterable[Plan], tells: str, schedules_max: int) -> tuple[int, Verdict]:
    """How many schedules it took to meet one that fails with a sentence that holds ``tells``, and that one."""
    for count, plan in enumerate(itertools.islice(plans, schedules_max), 1):
        verdict = run(plan)
        if any(tells in sentence for sentence in verdict.violations):
            return count, verdict
    pytest.fail(f"the planted bug was not met in {schedules_max} schedules")
