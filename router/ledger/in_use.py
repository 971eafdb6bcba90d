"""What lies and waits under SKUs and nodes, for whoever is about to withdraw them from the tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from router.ledger.state import LedgerState
from router.tables.withdrawn import Numbers, UnitsInUse

Column = npt.NDArray[Any]


def units_in_use(state: LedgerState, skus: Numbers, nodes: Numbers) -> UnitsInUse:
    """Units under each SKU, then under each node; a number may be asked for twice."""
    listed, units = state.cells.listed(), state.cells.units
    held, allocated = (account[listed.cell] for account in (units.held, units.allocated))
    on_hand = units.available[listed.cell] + held + allocated
    waits = state.waiting.lines()
    aside = state.cells.aside.dump()
    of_skus = [
        _sums(skus, listed.sku, on_hand),
        _sums(skus, listed.sku, held + allocated),
        _sums(skus, waits["sku"], waits["qty"]),
        _sums(skus, aside[:, 0], aside[:, 3]),
    ]
    of_nodes = [
        _sums(nodes, listed.node, on_hand),
        _sums(nodes, listed.node, held + allocated),
        np.zeros(len(nodes), np.int64),
        _sums(nodes, aside[:, 1], aside[:, 3]),
    ]
    return UnitsInUse(*(np.concatenate(pair) for pair in zip(of_skus, of_nodes, strict=True)))


def _sums(asked: Numbers, numbers: Column, units: Column) -> npt.NDArray[np.int64]:
    """Units by number asked for."""
    sums = np.zeros(max(asked.max(initial=-1), numbers.max(initial=-1)) + 1, np.int64)
    np.add.at(sums, numbers.astype(np.int64), units.astype(np.int64))
    found: npt.NDArray[np.int64] = sums[asked]
    return found
