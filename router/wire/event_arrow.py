"""Events as an Arrow IPC stream: columns of the same names as in JSON, every record batch becomes a batch."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.log.event_fields import REQUIRED, Form
from router.wire.arrow_body import ArrowBody
from router.wire.arrow_columns import list_column, number_column, struct_columns, text_column, time_column
from router.wire.arrow_schema import is_list, no_schema_of, text_faults, time_faults, whole_faults
from router.wire.event_columns import Bools, EventColumns
from router.wire.event_table import ALL, LINE_FIELDS, LINES, NUMBER_FIELDS, TEXT_FIELDS
from router.wire.event_wire import EventTerms, EventWire, to_event_wire
from router.wire.texts import Texts

I64 = npt.NDArray[np.int64]


class EventStreamDecoder(ArrowBody[EventWire]):
    """Feed it the body's bytes; it yields batches of at most ``batch_rows_max`` rows."""

    def __init__(self, terms: EventTerms) -> None:
        super().__init__(terms.limits)
        self._terms = terms

    def _plan(self, schema: pa.Schema) -> None:
        check_columns(schema)

    def _batch_of(self, rows: pa.RecordBatch, first_row: int) -> EventWire:
        return to_event_wire(event_columns(rows, first_row), self._terms)


def check_columns(schema: pa.Schema) -> None:
    """Refuse a schema that is not one of events, in one sentence that names the faults. A column that no event has is
    one, too: as a field of a line it would be refused in every row."""
    counts = Counter(schema.names)
    faults = [f"{name} stands there {count} times" for name, count in counts.items() if count > 1]
    faults += [f"{name} is missing" for name in REQUIRED if name not in counts]
    for field in schema:
        faults += _faults(field.name, field.type) if field.name in ALL else [f"{field.name} is no field of an event"]
    if faults:
        raise no_schema_of("events", faults)


def _faults(name: str, dtype: pa.DataType) -> list[str]:
    form = ALL[name].form
    if form is Form.LINES:
        return _line_faults(name, dtype)
    if form is Form.FLAG:
        return [] if pa.types.is_boolean(dtype) or pa.types.is_null(dtype) else [f"{name} is {dtype}, send a boolean"]
    if form is Form.TIME:
        return time_faults(name, dtype)
    return (text_faults if form in (Form.ID, Form.TEXT) else whole_faults)(name, dtype)


def _line_faults(name: str, dtype: pa.DataType) -> list[str]:
    if pa.types.is_null(dtype):
        return []
    if not is_list(dtype) or not pa.types.is_struct(dtype.value_type):
        return [f"{name} is {dtype}, send list<struct<line_id: string, qty: int64>>"]
    item = dtype.value_type
    counts = Counter(item.field(index).name for index in range(item.num_fields))
    faults = [f"{name}.{key} stands there {count} times" for key, count in counts.items() if count > 1]
    faults += [f"{name}.{key} is no field of a line" for key in counts if key not in LINE_FIELDS]
    if not counts["line_id"]:
        faults.append(f"{name}.line_id is missing")
    if faults:
        return faults
    faults = text_faults(f"{name}.line_id", item.field("line_id").type)
    return [*faults, *(whole_faults(f"{name}.qty", item.field("qty").type) if counts["qty"] else [])]


def event_columns(batch: pa.RecordBatch, first_row: int) -> EventColumns:
    """The fields of a valid batch without dictionary columns; columns that are not there read as absent."""
    rows, names = batch.num_rows, frozenset(batch.schema.names)

    def column(name: str) -> pa.Array:
        return batch.column(name) if name in names else pa.nulls(rows)

    line_offsets, items = list_column(column(LINES))
    fields = struct_columns(items) if pa.types.is_struct(items.type) else {}
    count = len(items)
    return EventColumns(
        unit="row",
        numbers_of_rows=np.arange(first_row, first_row + rows, dtype=np.int64),
        positions=np.arange(rows, dtype=np.int64),
        text=Texts.of_arrays([text_column(column(name)) for name in TEXT_FIELDS]),
        number=[_numbers(name, column(name)) for name in NUMBER_FIELDS],
        line_offsets=line_offsets,
        line_ids=Texts.of_arrays([text_column(fields.get("line_id", pa.nulls(count)))]),
        qty=number_column(fields.get("qty", pa.nulls(count))),
        has_no_lines=_has_no_lines(column(LINES), np.diff(line_offsets)),
    )


def _numbers(name: str, column: pa.Array) -> I64:
    form = ALL[name].form
    if form is Form.TIME:
        return time_column(column)
    return number_column(column.cast(pa.int8()) if form is Form.FLAG else column)


def _has_no_lines(column: pa.Array, counts: npt.NDArray[np.int32]) -> Bools | None:
    """Where a list was given that is empty."""
    if pa.types.is_null(column.type):
        return None
    return np.asarray((counts == 0) & column.is_valid().to_numpy(zero_copy_only=False))
