"""Reversing: a fact wrongly booked is taken back, move by move, where nothing later stands on it.

Units that were put on sale again or set aside as damaged, and holds, have other ways back.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.life import layout
from router.life.change import Change, cells_of
from router.life.event_types import OrderEvent
from router.life.meant import Refusing
from router.life.moved import ORDER_ACCOUNTS, accounts_of, moved_by
from router.life.open_book import OpenBook
from router.life.scratch import ROW, Scratch
from router.life.states import CellAccount, MoneyAccount
from router.log.kinds import Kind
from router.log.steps import OrderHistory, Step

Rows = npt.NDArray[Any]
U64 = npt.NDArray[np.uint64]
E, M = OrderEvent, MoneyAccount

REVERSIBLE = frozenset({
    E.PICK, E.PACK, E.SHIP, E.DELIVER, E.LOSE, E.RETURN, E.SEND_TO_NODE, E.ACCEPT, E.PAYMENT_AUTHORIZED,
    E.PAYMENT_CAPTURED, E.PAYMENT_FAILED, E.PAYMENT_VOIDED, E.PAYMENT_REFUNDED, E.REFUND_REQUESTED, E.REFUND_FAILED,
    E.WRITE_OFF, E.CREDIT,
})  # fmt: skip
# Others may have taken the units meanwhile: orders what is on sale, movements of stock what is damaged.
_NOT_OURS = (CellAccount.AVAILABLE, CellAccount.DAMAGED, CellAccount.WAITING)
_UNKNOWN, _STANDS = Refusing(layout.EVENT_UNKNOWN), Refusing(layout.NOT_REVERSIBLE)
STEPS_TRIED_MAX = 64


class Reversing:
    """Takes back events of single orders."""

    def __init__(self, key: U64) -> None:
        self._scratch = Scratch(key)

    def change_of(self, reversed_key: int, now: OpenBook, history: OrderHistory, order: int) -> Change | Refusing:
        """What takes back the event with this key; ``now`` is the order's book, ``order`` its reference."""
        for step in history.back():
            if step.kind is not Kind.EVENTS:
                continue
            if step.given["reversed"] == reversed_key:
                return _STANDS
            if step.given["event_key"] == reversed_key:
                return self._change(step, now, history, order)
        return _UNKNOWN

    def finds_any(self, now: OpenBook, history: OrderHistory) -> bool:
        """Whether some event could be taken back; looked for among the newest STEPS_TRIED_MAX records of the order."""
        gone: set[int] = set()
        for step in islice(history.back(), STEPS_TRIED_MAX):
            if step.kind is not Kind.EVENTS:
                continue
            if step.given["reversed"]:
                gone.add(step.given["reversed"])
            elif step.given["event_key"] not in gone and self._is_reversible(step, now, history):
                return True
        return False

    def _is_reversible(self, step: Step, now: OpenBook, history: OrderHistory) -> bool:
        return _may_lie(step, now) and not isinstance(self._change(step, now, history, 0), Refusing)

    def _change(self, step: Step, now: OpenBook, history: OrderHistory, order: int) -> Change | Refusing:
        if step.given["event"] not in REVERSIBLE or not step.outcome_version:
            return _STANDS

        def told(last: int) -> OpenBook:
            with self._scratch.told(history.pieces(last)) as books:
                return books.look(ROW)

        moved = moved_by(step, told)
        change = _taken_back(moved.units, moved.money, now, order)
        return replace(change, takes_back=step.outcome["document"]) if isinstance(change, Change) else change


def _may_lie(step: Step, now: OpenBook) -> bool:
    """Whether what an event moved as one may lie there still; asked before the history is told again for it."""
    if not step.outcome["whole"] & layout.WHOLE_UNITS:
        return True
    return bool((now.positions["stage"] == step.outcome["stage"]).all())


def _taken_back(units: Rows, money: Rows, now: OpenBook, order: int) -> Change | Refusing:
    """The opposite of moves, where the order's book still has what they left."""
    back, repaid = units.copy(), money.copy()
    for one, other in (("node", "to_node"), ("from_stage", "to_stage"), ("from_shipment", "shipment")):
        back[one], back[other] = units[other], units[one]
    repaid["amount_minor"] *= -1
    cells = cells_of(back, order)
    is_ours = not np.isin([cells["from_account"], cells["to_account"]], _NOT_OURS).any()
    is_there = (len(back) or len(repaid)) and _has_units(back, now) and _has_money(repaid, now)
    return Change(back, _marked(repaid), cells) if is_ours and is_there else _STANDS


def _marked(repaid: Rows) -> Rows:
    """That a payment failed is a mark, which a move sets to what it says instead of adding to it: 0 takes it off."""
    is_off = (repaid["account"] == M.FAILED) & (repaid["amount_minor"] < 0)
    repaid["amount_minor"][is_off] = 0
    return repaid


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
    """Whether no account falls below zero, and no payment gives back more than came by it."""
    accounts = Counter(accounts_of(now))
    for move in repaid:
        payment = 0 if move["account"] in ORDER_ACCOUNTS else int(move["payment"].view(np.uint64))
        accounts[payment, int(move["account"])] += int(move["amount_minor"])
    goes_back = {payment: accounts[payment, M.REFUNDING] + accounts[payment, M.REFUNDED] for payment, _ in accounts}
    is_covered = all(accounts[payment, M.CAPTURED] >= amount for payment, amount in goes_back.items())
    return is_covered and all(amount >= 0 for amount in accounts.values())
