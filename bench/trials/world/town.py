"""What everybody in the month shares: the time, chance, the house, and the ways on which they tell it something."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from adapters.sandbox.reply import Notice
from bench.trials.simulation.dice import Dice
from bench.trials.world.agenda import HOUR_MS, MINUTE_MS, Agenda
from bench.trials.world.goods import Row
from bench.trials.world.house import House
from router.queries.text import time_text

Heard = Callable[[Row], None]


class Placed(NamedTuple):
    """An order on its way in."""

    order: Row
    heard: Callable[[str, int], None]  # status, total in minor units


class Town:
    """``failing_percent``: of deliveries and requests that go wrong in some way."""

    def __init__(self, agenda: Agenda, dice: Dice, house: House, failing_percent: int) -> None:
        self.agenda = agenda
        self.dice = dice
        self.house = house
        self.failing_percent = failing_percent
        self.met: Counter[str] = Counter()  # what came about, for whoever reads the report
        self._placed: list[Placed] = []
        self._events: list[tuple[Row, Heard]] = []
        self._hooks: list[tuple[str, bytes]] = []

    # --- ways in ---------------------------------------------------------------------------------

    def place(self, placed: Placed) -> None:
        self._placed.append(placed)

    def tell(self, order_id: str, type: str, heard: Heard | None = None, **fields: object) -> None:
        """An event of a program of ours; some of them are told twice, as after an answer that was lost."""
        self.met[type] += 1
        event = {"event_id": f"{type}-{self.met[type]}", "order_id": order_id, "type": type, **fields}
        event |= {"at": str(time_text(self.agenda.now_ms))}
        self._events.append((event, heard or _unheard))
        if self._fails("told twice", event["event_id"]):
            self.agenda.after(self.dice.between(0, 3 * HOUR_MS, event["event_id"]), lambda: self._again(event))

    def _again(self, event: Row) -> None:
        self._events.append((event, _unheard))

    def deliver(self, partner: str, notice: Notice) -> None:
        """A webhook: at once, or late, so that others overtake it, or twice."""
        body, key = notice.body(), notice.notice_id
        late = self._fails("late", key)
        pause_ms = self.dice.between(MINUTE_MS, 9 * HOUR_MS, "late", key) if late else 0
        self.agenda.after(pause_ms, lambda: self._hooks.append((partner, body)))
        if self._fails("twice", key):
            again_ms = self.dice.between(0, 2 * HOUR_MS, "again", key)
            self.agenda.after(again_ms, lambda: self._hooks.append((partner, body)))

    def _fails(self, how: str, key: object) -> bool:
        failed = self.dice.chance(self.failing_percent, how, key)
        self.met[f"news {how}"] += failed
        return failed

    # --- what came within a tick -----------------------------------------------------------------

    def send(self) -> bool:
        """Whether there was anything."""
        placed, self._placed = self._placed, []
        if placed:
            for one, (status, total_minor) in zip(
                placed, self.house.orders([one.order for one in placed]), strict=True
            ):
                one.heard(status, total_minor)
        events, self._events = self._events, []
        if events:
            answers = self.house.events([event for event, _ in events])
            for (_, heard), answer in zip(events, answers, strict=True):
                heard(answer)
        hooks, self._hooks = self._hooks, []
        self.house.hooks(hooks)
        return bool(placed or events or hooks)

    @property
    def is_quiet(self) -> bool:
        return self.agenda.is_empty and not (self._placed or self._events or self._hooks)


def _unheard(answer: Row) -> None:
    """Nobody waits for it."""
