"""What one event moved, as its record says it; or, where all units moved as one or one payment covers the order, the
difference of the order's books before and after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kernels.life import layout
from router.life.events import moves_again, signed
from router.life.open_book import OpenBook
from router.life.states import MoneyAccount
from router.log.steps import Step

Rows = npt.NDArray[Any]

ORDER_ACCOUNTS = (int(MoneyAccount.CREDITED), int(MoneyAccount.WRITTEN_OFF))  # of no payment
_ACCOUNTS = {
    "authorized_minor": MoneyAccount.AUTHORIZED, "captured_minor": MoneyAccount.CAPTURED,
    "refunding_minor": MoneyAccount.REFUNDING, "refunded_minor": MoneyAccount.REFUNDED,
    "has_failed": MoneyAccount.FAILED,
}  # fmt: skip


_NO_UNITS = np.zeros(0, layout.UNIT_MOVE)


class Moved(NamedTuple):
    units: Rows  # UNIT_MOVE
    money: Rows  # MONEY_MOVE


def moved_by(step: Step, told: Callable[[int], OpenBook]) -> Moved:
    """What a step that is no order moved; ``told`` gives the order's book after the step that a reference names."""
    whole = step.outcome["whole"]
    if not whole:
        units, money = step.outcome["units"], step.outcome["money"]
        return Moved(moves_again(units, layout.UNIT_MOVE), moves_again(money, layout.MONEY_MOVE))
    before, money = told(step.outcome["previous"]), moves_again(step.outcome["money"], layout.MONEY_MOVE)
    if whole & layout.WHOLE_MONEY:
        money = _money_between(before, told(step.reference))
    is_all = whole & layout.WHOLE_UNITS
    return Moved(_moves_of_all(before, step.outcome["stage"]) if is_all else _NO_UNITS, money)


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
    old, new = accounts_of(before), accounts_of(after)
    for payment, account in sorted(old.keys() | new.keys()):
        amount = new.get((payment, account), 0) - old.get((payment, account), 0)
        if amount:
            found.append((signed(payment), amount, account))
    return np.array(found, layout.MONEY_MOVE)


def accounts_of(book: OpenBook) -> dict[tuple[int, int], int]:
    """Amounts by key of the payment (0: none) and MoneyAccount."""
    let_off = (book.credited_minor, book.written_off_minor)
    found = {(0, account): amount for account, amount in zip(ORDER_ACCOUNTS, let_off, strict=True)}
    for payment in book.payments:
        for name, account in _ACCOUNTS.items():
            found[payment.key, int(account)] = int(getattr(payment, name))
    return found
