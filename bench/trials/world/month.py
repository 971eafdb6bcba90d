"""A month from its first order to the end of its last: everybody acts, the house answers, and then it is judged."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from bench.trials.simulation.dice import Dice
from bench.trials.world.agenda import DAY_MS, HOUR_MS, TICK_MS, Agenda
from bench.trials.world.bank import Bank
from bench.trials.world.buyers import Buyers
from bench.trials.world.goods import config, tables
from bench.trials.world.haulage import Haulage
from bench.trials.world.house import House
from bench.trials.world.staff import EVERY_MS, Staff
from bench.trials.world.town import Town
from bench.trials.world.warehouses import Warehouses
from router.queries.change_stream import Follower

BEGIN_MS = 1_793_577_600_000  # 2026-11-02T00:00:00Z, a Monday
AFTERWARDS_DAYS_MAX = 60
PAGE = 1 << 12


@dataclass
class Month:
    """All of it, as it stands."""

    town: Town
    bank: Bank
    buyers: Buyers
    haulage: Haulage
    warehouses: Warehouses
    staff: Staff
    seconds: float = 0.0
    restarts: int = 0
    cursor: str | None = None  # how far the warehouses have read
    faults: list[str] = field(default_factory=list)

    @property
    def house(self) -> House:
        return self.town.house


def live(
    folder: pathlib.Path, orders: int, seed: int, days: int, failing_percent: int, show: Callable[[str], None]
) -> Month:
    """A month that is over: nothing is left to happen by itself, and nobody has anything left to do."""
    began = time.monotonic()
    month = _opened(folder, orders, seed, days, failing_percent)
    _last(month, days, show)
    month.seconds = time.monotonic() - began
    return month


def _opened(folder: pathlib.Path, orders: int, seed: int, days: int, failing_percent: int) -> Month:
    agenda, bank = Agenda(BEGIN_MS), Bank()
    house = House(folder, config(), agenda, bank)
    for table, body in tables().items():
        house.put(table, body)
    town = Town(agenda, Dice(seed), house, failing_percent)
    bank.open(town)
    haulage = Haulage(town)
    warehouses = Warehouses(town, haulage, days)
    haulage.came_back = warehouses.came_back
    return Month(
        town, bank, Buyers(town, bank, orders, days), haulage, warehouses, Staff(town, bank, haulage, warehouses)
    )


def _last(month: Month, days: int, show: Callable[[str], None]) -> None:
    """Tick by tick, until after the month nothing has happened for a day."""
    agenda, house = month.town.agenda, month.house
    follower = house.follower()
    last_ms = agenda.begin_ms + (days + AFTERWARDS_DAYS_MAX) * DAY_MS
    quiet_ms = 0
    while agenda.now_ms < last_ms and quiet_ms < DAY_MS:
        before_ms = agenda.now_ms
        agenda.tick()
        if month.town.send() or agenda.now_ms % HOUR_MS < TICK_MS:
            house.turn()
        seen = _follow(month, follower)
        taken = month.staff.work() if agenda.now_ms % EVERY_MS < TICK_MS else 0
        if taken:
            house.turn()
        if agenda.now_ms % (7 * DAY_MS) < TICK_MS:
            _restart(month)
            follower = house.follower(month.cursor)
        quiet_ms = (
            quiet_ms + agenda.now_ms - before_ms if month.town.is_quiet and not (seen or taken or house.awaits()) else 0
        )
        if agenda.now_ms % DAY_MS < TICK_MS:
            day = (agenda.now_ms - agenda.begin_ms) // DAY_MS
            show(f"day {day}: {month.town.met.total()} things came about, {taken} items of work were taken")


def _follow(month: Month, follower: Follower) -> int:
    rows = 0
    while True:
        page = follower.page(PAGE)
        for line in page.text.splitlines():
            month.warehouses.see(msgspec.json.decode(line))
        rows += page.rows
        month.cursor = page.cursor
        if page.is_last:
            return rows


def _restart(month: Month) -> None:
    month.restarts += 1
    if not month.house.restart():
        month.faults.append("a replay of the logs is not what the router knew")
