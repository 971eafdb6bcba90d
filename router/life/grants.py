"""Grants: GRANTS rows of the ledger as a shard logs them, an order a row, and as its books take them over."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.arrow.arrays import list_parts, numbers, ragged, record_batch, struct_numbers, structs
from router.life.books import Granted
from router.log.columns import GRANTED

I64 = npt.NDArray[np.int64]
_UNITS = GRANTED.field("units").type


def orders_granted(grants: pa.RecordBatch) -> tuple[I64, I64]:
    """(order references, the first of its rows) of the orders in GRANTS, in the order in which they were granted."""
    places, first = np.unique(numbers(grants, "order"), return_index=True)
    order = np.argsort(first)
    return places[order], first[order].astype(np.int64)


def granted_batch(
    ledger_sequence: int, grants: pa.RecordBatch, order_ids: Sequence[str], hashes: npt.NDArray[np.uint64]
) -> pa.RecordBatch:
    """GRANTED of GRANTS; ``order_ids`` and ``hashes`` (n, 2) by :func:`orders_granted`."""
    places, first = orders_granted(grants)
    by_place = np.argsort(places)
    owner = by_place[np.searchsorted(places[by_place], numbers(grants, "order"))]
    rows = np.argsort(owner, kind="stable")
    offsets = np.zeros(len(places) + 1, np.int32)
    offsets[1:] = np.cumsum(np.bincount(owner, minlength=len(places)))
    units = {name.name: numbers(grants, name.name)[rows] for name in _UNITS.value_type}
    return record_batch(
        GRANTED,
        {
            "order_id": pa.array(order_ids, pa.string()),
            "hash_hi": np.ascontiguousarray(hashes[:, 0]),
            "hash_lo": np.ascontiguousarray(hashes[:, 1]),
            "ledger_sequence": np.full(len(places), ledger_sequence, np.int64),
            "ledger_row": first.astype(np.int32),
            "units": ragged(offsets, structs(_UNITS.value_type, units), _UNITS),
        },
    )


def granted_of(batch: pa.RecordBatch) -> Granted:
    """GRANTED as the books take it."""
    offset, units = list_parts(batch.column("units"))
    names = ("line", "sku", "node", "qty", "line_qty")
    return Granted(offset, *(struct_numbers(units, name) for name in names))
