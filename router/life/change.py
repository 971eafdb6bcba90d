"""Changes that are found outside the kernels: unit, money and cell moves of single rows put into a judged batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.life import layout
from router.life.books import Books, Judged
from router.life.meant import Refusing
from router.life.states import account_of

I64 = npt.NDArray[np.int64]
Rows = npt.NDArray[Any]


@dataclass(frozen=True)
class Change:
    """What one row of a batch does."""

    units: Rows = field(default_factory=lambda: np.zeros(0, layout.UNIT_MOVE))
    money: Rows = field(default_factory=lambda: np.zeros(0, layout.MONEY_MOVE))
    cells: Rows = field(default_factory=lambda: np.zeros(0, layout.CELL_MOVE))
    takes_back: int = 0  # router/life/documents.py Document of the event that it reverses, 0 none


def cells_of(units: Rows, order: int) -> Rows:
    """The cell moves of unit moves; ``order`` is the order's reference."""
    rows = [_cell(move, order) for move in units]
    return np.array([row for row in rows if row[7] != row[8] or row[5] != row[6]], layout.CELL_MOVE)


def _cell(move: Any, order: int) -> tuple[int, ...]:
    """One CELL_MOVE: order, qty, sku, ship_day, line, node, to_node, from_account, to_account."""
    accounts = account_of(int(move["from_stage"])), account_of(int(move["to_stage"]))
    return (order, move["qty"], move["sku"], -1, move["line"], move["node"], move["to_node"], *accounts)


def refuse(judged: Judged, at: int, why: Refusing) -> None:
    """Refuse a row that was to be asked about, or find that it says nothing new."""
    verdict = judged.verdicts[at]
    if why.refusal == layout.REPEATS:
        verdict["result"] = layout.REPEATED
        return
    verdict["result"], verdict["refusal"] = layout.REFUSED, why.refusal
    verdict["refused_line"], verdict["wanted"], verdict["found"] = why.refused_line, why.wanted, why.found


def put_into(
    books: Books, sequence: int, sent: layout.Sent, rows: I64, judged: Judged, changes: dict[int, Change]
) -> Judged:  # fmt: skip
    """Let rows of a batch do what was found for them; the batch with it."""
    if not changes:
        return judged
    verdicts = judged.verdicts.copy()
    at = np.array(sorted(changes))
    found = [changes[row] for row in at.tolist()]
    units = _spliced(verdicts, "unit_last", judged.units, at, [change.units for change in found])
    money = _spliced(verdicts, "money_last", judged.money, at, [change.money for change in found])
    cells = _spliced(verdicts, "move_last", judged.cells, at, [change.cells for change in found])
    verdicts["result"][at], verdicts["after"][at] = layout.APPLIED, layout.DERIVED_STATE
    verdicts["version"][at] += 1
    others = np.ones(len(verdicts), bool)
    others[at] = False
    done = Judged(verdicts.copy(), units, money, cells)
    done.verdicts["result"][others] = layout.REPEATED  # they were done before
    books.apply(sequence, sent, rows, done)
    verdicts["after"][at] = done.verdicts["after"][at]
    return Judged(verdicts, units, money, cells)


def _spliced(verdicts: Rows, ends: str, moves: Rows, at: I64, more: list[Rows]) -> Rows:
    """Moves with those of some rows put where these rows end."""
    counts = np.array([len(rows) for rows in more], np.int64)
    places = np.repeat(verdicts[ends][at].astype(np.int64), counts)
    added = np.zeros(len(verdicts), verdicts[ends].dtype)
    added[at] = counts
    verdicts[ends] += np.cumsum(added).astype(added.dtype)
    return np.insert(moves, places, np.concatenate(more)) if len(places) else moves
