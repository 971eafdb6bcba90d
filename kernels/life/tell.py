"""Tell: what an event did, written down as it is done, for the log, the ledger and the readers."""

from __future__ import annotations

from typing import Any

from kernels._jit import inlined_rule, rule
from kernels.life.layout import GONE, INT64, STAGE_BACKORDERED, STAGE_CANCELLED, STAGE_MASK, WAITING
from kernels.life.units import account_of, sends_from

UNITS, MONEY, CELLS = range(3)  # of Told.ends
ROW_BITS = 16


@inlined_rule
def reference_of(sequence: int, row: int) -> int:
    return INT64(sequence) << ROW_BITS | INT64(row)


@rule
def tell_cell(
    book: Any, line: int, sku: int, node: int, to_node: int, units: int, before: int, after: int, ship_day: int,
    told: Any,
) -> None:  # fmt: skip
    """The cell's move where the ledger keeps the two stages in different accounts."""
    source, target = account_of(before), account_of(after)
    if source == WAITING:
        target = GONE if after & STAGE_MASK == STAGE_CANCELLED else target
    if source == target and node == to_node:
        return
    move = told.cells[told.ends[CELLS]]
    told.ends[CELLS] += 1
    move.order = reference_of(book.order_sequence, book.order_row)
    move.sku, move.node, move.to_node, move.qty = sku, node, to_node, units
    move.from_account, move.to_account, move.line = source, target, line
    gives_day = after & STAGE_MASK == STAGE_CANCELLED and before & STAGE_MASK != STAGE_BACKORDERED and ship_day > 0
    move.ship_day = ship_day if gives_day else -1


@rule
def keep_days_of_parcels(book: Any, first: int, memory: Any, told: Any) -> None:
    """Of the cell moves from ``first`` on, give a node's parcel back once, and only where it sends nothing any more."""
    for at in range(first, told.ends[CELLS]):
        move = told.cells[at]
        if move.ship_day < 0:
            continue
        is_first = True
        for earlier in range(first, at):
            is_first &= told.cells[earlier].node != move.node or told.cells[earlier].ship_day < 0
        if not is_first or sends_from(book, move.node, memory):
            move.ship_day = -1


@rule
def tell_money(payment: int, account: int, amount_minor: int, told: Any) -> None:
    move = told.money[told.ends[MONEY]]
    told.ends[MONEY] += 1
    move.payment, move.account, move.amount_minor = payment, account, amount_minor
