"""Buyers: what they order, how they pay, and how they change their minds. What one does is drawn when they order."""

from __future__ import annotations

import functools

from bench.trials.world.agenda import DAY_MS, HOUR_MS, MINUTE_MS
from bench.trials.world.bank import Bank
from bench.trials.world.goods import BUNDLE, CITIES, CURRENCY, SKUS, UNPAID_MS, Row
from bench.trials.world.town import Placed, Town
from router.queries.text import time_text

# Of a hundred; the rest pays within the hour.
HABITS = {
    "fails once": 8,
    "fails twice": 4,
    "never pays": 4,
    "pays after expiry": 2,
    "pays twice": 2,
    "pays too little": 2,
    "pays too much": 1,
    "mistypes the order": 1,
    "authorizes alone": 2,
}
CANCELS_PERCENT, UNKNOWN_SKU_PERCENT = 3, 1
CHANNELS = ("shop", "market", "phone")


class Buyers:
    def __init__(self, town: Town, bank: Bank, orders: int, days: int) -> None:
        self._town = town
        self._bank = bank
        self.order_ids = [f"{CHANNELS[number % 3][0].upper()}-{number:06d}" for number in range(orders)]
        for number in range(orders):
            town.agenda.after(self._moment_ms(number, days), functools.partial(self._order, number))

    def _moment_ms(self, number: int, days: int) -> int:
        """Twice as many in the evening as on average, few at night."""
        dice = self._town.dice
        hour: int = dice.one_of((*range(7, 24), *range(17, 23), *range(18, 22)), "hour", number)
        return dice.below(days, "day", number) * DAY_MS + hour * HOUR_MS + dice.below(HOUR_MS, "moment", number)

    # --- ordering --------------------------------------------------------------------------------

    def _order(self, number: int) -> None:
        order = self._drawn(number)
        self._town.place(Placed(order, functools.partial(self._answered, number, order)))

    def _drawn(self, number: int) -> Row:
        dice = self._town.dice
        country, city, postcode = dice.one_of(CITIES, "city", number)
        buyer = dice.below(1 + len(self.order_ids) // 3, "buyer", number)
        lines = [self._line(number, line) for line in range(dice.one_of((1, 1, 1, 2, 2, 3), "lines", number))]
        name = f"Buyer {buyer}"
        return {
            "order_id": self.order_ids[number],
            "channel": CHANNELS[number % 3],
            "placed_at": str(time_text(self._town.agenda.now_ms)),
            "currency": CURRENCY,
            "customer": {"id": f"b-{buyer}", "name": name},
            "ship_to": {"name": name, "line1": f"Street {buyer}", "city": city, "postcode": postcode,
                        "country": country},
            "lines": lines,
            "payment": {"method": "card", "status": "pending"},
        }  # fmt: skip

    def _line(self, number: int, line: int) -> Row:
        dice = self._town.dice
        if dice.chance(UNKNOWN_SKU_PERCENT, "unknown", number, line):
            return {"line_id": str(line + 1), "sku": "SKU-GONE", "qty": 1}
        sku = BUNDLE if dice.chance(3, "bundle", number, line) else dice.one_of(SKUS, "sku", number, line)
        return {"line_id": str(line + 1), "sku": sku, "qty": dice.one_of((1, 1, 1, 2, 3), "qty", number, line)}

    def _answered(self, number: int, order: Row, status: str, total_minor: int) -> None:
        self._town.met[f"order {status}"] += 1
        if status == "rejected":
            self._mend(number, order)
            return
        self._pay(number, total_minor)
        if self._town.dice.chance(CANCELS_PERCENT, "cancels", number):
            pause_ms = self._town.dice.between(0, 4 * DAY_MS, "cancel", number)
            cancel = functools.partial(self._town.tell, order["order_id"], "cancel", reason="the buyer asked for it")
            self._town.agenda.after(pause_ms, cancel)

    def _mend(self, number: int, order: Row) -> None:
        """The channel sends it again under its id, without what nobody sells."""
        lines = [line for line in order["lines"] if line["sku"] in (*SKUS, BUNDLE)]
        if lines and len(lines) < len(order["lines"]):
            mended = order | {"lines": lines}
            again = Placed(mended, functools.partial(self._answered, number, mended))
            self._town.agenda.after(2 * HOUR_MS, lambda: self._town.place(again))

    # --- paying ----------------------------------------------------------------------------------

    def _habit(self, number: int) -> str:
        drawn = self._town.dice.below(100, "habit", number)
        for habit, percent in HABITS.items():
            if drawn < percent:
                return habit
            drawn -= percent
        return "pays"

    def _pay(self, number: int, total_minor: int) -> None:
        habit = self._habit(number)
        self._town.met[f"buyer {habit}"] += 1
        soon_ms = self._town.dice.between(MINUTE_MS, HOUR_MS, "soon", number)
        later = functools.partial(self._later, number)
        match habit:
            case "never pays":
                return
            case "fails once":
                later(soon_ms, 0, declined=True)
                later(soon_ms + 5 * HOUR_MS, total_minor)
            case "fails twice":
                later(soon_ms, 0, declined=True)
                later(soon_ms + HOUR_MS, 0, declined=True)
                if self._town.dice.chance(50, "after all", number):
                    later(soon_ms + DAY_MS, total_minor)
            case "pays after expiry":
                later(UNPAID_MS + soon_ms + HOUR_MS, total_minor)
            case "pays twice":
                later(soon_ms, total_minor)
                later(soon_ms + 2 * HOUR_MS, total_minor)
            case "pays too little":
                later(soon_ms, max(1, total_minor * 2 // 3))
            case "pays too much":
                later(soon_ms, total_minor + 500)
            case "mistypes the order":
                later(soon_ms, total_minor, order_id=f"{self.order_ids[number]}-X")
            case "authorizes alone":
                later(soon_ms, total_minor, captured=False)
            case _:
                later(soon_ms, total_minor)

    def _later(
        self, number: int, pause_ms: int, amount_minor: int, declined: bool = False, captured: bool = True,
        order_id: str = "",
    ) -> None:  # fmt: skip
        key = f"{number} in {pause_ms}"
        named = order_id or self.order_ids[number]
        self._town.agenda.after(pause_ms, lambda: self._try(named, amount_minor, key, declined, captured))

    def _try(self, order_id: str, amount_minor: int, key: str, declined: bool, captured: bool) -> None:
        payment_id = self._bank.authorize(order_id, amount_minor, key, declined)
        if payment_id is not None and captured:
            self._town.agenda.after(
                self._town.dice.between(0, HOUR_MS, "capture", key),
                lambda: self._bank.capture(payment_id, order_id, amount_minor),
            )
