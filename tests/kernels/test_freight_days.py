"""The day a parcel arrives, looked up in a calendar, is the day found by walking it day by day."""

from __future__ import annotations

import random
from types import SimpleNamespace

import numpy as np

from kernels.plan import freight
from router.ledger.tables import calendar_rows
from tests.labs.rules import callable_rule
from tests.reference.plan import freight as twin

_promise_day = callable_rule(freight.promise_day)


def _calendar(draw: random.Random) -> tuple[dict, dict, np.ndarray]:
    day0, days = draw.randint(0, 20_000), draw.randint(1, 40)
    closed = {day for day in range(day0, day0 + days + 3) if draw.random() < draw.choice([0.1, 0.4, 0.9])}
    world, node = {"day0": day0, "days": days}, {"closed": closed}
    open_days = np.array([[twin.open_day(world, node, day0 + column) for column in range(days)]], np.int32)
    nodes = SimpleNamespace(day0=day0, ship_day=open_days, utc_offset_min=np.zeros((1, days), np.int32))
    return world, node, calendar_rows(nodes)


def test_arrival_days_equal_the_twin_also_at_the_ends_of_the_calendar():
    draw = random.Random(11)
    for _ in range(400):
        world, node, calendar = _calendar(draw)
        for _ in range(8):
            ship_day = world["day0"] + draw.randint(-3, world["days"] + 2)
            days = draw.randint(0, 12)
            found = _promise_day(ship_day, days, 0, world["day0"], calendar)
            assert found == twin.promise_day(world, node, ship_day, days)
