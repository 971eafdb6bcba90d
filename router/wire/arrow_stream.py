"""Orders as an Arrow IPC stream: every record batch becomes a WIRE batch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.wire.arrow_body import ArrowBody
from router.wire.arrow_columns import list_column, number_column, struct_columns, text_column, time_column
from router.wire.arrow_schema import ArrowPlan, plan_columns
from router.wire.batch import WireBatch
from router.wire.dictionaries import plain
from router.wire.fields import NUMBER_FIELDS, TEXT_FIELDS, TIME_FIELDS, arrow_name
from router.wire.order_columns import OrderColumns
from router.wire.texts import Texts
from router.wire.to_wire import to_wire

I32 = npt.NDArray[np.int32]

_BOUNDED = frozenset(map(arrow_name, (*TEXT_FIELDS, *NUMBER_FIELDS)))


class ArrowStreamDecoder(ArrowBody[WireBatch]):
    """Feed it the body's bytes; it yields WIRE batches of at most ``batch_rows_max`` rows."""

    def _plan(self, schema: pa.Schema) -> None:
        self._columns = plan_columns(schema)

    def _batch_of(self, rows: pa.RecordBatch, first_row: int) -> WireBatch:
        return to_wire(order_columns(rows, self._columns, first_row), self._limits)


def order_columns(batch: pa.RecordBatch, plan: ArrowPlan, first_row: int) -> OrderColumns:
    """The known fields of a valid batch without dictionary columns; columns that are not there read as absent."""
    rows = batch.num_rows
    coupon_offsets, coupons = list_column(_column(batch, plan, "coupons"))
    line_offsets, lines = list_column(batch.column("lines"))
    fields = struct_columns(lines)
    count = len(lines)
    sku_code, skus = _skus(fields["sku"])
    documents = _documents(batch, plan)
    return OrderColumns(
        unit="row",
        numbers_of_rows=np.arange(first_row, first_row + rows, dtype=np.int64),
        positions=np.arange(rows, dtype=np.int64),
        text=Texts.of_arrays([text_column(_column(batch, plan, arrow_name(name))) for name in TEXT_FIELDS]),
        number=[
            (time_column if name in TIME_FIELDS else number_column)(_column(batch, plan, arrow_name(name)))
            for name in NUMBER_FIELDS
        ],
        coupon_offsets=coupon_offsets,
        coupons=Texts.of_arrays([text_column(coupons)]),
        line_offsets=line_offsets,
        sku_code=sku_code,
        skus=Texts.of_arrays([skus]),
        qty=number_column(fields["qty"]),
        unit_price=number_column(fields.get("unit_price", pa.nulls(count))),
        line_discount=number_column(fields.get("discount", pa.nulls(count))),
        line_tax=number_column(fields.get("tax", pa.nulls(count))),
        line_nodes=Texts.of_arrays([text_column(fields.get("node", pa.nulls(count)))]),
        line_ids=Texts.of_arrays([text_column(fields.get("line_id", pa.nulls(count)))]),
        documents=documents,
        unbounded={name: documents.column(name) for name in plan.document if name not in _BOUNDED},
    )


def _column(batch: pa.RecordBatch, plan: ArrowPlan, name: str) -> pa.Array:
    return batch.column(name) if name in plan.known else pa.nulls(batch.num_rows)


def _skus(column: pa.Array) -> tuple[I32, pa.StringArray]:
    """(code of each line, distinct SKUs); a dictionary larger than its use is not worth carrying along."""
    if not pa.types.is_dictionary(column.type) or len(column.dictionary) > len(column):
        return np.arange(len(column), dtype=np.int32), text_column(column)
    skus, codes = text_column(column.dictionary), column.indices
    if column.null_count:
        codes = codes.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int32)
        codes[~column.is_valid().to_numpy(zero_copy_only=False)] = len(skus)
        return codes, pa.concat_arrays([skus, pa.array([""])])
    return codes.to_numpy(zero_copy_only=False).astype(np.int32, copy=False), skus


def _documents(batch: pa.RecordBatch, plan: ArrowPlan) -> pa.RecordBatch:
    """The columns the log does not hold, dictionaries written out."""
    columns = [plain(batch.column(name)) for name in plan.document]
    return pa.RecordBatch.from_arrays(columns, list(plan.document))
