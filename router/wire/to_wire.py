"""The last step of decoding, the same for JSON lines and Arrow: what is missing, what is too long, the
fingerprint, and the WIRE columns."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.reasons import FIELD_MISSING, FIELD_TOO_LONG, MALFORMED
from kernels.text.scan_form import ABSENT
from router.arrow.arrays import ragged, record_batch, structs
from router.config import Limits
from router.log.columns import REQUIRED_FIELDS, WIRE
from router.log.declared_amounts import declared_column, nothing_declared
from router.wire.batch import Refusal, WireBatch
from router.wire.body_columns import is_given, or_none
from router.wire.fields import (
    DISCOUNT,
    FEE,
    LONG_TEXTS,
    OBJECTS,
    PLACED_AT,
    PRIORITY,
    PROMISE_BY,
    TAX,
    TEXT,
    TEXT_FIELDS,
    TOTAL,
)
from router.wire.fingerprints import fingerprint_orders
from router.wire.line_names import repeated_lines
from router.wire.order_columns import OrderColumns
from router.wire.row_bytes import long_rows
from router.wire.settle import settle

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]

_TEXT_OF_WIRE = {
    **{name: name for name in ("order_id", "channel", "seller", "currency")},
    "customer_id": "customer.id",
    "country": "ship_to.country",
    "region": "ship_to.region",
    "postcode": "ship_to.postcode",
    "bill_country": "bill_to.country",
    "bill_postcode": "bill_to.postcode",
    "payment_method": "payment.method",
    "payment_status": "payment.status",
    "service": "shipping.service",
}
_MISSING_BIT = {name: np.uint32(1 << number) for number, name in enumerate(REQUIRED_FIELDS)}
_PRIORITY_MAX = 2**31 - 1
_LONG_ROW = "the order takes {} bytes, most of them in {}, at most {} are taken; shorten it or raise line_bytes_max"
_SAME_LINE = "two lines are called {!r}; give each a line_id of its own, or none, for its number from 1"


def to_wire(columns: OrderColumns, limits: Limits) -> WireBatch:
    """Refuse rows that cannot be orders, fingerprint the others and put them into WIRE columns."""
    sent, columns = columns, settle(columns)
    missing = missing_bits(columns)
    faults = row_faults(columns, limits)
    refused = sorted([*columns.refused, *_refusals(columns, faults, limits)], key=lambda refusal: refusal.position)
    orders = wire_columns(columns, missing, fingerprint_orders(sent, columns))
    skus, line_ids = columns.skus.array(), columns.line_ids.array()
    batch = WireBatch(orders, skus, columns.documents, line_ids, columns.positions, columns.numbers_of_rows, refused)
    return without_rows(batch, faults, columns.line_offsets) if faults else batch


def _refusals(columns: OrderColumns, faults: dict[int, tuple[int, str]], limits: Limits) -> list[Refusal]:
    refused = []
    for row, (reason, sentence) in faults.items():
        number, order_id = int(columns.numbers_of_rows[row]), columns.text.array(TEXT["order_id"])[row].as_py()
        known = order_id if len(order_id.encode()) <= limits.id_bytes_max else ""  # a long one is not sent back
        place = int(columns.positions[row])
        refused.append(Refusal(place, number, known, 1 << reason, f"{columns.unit} {number}: {sentence}"))
    return refused


def missing_bits(columns: OrderColumns) -> U32:
    """WIRE.missing: an absent object is named alone, not with each of its fields."""
    sizes, sku_sizes = columns.text.sizes, columns.skus.sizes[0]
    missing = np.zeros(columns.rows, np.uint32)
    for name in ("order_id", "channel", "currency"):
        missing[sizes[TEXT[name]] == 0] |= _MISSING_BIT[name]
    missing[columns.number[PLACED_AT] == ABSENT] |= _MISSING_BIT["placed_at"]
    for owner in ("customer", "ship_to"):
        _mark_object(missing, owner, sizes)
    missing[np.diff(columns.line_offsets) == 0] |= _MISSING_BIT["lines"]
    if not sku_sizes.all():
        _mark_lines(missing, columns, sku_sizes[columns.sku_code] == 0, "lines.sku")
    if (columns.qty == ABSENT).any():
        _mark_lines(missing, columns, columns.qty == ABSENT, "lines.qty")
    return missing


def _mark_object(missing: U32, owner: str, sizes: I32) -> None:
    required = [name for name in REQUIRED_FIELDS if name.startswith(f"{owner}.")]
    if all(bool(sizes[TEXT[name]].all()) for name in required):
        return
    absent = ~np.any([sizes[TEXT[f"{owner}.{key}"]] > 0 for key in OBJECTS[owner]], axis=0)
    missing[absent] |= _MISSING_BIT[owner]
    for name in required:
        missing[~absent & (sizes[TEXT[name]] == 0)] |= _MISSING_BIT[name]


def _mark_lines(missing: U32, columns: OrderColumns, faulty: Bools, name: str) -> None:
    missing[columns.rows_of_lines(np.flatnonzero(faulty))] |= _MISSING_BIT[name]


def row_faults(columns: OrderColumns, limits: Limits) -> dict[int, tuple[int, str]]:
    """Row -> (reason, sentence) of rows that cannot be orders; the first fault found speaks."""
    faults: dict[int, tuple[int, str]] = {}
    sizes, id_max = columns.text.sizes, limits.id_bytes_max
    for row in np.flatnonzero(sizes[TEXT["order_id"]] == 0):
        faults[int(row)] = (FIELD_MISSING, "order_id is missing or empty; give every order an id of its own")
    longest = sizes.max(axis=1, initial=0)
    for number in np.flatnonzero(longest > min(id_max, limits.text_bytes_max)):
        name = TEXT_FIELDS[number]
        limit = limits.text_bytes_max if name in LONG_TEXTS else id_max
        over = np.flatnonzero(sizes[number] > limit)
        _mark_long(faults, over, sizes[number][over], name, limit)
    skus, line_ids, coupons = (texts.sizes[0] for texts in (columns.skus, columns.line_ids, columns.coupons))
    if skus.max(initial=0) > id_max:
        over = np.flatnonzero(skus[columns.sku_code] > id_max)
        _mark_long(faults, columns.rows_of_lines(over), skus[columns.sku_code[over]], "lines.sku", id_max)
    for name, sizes_of in (("lines.line_id", line_ids), ("lines.node", columns.line_nodes.sizes[0])):
        over = np.flatnonzero(sizes_of > id_max)
        _mark_long(faults, columns.rows_of_lines(over), sizes_of[over], name, id_max)
    over = np.flatnonzero(coupons > id_max)
    owners = np.searchsorted(columns.coupon_offsets, over, side="right") - 1
    _mark_long(faults, owners, coupons[over], "coupons", id_max)
    _mark_repeated(faults, columns)
    for place, (taken, name) in long_rows(columns, limits.line_bytes_max).items():
        faults.setdefault(place, (FIELD_TOO_LONG, _LONG_ROW.format(taken, name, limits.line_bytes_max)))
    priority = columns.number[PRIORITY]
    for row in np.flatnonzero((np.abs(priority) > _PRIORITY_MAX) & (priority != ABSENT)):
        faults.setdefault(int(row), (MALFORMED, f"priority must lie between -{_PRIORITY_MAX} and {_PRIORITY_MAX}"))
    return faults


def _mark_long(
    faults: dict[int, tuple[int, str]], rows: npt.NDArray[np.intp], sizes: I32, name: str, limit: int
) -> None:
    for row, size in zip(map(int, rows), sizes, strict=True):
        faults.setdefault(row, (FIELD_TOO_LONG, f"{name} has {size} bytes, at most {limit} are taken; shorten it"))


def _mark_repeated(faults: dict[int, tuple[int, str]], columns: OrderColumns) -> None:
    line_ids = columns.line_ids.array()
    for row, line in repeated_lines(columns.line_offsets, line_ids).items():
        faults.setdefault(row, (MALFORMED, _SAME_LINE.format(line_ids[line].as_py())))


def wire_columns(columns: OrderColumns, missing: U32, fingerprints: tuple[U64, U64]) -> pa.RecordBatch:
    """The WIRE batch of all rows."""
    lines_type = WIRE.field("lines").type
    lines = structs(
        lines_type.value_type,
        {
            "sku_code": columns.sku_code,
            "qty": np.where(columns.qty == ABSENT, 0, columns.qty),
            "unit_price_minor": or_none(columns.unit_price),
            "line_key": np.zeros(len(columns.qty), np.uint64),  # made where the folder's key is known
        },
    )
    return record_batch(
        WIRE,
        {
            **{name: columns.text.array(TEXT[field]) for name, field in _TEXT_OF_WIRE.items()},
            "placed_at_ms": np.where(columns.number[PLACED_AT] == ABSENT, 0, columns.number[PLACED_AT]),
            "promise_by_ms": or_none(columns.number[PROMISE_BY]),
            "priority": np.where(columns.number[PRIORITY] == ABSENT, 0, columns.number[PRIORITY]).astype(np.int32),
            "total_declared_minor": or_none(columns.number[TOTAL]),
            "declared": _declared(columns),
            "line_nodes": _named_nodes(columns),
            "coupons": ragged(columns.coupon_offsets, columns.coupons.array(), WIRE.field("coupons").type),
            "missing": missing,
            "fingerprint": fingerprints[0],
            "fingerprint_sent": fingerprints[1],
            "lines": ragged(columns.line_offsets, lines, lines_type),
        },
    )


def _declared(columns: OrderColumns) -> pa.ListArray:
    of_order = (columns.number[FEE], columns.number[DISCOUNT], columns.number[TAX])
    amounts = (*of_order, columns.line_discount, columns.line_tax)
    if not any(map(is_given, amounts)):
        return nothing_declared(columns.rows)
    return declared_column(amounts, columns.line_offsets)


def _named_nodes(columns: OrderColumns) -> pa.ListArray:
    """The nodes that lines name; nothing of most orders."""
    kind = WIRE.field("line_nodes").type
    at = np.flatnonzero(columns.line_nodes.sizes[0])
    if not len(at):
        return ragged(np.zeros(columns.rows + 1, np.int32), pa.array([], kind.value_type), kind)
    owner = columns.rows_of_lines(at)
    line = (at - columns.line_offsets[owner]).astype(np.int32)
    named = structs(kind.value_type, {"line": line, "node": columns.line_nodes.array().take(pa.array(at))})
    return ragged(np.concatenate(([0], np.cumsum(np.bincount(owner, minlength=columns.rows)))), named, kind)


def without_rows(batch: WireBatch, faults: dict[int, tuple[int, str]], line_offsets: I32) -> WireBatch:
    """The batch without its faulty rows, which become refusals in their places."""
    keep = np.ones(batch.orders.num_rows, np.bool_)
    keep[list(faults)] = False
    rows = pa.array(np.flatnonzero(keep))
    lines = pa.array(np.flatnonzero(np.repeat(keep, np.diff(line_offsets))))
    return WireBatch(
        orders=batch.orders.take(rows),
        skus=batch.skus,
        documents=batch.documents.take(rows),
        line_ids=batch.line_ids.take(lines),
        positions=batch.positions[keep],
        line_numbers=batch.line_numbers[keep],
        refused=batch.refused,
    )
