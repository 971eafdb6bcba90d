"""Money at the end: what the records say of every order's accounts, summed up in plain Python, is what its book says.

accounts   what the order came with (all of its total authorized, captured, or nothing) and every money move
due        as docs/life.md says it, of total, cancelled units, credited, written off, captured and refunded
lines      the units of a line carry what the line costs, wherever they lie; with shipping they are the total
taxes      that were taken are what was said, of lines and of the order
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from bench.trials.simulation.shard import Shard
from router.life.open_book import OpenBook
from router.life.states import MoneyAccount, PaymentState, Stage, stage_of
from router.log.columns import EventResult, Status
from router.log.declared_amounts import OF_ORDER, TAKEN_TAX, TAX
from router.log.kinds import Kind
from router.log.records import Record, read_batch

M = MoneyAccount
Row = dict[str, Any]
_CAME_WITH = {PaymentState.AUTHORIZED: M.AUTHORIZED, PaymentState.PAID: M.CAPTURED}
_OF_PAYMENTS = {
    M.AUTHORIZED: "authorized_minor", M.CAPTURED: "captured_minor", M.REFUNDING: "refunding_minor",
    M.REFUNDED: "refunded_minor",
}  # fmt: skip


class OrderMoney:
    """The accounts of one order, minor units."""

    def __init__(self, given: Row, outcome: Row) -> None:
        self.hashes = given["hash_hi"], given["hash_lo"]
        self.total_minor: int = outcome["total_minor"]
        self.line_minor: list[int] = [line["total_minor"] for line in outcome["money_lines"]]
        self.accounts: Counter[MoneyAccount] = Counter()
        if given["payment"] in _CAME_WITH:
            self.accounts[_CAME_WITH[PaymentState(given["payment"])]] = self.total_minor
        self._sum_minor: int = sum(self.line_minor) + outcome["shipping_minor"]
        self._tax_minor: int = outcome["tax_minor"]
        self._said_tax_minor = {
            row["line"]: row["amount_minor"]
            for row in given["declared"]
            if row["amount"] == TAX and outcome["taken"] & TAKEN_TAX
        }
        self._line_tax_minor = [line["tax_minor"] for line in outcome["money_lines"]]

    def apply(self, outcome: Row) -> None:
        """Do what a row of EVENT_OUTCOME says."""
        for move in outcome["money"]:
            self.accounts[M(move["account"])] += move["amount_minor"]

    def faults(self, book: OpenBook, due_minor: int) -> Iterator[str]:
        if self._sum_minor != self.total_minor:
            yield f"costs {self.total_minor}, and its lines and shipping {self._sum_minor}"
        for line, said in self._said_tax_minor.items():
            tax = self._tax_minor if line == OF_ORDER else self._line_tax_minor[line]
            if tax != said:
                yield f"has {tax} of tax where {said} was taken (line {line})"
        for account, name in _OF_PAYMENTS.items():
            held = sum(getattr(payment, name) for payment in book.payments)
            if held != self.accounts[account]:
                yield f"has {held} {account.name.lower()} and its records say {self.accounts[account]}"
        if due_minor != self._due_minor(book):
            yield f"has {due_minor} due and its records say {self._due_minor(book)}"
        for line, minor in enumerate(self.line_minor):
            carried = int(book.positions["value_minor"][book.positions["line"] == line].sum())
            if carried != minor:
                yield f"has units of line {line} that carry {carried} of the {minor} it costs"

    def _due_minor(self, book: OpenBook) -> int:
        cancelled = np.array([stage_of(stage) == Stage.CANCELLED for stage in book.positions["stage"].tolist()], bool)
        owed = self.total_minor - int(book.positions["value_minor"][cancelled].sum()) - self.accounts[M.CREDITED]
        left = (0 if cancelled.all() else max(owed, 0)) - self.accounts[M.CAPTURED]
        return max(left - self.accounts[M.WRITTEN_OFF], 0) if left > 0 else min(left + self.accounts[M.REFUNDED], 0)


def money_faults(shards: list[Shard], logged: list[list[Record]]) -> Iterator[str]:
    for shard, records in zip(shards, logged, strict=True):
        for order_id, money in _folded(records).items():
            yield from (f"{order_id} {fault}" for fault in _against_book(shard, money))


def _folded(records: list[Record]) -> dict[str, OrderMoney]:
    given: dict[int, list[Row]] = {}
    orders: dict[str, OrderMoney] = {}
    for record in records:
        if record.kind in (Kind.ORDERS, Kind.EVENTS):
            given[record.sequence] = read_batch(record).to_pylist()
        elif record.kind is Kind.OUTCOMES:
            for came, became in zip(given[record.sequence], read_batch(record).to_pylist(), strict=True):
                if became["status"] != Status.REJECTED:
                    orders[came["order_id"]] = OrderMoney(came, became)
        elif record.kind is Kind.EVENT_OUTCOMES:
            for came, became in zip(given[record.sequence], read_batch(record).to_pylist(), strict=True):
                if became["result"] == EventResult.APPLIED:
                    orders[came["order_id"]].apply(became)
    return orders


def _against_book(shard: Shard, money: OrderMoney) -> Iterator[str]:
    """Nothing of orders whose books were let go."""
    books = shard.engine.books
    row = shard.engine.index.find(*(np.array([half], np.uint64) for half in money.hashes))
    if books.are_open(row)[0]:
        _, shown = books.sums(row)
        yield from money.faults(books.look(int(row[0])), int(shown[0][4]))
