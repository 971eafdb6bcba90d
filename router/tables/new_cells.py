"""Movements that would open cells for which there is no memory: refused in their lines, before any of them is logged.

What a record of the log says is applied whatever memory there is; so what opens cells is bounded where it comes in. An
upload of ``stock`` is by ``footprint.no_room``, orders and events open none where no units were.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.arrow.arrays import numbers
from router.errors import RowError
from router.tables.footprint import CELL_BYTES
from router.tables.stock_rows import ParsedMovements

AreOpen = Callable[[npt.NDArray[np.int32], npt.NDArray[np.int16]], npt.NDArray[np.uint8]]

_GIB = 1 << 30


def refuse_new_cells(parsed: ParsedMovements, are_open: AreOpen, left: int) -> ParsedMovements:
    """The movements without those that open more cells than ``left`` bytes have room for, first come, first served.
    ``are_open`` says of cells whether they are there; it is not asked where all that are named find room."""
    sku, node, to_node = (numbers(parsed.batch, name) for name in ("sku", "node", "to_node"))
    goes, room = np.flatnonzero(to_node >= 0), left // CELL_BYTES
    if len(sku) + len(goes) <= room:
        return parsed
    row, node = np.concatenate([np.arange(len(sku)), goes]), np.concatenate([node, to_node[goes]])
    closed = are_open(sku[row], node) == 0
    lacks = _beyond(row[closed], sku[row][closed], node[closed], room)
    places = [line for line in parsed.lines if line not in parsed.refused]
    refused = {places[at]: RowError(places[at], "node", "memory", _detail(left)) for at in lacks}
    stays = np.setdiff1d(np.arange(len(sku)), lacks)
    return replace(parsed, batch=parsed.batch.take(pa.array(stays, pa.int64())), refused=parsed.refused | refused)


def _beyond(
    row: npt.NDArray[np.int64], sku: npt.NDArray[np.int32], node: npt.NDArray[np.int16], room: int
) -> list[int]:
    """Rows that name a cell behind the first ``room`` different ones."""
    cells: set[tuple[int, int]] = set()
    beyond = set()
    for at in np.argsort(row, kind="stable"):
        cell = int(sku[at]), int(node[at])
        if cell in cells or len(cells) < room:
            cells.add(cell)
        else:
            beyond.add(int(row[at]))
    return sorted(beyond)


def _detail(left: int) -> str:
    return (
        f"No units of this SKU ever lay there, and there is no memory for another such cell: each takes {CELL_BYTES} "
        f"bytes, and {left / _GIB:.2f} GiB are free. Nothing of this line was applied; send it again when the machine "
        "has more memory, or name a node that has had the SKU."
    )
