"""What an event said, as JSON columns: the fields that were given, by the names they were sent under."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa

from router.arrow.arrays import list_parts, numbers, struct_numbers
from router.ids import given
from router.log.event_fields import FIELDS, Field, Form, column_of
from router.queries.json_columns import escaped, joined, lists, numbers_text, texts_or_null, times_or_null, where

_LINES = ("event_lines", "line_ids")
_STORED = {"amount": "amount_minor"}  # fields that are decided on and stand beside the payload
_COLUMNS = {
    name: _STORED.get(name) or column_of(name)
    for name, field in FIELDS.items()
    if not field.is_personal and field.form is not Form.LINES
}
COLUMNS = ("event_id", "occurred_at_ms", "source", *_COLUMNS.values(), *_LINES)  # of the feed


def payloads(batch: pa.RecordBatch, words: Mapping[str, pa.StringArray]) -> pa.StringArray:
    """One JSON object an event; ``words`` are the fields that people wrote, as far as they may be seen."""
    fields = [piece for name, field in FIELDS.items() for piece in _pieces(name, field, batch, words)]
    return joined(
        '{"event_id":"',
        escaped(batch.column("event_id")),
        '","at":',
        times_or_null(numbers(batch, "occurred_at_ms")),
        *_texts("source", batch.column("source")),
        *fields,
        "}",
    )


def _pieces(
    name: str, field: Field, batch: pa.RecordBatch, words: Mapping[str, pa.StringArray]
) -> Iterator[pa.StringArray]:
    """``,"name":value`` where a row has the field; nothing where no row has."""
    if field.is_personal:
        yield from _texts(name, words[name]) if name in words else ()
    elif field.form is Form.LINES:
        yield from _lines(name, batch)
    elif field.form in (Form.ID, Form.TEXT):
        yield from _texts(name, batch.column(_COLUMNS[name]))
    else:
        yield from _numbers(name, field.form, batch)


def _texts(name: str, texts: pa.StringArray) -> Iterator[pa.StringArray]:
    there = given(texts)
    if there.any():
        yield where(there, joined(f',"{name}":', texts_or_null(texts)))


def _numbers(name: str, form: Form, batch: pa.RecordBatch) -> Iterator[pa.StringArray]:
    values = numbers(batch, _COLUMNS[name])
    there = values >= 0  # of a time before 1970 nothing is shown, as in a timeline
    if not there.any():
        return
    if form is Form.TIME:
        said = times_or_null(values)
    elif form is Form.FLAG:
        said = where(values == 1, "true", "false")
    else:
        said = numbers_text(values)
    yield where(there, joined(f',"{name}":', said))


def _lines(name: str, batch: pa.RecordBatch) -> Iterator[pa.StringArray]:
    offsets, ids = list_parts(batch.column("line_ids"))
    if len(ids) == 0:
        return
    qty = struct_numbers(list_parts(batch.column("event_lines"))[1], "qty")
    units = where(qty >= 0, joined(',"qty":', numbers_text(qty)))
    items = joined('{"line_id":"', escaped(ids), '"', units, "}")
    yield where(offsets[1:] > offsets[:-1], joined(f',"{name}":', lists(offsets, items)))
