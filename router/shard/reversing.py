"""Reversing: a fact wrongly booked is taken back, move by move, where nothing later stands on it.

What the event moved stands in its record, or, where it moved all units or one payment as a whole, is the difference of
the order's books before and after it. Units that were put on sale again, and holds, have other ways back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.life import layout
from router.arrow.arena import PrivateArena
from router.arrow.arrays import numbers
from router.life.books import Books
from router.life.change import Change, cells_of
from router.life.event_types import OrderEvent
from router.life.events import judged_of
from router.life.meant import Refusing
from router.life.open_book import OpenBook
from router.life.states import CellAccount, MoneyAccount
from router.log.columns import EventResult
from router.log.kinds import Kind
from router.shard.history import Step, tell

Rows = npt.NDArray[Any]
U64 = npt.NDArray[np.uint64]
E = OrderEvent

REVERSIBLE = frozenset({
    E.PICK, E.PACK, E.SHIP, E.DELIVER, E.LOSE, E.RETURN, E.SEND_TO_NODE, E.ACCEPT, E.PAYMENT_AUTHORIZED,
    E.PAYMENT_CAPTURED, E.PAYMENT_FAILED, E.PAYMENT_VOIDED, E.PAYMENT_REFUNDED, E.REFUND_REQUESTED, E.REFUND_FAILED,
    E.WRITE_OFF, E.CREDIT,
})  # fmt: skip
_NOT_OURS = (CellAccount.AVAILABLE, CellAccount.WAITING)  # others may have taken the units meanwhile
_ORDER_ACCOUNTS = (int(MoneyAccount.CREDITED), int(MoneyAccount.WRITTEN_OFF))  # of no payment
_UNKNOWN, _STANDS = Refusing(layout.EVENT_UNKNOWN), Refusing(layout.NOT_REVERSIBLE)
_ACCOUNTS = {
    "authorized_minor": MoneyAccount.AUTHORIZED, "captured_minor": MoneyAccount.CAPTURED,
    "refunding_minor": MoneyAccount.REFUNDING, "refunded_minor": MoneyAccount.REFUNDED,
    "has_failed": MoneyAccount.FAILED,
}  # fmt: skip


class Reversing:
    """Takes back events of single orders."""

    def __init__(self, key: U64) -> None:
        self._key = key
        self._books: Books | None = None  # where a history is told again

    def change_of(self, reversed_key: int, now: OpenBook, steps: Sequence[Step], order: int) -> Change | Refusing:
        """What takes back the event with this key; ``now`` is the order's book, ``steps`` its history, ``order`` its
        reference."""
        number = _find(reversed_key, steps)
        if number is None:
            return _UNKNOWN
        step = steps[number]
        event = E(int(numbers(step.given, "event")[0]))
        if event not in REVERSIBLE or _was_reversed(reversed_key, steps) or not step.outcome_version:
            return _STANDS
        judged = judged_of(step.outcome)
        units, money = judged.units, judged.money
        if judged.verdicts["whole"][0]:
            before, after = self._told(steps[:number]), self._told(steps[: number + 1])
            if judged.verdicts["whole"][0] & layout.WHOLE_UNITS:
                units = _moves_of_all(before, int(judged.verdicts["stage"][0]))
            money = _money_between(before, after)
        return _taken_back(units, money, now, order)

    def _told(self, steps: Sequence[Step]) -> OpenBook:
        books = self._books = self._books or Books(self._key, PrivateArena())
        tell(books, 0, steps, self._key)
        found = books.look(0)
        books.end(np.array([0]))
        return found


def _find(key: int, steps: Sequence[Step]) -> int | None:
    """Number of the step in which the event was applied."""
    for number, step in enumerate(steps):
        is_it = step.kind is Kind.EVENTS and int(numbers(step.given, "event_key")[0]) == key
        if is_it and numbers(step.outcome, "result")[0] == EventResult.APPLIED:
            return number
    return None


def _was_reversed(key: int, steps: Sequence[Step]) -> bool:
    applied = (step for step in steps if step.kind is Kind.EVENTS)
    return any(int(numbers(step.given, "reversed")[0]) == key for step in applied)


def _moves_of_all(before: OpenBook, stage: int) -> Rows:
    """All units of an order as one moves them to a stage."""
    moves = np.zeros(len(before.positions), layout.UNIT_MOVE)
    for name in ("line", "sku", "qty", "node", "value_minor", "ship_day", "shipment"):
        moves[name] = before.positions[name]
    moves["to_node"], moves["from_shipment"] = moves["node"], moves["shipment"]
    moves["from_stage"], moves["to_stage"] = before.positions["stage"], stage
    return moves


def _money_between(before: OpenBook, after: OpenBook) -> Rows:
    """What the accounts of an order changed by."""
    found = []
    old, new = _accounts(before), _accounts(after)
    for payment, account in sorted(old.keys() | new.keys()):
        amount = new.get((payment, account), 0) - old.get((payment, account), 0)
        if amount:
            found.append((np.uint64(payment).view(np.int64), amount, account))
    return np.array(found, layout.MONEY_MOVE)


def _accounts(book: OpenBook) -> dict[tuple[int, int], int]:
    found = {(0, account): amount for account, amount in zip(_ORDER_ACCOUNTS, _let_off(book), strict=True)}
    for payment in book.payments:
        for name, account in _ACCOUNTS.items():
            found[payment.key, int(account)] = int(getattr(payment, name))
    return found


def _let_off(book: OpenBook) -> tuple[int, int]:
    return book.credited_minor, book.written_off_minor


def _taken_back(units: Rows, money: Rows, now: OpenBook, order: int) -> Change | Refusing:
    """The opposite of moves, where the order's book still has what they left."""
    back, repaid = units.copy(), money.copy()
    for one, other in (("node", "to_node"), ("from_stage", "to_stage"), ("from_shipment", "shipment")):
        back[one], back[other] = units[other], units[one]
    repaid["amount_minor"] *= -1
    cells = cells_of(back, order)
    is_ours = not np.isin([cells["from_account"], cells["to_account"]], _NOT_OURS).any()
    is_there = (len(back) or len(repaid)) and _has_units(back, now) and _has_money(repaid, now)
    return Change(back, repaid, cells) if is_ours and is_there else _STANDS


def _has_units(back: Rows, now: OpenBook) -> bool:
    """Whether the units still lie where they were left, each move's in one position."""
    there: dict[tuple[int, ...], int] = {}
    for position in now.positions:
        key = tuple(int(position[name]) for name in ("line", "sku", "node", "stage", "shipment"))
        there[key] = max(there.get(key, 0), int(position["qty"]))
    wanted: Counter[tuple[int, ...]] = Counter()
    for move in back:
        key = tuple(int(move[name]) for name in ("line", "sku", "node", "from_stage", "from_shipment"))
        wanted[key] += int(move["qty"])
    return all(there.get(key, 0) >= units for key, units in wanted.items())


def _has_money(repaid: Rows, now: OpenBook) -> bool:
    """Whether no account falls below zero."""
    accounts = Counter(_accounts(now))
    for move in repaid:
        payment = 0 if move["account"] in _ORDER_ACCOUNTS else int(move["payment"].view(np.uint64))
        accounts[payment, int(move["account"])] += int(move["amount_minor"])
    return all(amount >= 0 for amount in accounts.values())
