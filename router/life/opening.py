"""What the books of new orders begin with: the columns of ADMITTED and OUTCOME as the books take them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.arrow.arrays import I64, list_parts, numbers, struct_numbers
from router.life.books import Opening

I32 = npt.NDArray[np.int32]


def opening_of(admitted: pa.RecordBatch, outcome: pa.RecordBatch, rows: I64, state: npt.NDArray[np.uint8]) -> Opening:
    """The orders of one record; ``rows`` are theirs in the index, ``state`` their state bytes."""
    line_offset, lines = list_parts(admitted.column("lines"))
    decided_offset, decided = list_parts(outcome.column("lines"))
    _, money = list_parts(outcome.column("money_lines"))
    assert len(money) == len(lines) == len(decided) and np.array_equal(decided_offset, line_offset)
    allocation_offset, allocations = list_parts(_child(decided, "allocations"))
    parcel_offset, parcels = list_parts(outcome.column("parcels"))
    return Opening(
        rows=rows,
        status=numbers(outcome, "status"),
        state=state.astype(np.uint8),
        total_minor=numbers(outcome, "total_minor"),
        currency=numbers(admitted, "currency"),
        version=numbers(outcome, "version"),
        granted_offset=list_parts(outcome.column("granted"))[0],
        customer=numbers(admitted, "customer").view(np.int64),
        line_offset=line_offset,
        line_sku=struct_numbers(lines, "sku"),
        line_qty=struct_numbers(lines, "qty"),
        line_key=struct_numbers(lines, "line_key").view(np.int64),
        line_total_minor=struct_numbers(money, "total_minor"),
        backordered=struct_numbers(decided, "backordered"),
        allocation_offset=allocation_offset,
        allocation_sku=struct_numbers(allocations, "sku"),
        allocation_node=struct_numbers(allocations, "node"),
        allocation_qty=struct_numbers(allocations, "qty"),
        parcel_offset=parcel_offset,
        parcel_node=struct_numbers(parcels, "node"),
        parcel_day=struct_numbers(parcels, "ship_day"),
    )


def _child(values: pa.StructArray, name: str) -> Any:
    """A list child of a struct array, cut as the struct is."""
    column = values.field(name)
    return column if len(column) == len(values) else column.slice(values.offset, len(values))
