"""Put: units into what is available, and the stock bits that go with it."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import IN_I16, IN_I32, IN_I64, VOID, inlined_rule, kernel
from kernels.cells.find import block_of, cell_in, mark_stock
from kernels.layout import INT64, UNITS

Array = npt.NDArray[Any]


@inlined_rule
def put(sku: int, node: int, qty: int, units: Any) -> None:
    """Change what is available in a cell, and the node's stock bit with it."""
    block = block_of(sku, node >> 5, units.shelves, units.blocks)
    cell = cell_in(block, node & 31)
    units.available[cell] += qty
    mark_stock(block, node & 31, units.available[cell])


@kernel(VOID, IN_I32, IN_I16, IN_I64, UNITS)
def put_available(sku: Array, node: Array, qty: Array, units: Any) -> None:
    """Change what is available in m cells; nothing else of them changes.

    sku, node (m)       i32, i16 cells that are there, repeats allowed                   IN
    qty       (m) i64   units, taken away when negative                                  IN
    units     Units                                                                      INOUT

    Cost: m steps.
    """
    for row in range(sku.shape[0]):
        put(INT64(sku[row]), INT64(node[row]), qty[row], units)
