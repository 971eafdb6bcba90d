"""Publish: cells as they were after a batch, kept until its record is durable, then shown to readers.

    gather   values[row] = (available, held, allocated) of the row's cell
    publish  the readers' arrays at the row's cell = values[row]

Between the two, later batches may have changed the cell, or moved it to another place; readers still see what the
durable record left.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import IN_I16, IN_I32, IN_I64, IN_I64_2D, OUT_I64, OUT_I64_2D, VOID, kernel
from kernels.cells.find import cell_of
from kernels.layout import IN_BLOCKS, IN_SHELVES, INT64

Array = npt.NDArray[Any]


@kernel(VOID, IN_I32, IN_I16, IN_SHELVES, IN_BLOCKS, IN_I64, IN_I64, IN_I64, OUT_I64_2D)
def gather(
    sku: Array, node: Array, shelves: Array, blocks: Array, available: Array, held: Array, allocated: Array,
    values: Array,
) -> None:  # fmt: skip
    """Values of m cells; of one that is not there zeros.

    sku, node (m)       i32, i16 cells, repeats allowed                                  IN
    shelves (S) SHELF, blocks (.) BLOCK                                                  IN
    available, held, allocated (.) i64 units                                             IN
    values    (m, 3) i64 units                                                           OUT

    Cost: m steps.
    """
    for row in range(sku.shape[0]):
        cell = cell_of(INT64(sku[row]), INT64(node[row]), shelves, blocks)
        values[row, 0], values[row, 1], values[row, 2] = available[cell], held[cell], allocated[cell]


@kernel(VOID, IN_I32, IN_I16, IN_I64_2D, IN_SHELVES, IN_BLOCKS, OUT_I64, OUT_I64, OUT_I64)
def publish(
    sku: Array, node: Array, values: Array, shelves: Array, blocks: Array, available: Array, held: Array,
    allocated: Array,
) -> None:  # fmt: skip
    """Write values of m cells.

    sku, node (m)       i32, i16 cells that are there; of repeats the last counts        IN
    values    (m, 3) i64 units                                                           IN
    shelves (S) SHELF, blocks (.) BLOCK                                                  IN
    available, held, allocated (.) i64 units                                             OUT

    Cells not named keep their values. Cost: m steps.
    """
    for row in range(sku.shape[0]):
        cell = cell_of(INT64(sku[row]), INT64(node[row]), shelves, blocks)
        available[cell], held[cell], allocated[cell] = values[row, 0], values[row, 1], values[row, 2]
