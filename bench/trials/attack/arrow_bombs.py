"""Small Arrow bodies that stand for much: dictionaries that grow or change, texts that are packed, rows of nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from bench.harness.streaming import ARROW
from bench.trials.attack.attack import Attack, Body, arrow_orders, at_once, events
from bench.trials.attack.ground import arrow_stream, named, order_rows

MIB = 1 << 20


def texts(count: int, size: int, letter: str = "x") -> pa.Array:
    return pa.array([f"{letter * size}{number}" for number in range(count)])


def behind_deltas(count: int, size: int, first: int, compression: str = "zstd") -> bytes:
    """Rows one by one, each behind a piece of a dictionary that it names the newest value of."""
    values = texts(count, size)
    rows = (order_rows(first + at, 1, note=named(np.array([at]), values.slice(0, at + 1))) for at in range(count))
    return arrow_stream(rows, compression=compression, emit_dictionary_deltas=True)


def replaced(count: int, size: int, first: int) -> bytes:
    """Each row behind a dictionary of its own."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    rows = (
        order_rows(first + at, 1, note=named(np.array([0]), texts(1, size, letters[at % 26]))) for at in range(count)
    )
    return arrow_stream(rows, compression="zstd")


def nested(count: int, size: int, first: int) -> bytes:
    """Rows that name lists that name texts, which grow from row to row."""

    def batch(at: int) -> pa.RecordBatch:
        inner = named(np.arange(at + 1), words.slice(0, at + 1))
        outer = named(np.array([at]), pa.ListArray.from_arrays(pa.array(np.arange(at + 2, dtype=np.int32)), inner))
        return order_rows(first + at, 1, note=outer)

    words = texts(count, size)
    return arrow_stream(map(batch, range(count)), compression="zstd")


def rows_of_no_width(rows: int) -> bytes:
    """Nulls of the null type are a number in the head of a message."""
    nothing = pa.nulls(rows)
    return arrow_stream([pa.RecordBatch.from_arrays([nothing] * 3, ["event_id", "order_id", "type"])])


def one_order_many_rows(rows: int, batch_rows: int = 50_000) -> bytes:
    """Rows that are a byte each before they are packed, and the same order."""
    zeros = np.zeros(batch_rows, np.int64)
    one = order_rows(0, 1)
    columns = {
        name: named(zeros, one[name]) if pa.types.is_string(one[name].type) else one[name].take(pa.array(zeros))
        for name in one.schema.names
    }
    return arrow_stream([pa.RecordBatch.from_pydict(columns)] * (rows // batch_rows), compression="zstd")


def long_documents(messages: int, rows: int, size: int, first: int) -> bytes:
    """Texts of ``size`` bytes in every row: megabytes a message, kilobytes packed."""
    note = pa.array(["x" * size] * rows)
    batches = (order_rows(first + at * rows, rows, packed=note) for at in range(messages))
    return arrow_stream(batches, compression="zstd")


def many_columns(columns: int, kind: str = "orders") -> bytes:
    """A schema that names columns by the tens of thousands."""
    extra = {f"column_{at}_{'x' * 60}": pa.array([at]) for at in range(columns)}
    if kind == "orders":
        return arrow_stream([order_rows(0, 1, **extra)])
    ids = {name: pa.array([name]) for name in ("event_id", "order_id", "type")}
    return arrow_stream([pa.RecordBatch.from_pydict({**ids, **extra})])


def lines_of_many_fields(fields: int) -> bytes:
    """An event whose lines have fields that no line has, each with a name of its own."""
    item = pa.struct({f"field_{at}_{'x' * 60}": pa.int8() for at in range(fields)})
    ids = {name: pa.array([name]) for name in ("event_id", "order_id", "type")}
    return arrow_stream([pa.RecordBatch.from_pydict({**ids, "lines": pa.array([None], pa.list_(item))})])


def _incompressible(bytes_max: int, first: int) -> Iterator[pa.RecordBatch]:
    """Rows of a megabyte that no packer makes smaller, up to the bound of a body."""
    rng = np.random.default_rng(1)
    for at in range(bytes_max // MIB):
        text = rng.integers(32, 127, MIB - 2_000, np.uint8).tobytes().decode("ascii")
        yield order_rows(first + at, 1, note=pa.array([text]))


def full_body(first: int) -> bytes:
    return arrow_stream(_incompressible(63 * MIB, first))


def streams(count: int, first: int) -> list[Body]:
    """Of other orders each."""
    return [arrow_orders(long_documents(12, 600, 100_000, first + 10_000 * at)) for at in range(count)]


ATTACKS = (
    Attack("arrow", "rows behind 120 kB deltas, zstd", lambda: [arrow_orders(behind_deltas(480, 120_000, 0))]),
    Attack("arrow", "rows behind 1 kB deltas, zstd", lambda: [arrow_orders(behind_deltas(4_000, 1_000, 10_000))]),
    Attack(
        "arrow", "rows behind 120 kB deltas, lz4", lambda: [arrow_orders(behind_deltas(480, 120_000, 20_000, "lz4"))]
    ),
    Attack("arrow", "dictionaries replaced, 1 MB each", lambda: [arrow_orders(replaced(400, 1_000_000, 30_000))]),
    Attack("arrow", "nested dictionaries that grow", lambda: [arrow_orders(nested(300, 20_000, 40_000))]),
    Attack("arrow", "rows of no width, 10^9", lambda: [events(rows_of_no_width(10**9), ARROW)]),
    Attack("arrow", "a million rows of one order", lambda: [arrow_orders(one_order_many_rows(1_000_000))]),
    Attack(
        "documents", "texts of 3.9 MB a row, zstd", lambda: [arrow_orders(long_documents(60, 16, 3_900_000, 50_000))]
    ),
    Attack(
        "documents", "texts of 100 kB a row, zstd", lambda: [arrow_orders(long_documents(60, 600, 100_000, 60_000))]
    ),
    Attack("documents", "texts of 100 kB a row, 8 streams at once", lambda: streams(8, 200_000), at_once),
    Attack("documents", "64 MiB of Arrow that is full", lambda: [arrow_orders(full_body(70_000))]),
    Attack("columns", "8,000 columns of an order", lambda: [arrow_orders(many_columns(8_000))]),
    Attack("columns", "8,000 columns of an event", lambda: [events(many_columns(8_000, "events"), ARROW)]),
    Attack("columns", "8,000 fields of an event's line", lambda: [events(lines_of_many_fields(8_000), ARROW)]),
)
