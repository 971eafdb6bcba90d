"""Amounts that orders declare, as a column: nothing for most orders, a row for each amount of the others."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.text.scan_form import ABSENT
from router.arrow.arrays import list_parts, ragged, struct_numbers, structs
from router.log.columns.orders import DECLARED_AMOUNTS

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

FEE, DISCOUNT, TAX = range(3)  # amount
OF_ORDER = -1  # line
NONE = ABSENT  # an amount that is not there; less than all that can be sent

TAKEN_FEE, TAKEN_DISCOUNT, TAKEN_TAX = 1, 2, 4  # bits of OUTCOME.taken

Dense = tuple[I64, I64, I64, I64, I64]  # fee, discount and tax of orders (n), discount and tax of lines (m)


def declared_column(amounts: Dense, line_offset: I32) -> pa.ListArray:
    """The column of dense amounts."""
    rows = len(line_offset) - 1
    found: list[tuple[I64, I64, int, I64]] = []  # owners, lines, which amount, amounts
    for which, values in zip((FEE, DISCOUNT, TAX), amounts[:3], strict=True):
        at = np.flatnonzero(values != NONE)
        if len(at):
            found.append((at, np.full(len(at), OF_ORDER), which, values[at]))
    for which, values in zip((DISCOUNT, TAX), amounts[3:], strict=True):
        at = np.flatnonzero(values != NONE)
        if len(at):
            owner = np.searchsorted(line_offset, at, side="right") - 1
            found.append((owner, at - line_offset[owner], which, values[at]))
    if not found:
        return nothing_declared(rows)
    owners = np.concatenate([entry[0] for entry in found])
    order = np.argsort(owners, kind="stable")
    columns = {
        "line": np.concatenate([entry[1] for entry in found])[order].astype(np.int32),
        "amount": np.concatenate([np.full(len(entry[0]), entry[2], np.int8) for entry in found])[order],
        "amount_minor": np.concatenate([entry[3] for entry in found])[order],
    }
    offset = np.concatenate(([0], np.cumsum(np.bincount(owners, minlength=rows)))).astype(np.int32)
    return ragged(offset, structs(DECLARED_AMOUNTS.value_type, columns), DECLARED_AMOUNTS)


def nothing_declared(rows: int) -> pa.ListArray:
    return ragged(np.zeros(rows + 1, np.int32), pa.array([], DECLARED_AMOUNTS.value_type), DECLARED_AMOUNTS)


def is_silent(column: pa.ListArray) -> bool:
    """Whether no order declares anything."""
    offset, _ = list_parts(column)
    return bool(offset[-1] == offset[0])


def dense_amounts(column: pa.ListArray, line_offset: I64) -> Dense:
    """The amounts of a column, NONE where there is none."""
    rows, lines = len(column), int(line_offset[-1])
    of_orders, of_lines = np.full((3, rows), NONE, np.int64), np.full((3, lines), NONE, np.int64)
    offset, values = list_parts(column)
    owner = np.repeat(np.arange(rows), np.diff(offset))
    line, which = struct_numbers(values, "line"), struct_numbers(values, "amount")
    amount, whole = struct_numbers(values, "amount_minor"), line == OF_ORDER
    of_orders[which[whole], owner[whole]] = amount[whole]
    of_lines[which[~whole], line_offset[owner[~whole]] + line[~whole]] = amount[~whole]
    return of_orders[FEE], of_orders[DISCOUNT], of_orders[TAX], of_lines[DISCOUNT], of_lines[TAX]
