"""ADMITTED rows and their lines: as they are written, as pricing takes them, and as the ledger is asked."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.money.weigh import VALUE_MAX
from kernels.reasons import TOTAL_MISMATCH
from router.arrow.arrays import I64, list_parts, numbers, ragged, record_batch, struct_numbers, structs
from router.log.columns import ADMITTED, CLAIMS
from router.shard import pricing
from router.shard.line_nodes import ANY
from router.shard.reason_masks import FLAG_MASK

U64 = npt.NDArray[np.uint64]
NOT_SAID = -1  # of a total


def claims_of(admitted: pa.RecordBatch) -> pa.RecordBatch:
    """What ADMITTED rows ask of the ledger; derivable at any time, so it is never stored by the shard."""
    offset, values = list_parts(admitted.column("lines"))
    line_type = CLAIMS.field("lines").type
    wanted = structs(line_type.value_type, {n: struct_numbers(values, n) for n in ("sku", "qty", "node")})
    same = {name: admitted.column(name) for name in CLAIMS.names if name not in ("lines", "value_minor")}
    return record_batch(
        CLAIMS,
        {**same, "value_minor": admitted.column("subtotal_minor"), "lines": ragged(offset, wanted, line_type)},
    )


def order_lines(admitted: pa.RecordBatch) -> pricing.OrderLines:
    """The lines of ADMITTED rows as pricing takes them."""
    offset, values = list_parts(admitted.column("lines"))
    return pricing.OrderLines(
        line_offset=offset.astype(np.int64),
        sku=struct_numbers(values, "sku"),
        qty=struct_numbers(values, "qty"),
        unit_price_minor=struct_numbers(values, "unit_price_minor"),
        list_price_minor=struct_numbers(values, "list_price_minor"),
    )


def without_units(lines: pricing.OrderLines, orders: npt.NDArray[np.bool_]) -> pricing.OrderLines:
    """The same lines with no units on those of the orders marked."""
    if not orders.any():
        return lines
    nothing = np.repeat(orders, np.diff(lines.line_offset))
    return dataclasses.replace(lines, qty=np.where(nothing, np.int32(0), lines.qty))


def total_flags(admitted: pa.RecordBatch, total_minor: I64, tolerance_minor: int, counts: Any = True) -> U64:
    """TOTAL_MISMATCH where the channel's own total differs from ours, and ``counts``; a flag, never a refusal."""
    declared = numbers(admitted, "total_declared_minor")
    away = np.clip(declared, -2 * VALUE_MAX, 2 * VALUE_MAX) - total_minor  # beyond any order's value, and inside int64
    differs = (declared != NOT_SAID) & (np.abs(away) > tolerance_minor) & counts
    return np.where(differs, np.uint64(1 << TOTAL_MISMATCH), np.uint64(0)) & np.uint64(FLAG_MASK)


def admitted_lines(counted: pricing.OrderLines, line_key: U64, node: npt.NDArray[np.int16]) -> pa.ListArray:
    """``node``: of each line ANY, UNKNOWN or that it must come from; nothing where no line names one."""
    line_type = ADMITTED.field("lines").type
    values = structs(
        line_type.value_type,
        {
            "sku": counted.sku,
            "qty": counted.qty,
            "unit_price_minor": counted.unit_price_minor,
            "list_price_minor": counted.list_price_minor,
            "line_key": line_key,
            "node": np.maximum(node, ANY) if len(node) else np.full(len(counted.sku), ANY, np.int16),
        },
    )
    return ragged(counted.line_offset, values, line_type)
