"""Publish: cells as they were after a batch, kept until its record is durable, then shown to readers.

    gather   values[row] = (available, held, allocated) of the row's cell
    publish  the readers' arrays at the row's cell = values[row]

Between the two, later batches may have changed the cell; readers still see what the durable record left.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import IN_I16, IN_I32, IN_I64_2D, OUT_I64_2D, VOID, kernel

Array = npt.NDArray[Any]


@kernel(VOID, IN_I32, IN_I16, IN_I64_2D, IN_I64_2D, IN_I64_2D, OUT_I64_2D)
def gather(sku: Array, node: Array, available: Array, held: Array, allocated: Array, values: Array) -> None:
    """Values of m cells.

    sku, node (m)       i32, i16 cells, repeats allowed                                  IN
    available, held, allocated (S, N) i64 units                                          IN
    values    (m, 3) i64 units                                                           OUT

    Cost: m steps.
    """
    for row in range(sku.shape[0]):
        s, n = sku[row], node[row]
        values[row, 0], values[row, 1], values[row, 2] = available[s, n], held[s, n], allocated[s, n]


@kernel(VOID, IN_I32, IN_I16, IN_I64_2D, OUT_I64_2D, OUT_I64_2D, OUT_I64_2D)
def publish(sku: Array, node: Array, values: Array, available: Array, held: Array, allocated: Array) -> None:
    """Write values of m cells.

    sku, node (m)       i32, i16 cells; of repeats the last counts                       IN
    values    (m, 3) i64 units                                                           IN
    available, held, allocated (S, N) i64 units                                          OUT

    Cells not named keep their values. Cost: m steps.
    """
    for row in range(sku.shape[0]):
        s, n = sku[row], node[row]
        available[s, n], held[s, n], allocated[s, n] = values[row, 0], values[row, 1], values[row, 2]
