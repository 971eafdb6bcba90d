"""Publish: cells as they were after a batch, kept until its record is durable, then shown to readers.

    gather   where the row's cell lies; values[row] = what readers are to be shown of it
    publish  the readers' row of the cell = values[row]

Between the two, later batches may have changed the cell; readers still see what the durable record left. Where one has
moved meanwhile, because others were opened beside it, the caller looks it up again. Readers have a row for each cell:
its three numbers in three arrays were three waits for memory.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import IN_I16, IN_I32, IN_I64, OUT_I64, VOID, kernel
from kernels.cells.find import cell_of
from kernels.layout import IN_BLOCKS, IN_CELLS_SHOWN, IN_SHELVES, INT64, IO_CELLS_SHOWN

Array = npt.NDArray[Any]


@kernel(VOID, IN_I32, IN_I16, IN_SHELVES, IN_BLOCKS, IN_I64, IN_I64, IN_I64, OUT_I64, IO_CELLS_SHOWN)
def gather(
    sku: Array, node: Array, shelves: Array, blocks: Array, available: Array, held: Array, allocated: Array,
    cell: Array, values: Array,
) -> None:  # fmt: skip
    """Values of m cells; of one that is not there zeros.

    sku, node (m)       i32, i16 cells, repeats allowed                                  IN
    shelves (S) SHELF, blocks (.) BLOCK                                                  IN
    available, held, allocated (.) i64 units                                             IN
    cell      (m) i64   where it lies, 0 = it is not there                               OUT
    values    (m) CELL_SHOWN                                                             OUT

    Cost: m steps.
    """
    for row in range(sku.shape[0]):
        at = cell_of(INT64(sku[row]), INT64(node[row]), shelves, blocks)
        cell[row] = at
        value = values[row]
        value.available, value.held, value.allocated = available[at], held[at], allocated[at]


@kernel(VOID, IN_I64, IN_CELLS_SHOWN, IO_CELLS_SHOWN)
def publish(cell: Array, values: Array, shown: Array) -> None:
    """Write values of m cells.

    cell      (m) i64   where they lie; of repeats the last counts                       IN
    values    (m) CELL_SHOWN                                                             IN
    shown     (.) CELL_SHOWN                                                             OUT

    Cells not named keep their values. Cost: m steps.
    """
    for row in range(cell.shape[0]):
        shown[cell[row]] = values[row]
