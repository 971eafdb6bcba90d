"""Availability: units that may be promised, by the masks and the safety stock an allocation uses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.layout import Shown
from kernels.plan.available import available as available_kernel
from router.ledger.shown_cells import CellsReader
from router.ledger.tables import LedgerTables

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Availability:
    """Answers in the order of the SKUs asked for."""

    sequence: int  # newest ledger record the answer knows of
    total: I64  # (k) units, or whole bundles, over all nodes
    per_node: I64  # (k, N) from the node alone


def available(
    cells: CellsReader, tables: LedgerTables, skus: I32, channel_index: int = -1, zone: int = -1
) -> Availability:
    """Units to promise to an order of this channel for this zone; -1 asks for any channel, any zone.

    Raises BlockBusy while the ledger recovers.
    """
    rows = tables.rows
    assert not len(skus) or (skus.min() >= 0 and skus.max() < len(rows.skus)), "unknown SKU number"
    assert -1 <= channel_index < len(rows.channel_nodes) and -1 <= zone < len(rows.ship_nodes)
    total = np.zeros(len(skus), np.int64)
    per_node = np.zeros((len(skus), len(rows.nodes)), np.int64)

    here = np.zeros(len(rows.nodes), np.int64)

    def count(shown: Shown) -> None:
        available_kernel(
            skus, channel_index, zone, rows.skus, rows.components, rows.nodes, rows.channel_nodes, rows.ship_nodes,
            rows.active_nodes, rows.goods_nodes, shown, here, total, per_node,
        )  # fmt: skip

    return Availability(cells.read(count), total, per_node)
