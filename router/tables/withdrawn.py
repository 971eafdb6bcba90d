"""Rows that an upload leaves out although something lies or waits under their name: refused unless that was meant.

A price list of one country sent as the whole table takes all other prices away, and every order for them is refused
from then on. Nothing in the upload is wrong, so only what it withdraws can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from router.arrow.string_table import StringTable
from router.errors import RowError, TableRejected
from router.tables.compiled import Tables
from router.tables.row_checks import key_text
from router.tables.row_types import TableRows

I64 = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int32]
IN_USE = "in_use"
# What units and orders need of a table. A row's key may have more; one price of several may go.
_SOLD_BY = {"skus": ("sku", "currency"), "nodes": ("node",)}
_SHOWN_MAX = 100


class UnitsInUse(NamedTuple):
    """Units under each number that was asked for: SKUs first, then nodes."""

    on_hand: I64  # that lie in the building, free or promised
    promised: I64  # of these to orders
    waiting: I64  # that orders wait for; 0 for nodes
    aside: I64  # that lie apart: awaiting inspection, damaged, blocked, in transit

    @property
    def any(self) -> npt.NDArray[np.bool_]:
        used: npt.NDArray[np.bool_] = np.any(np.stack(self) != 0, axis=0)
        return used


InUse = Callable[[Numbers, Numbers], UnitsInUse]  # numbers of SKUs, numbers of nodes


def refuse_withdrawals(table: str, stored: TableRows, accepted: TableRows, tables: Tables, in_use: InUse) -> None:
    """Raises TableRejected where rows of ``stored`` that ``accepted`` has no more have units or open orders. ``tables``
    is the compiled form of ``stored``; the ledger is asked only where an upload leaves rows out."""
    names = _SOLD_BY.get(table)
    if names is None:
        return
    stays = {_sold_by(row, names) for row in getattr(accepted, table)}
    gone = [row for row in getattr(stored, table) if _sold_by(row, names) not in stays]
    if not gone:
        return
    name, nothing = table.removesuffix("s"), np.zeros(0, np.int32)
    numbers = _numbers([getattr(row, name) for row in gone], (tables.skus if table == "skus" else tables.nodes).ids)
    units = in_use(numbers, nothing) if table == "skus" else in_use(nothing, numbers)
    found = np.flatnonzero(units.any)
    if len(found):
        shown = [
            RowError(0, name, IN_USE, _sentence(gone[at], UnitsInUse(*(each[at] for each in units))))
            for at in found[:_SHOWN_MAX].tolist()
        ]
        raise TableRejected(table, shown, len(found))


def _sold_by(row: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in names)


def _numbers(names: Sequence[str], ids: StringTable) -> Numbers:
    return np.array([ids.index(name) for name in names], np.int32)


def _sentence(row: Any, units: UnitsInUse) -> str:
    said = [
        f"{count:,} units {what}"
        for count, what in (
            (units.on_hand, "in stock"),
            (units.promised, "of them for open orders"),
            (units.waiting, "that orders wait for"),
            (units.aside, "set aside or on their way"),
        )
        if count
    ]
    return (
        f"The row {key_text(row)} would be withdrawn, and has {', '.join(said)}. Send it along; or, where this is "
        "meant, send the same with ?replace=true (--replace)."
    )
