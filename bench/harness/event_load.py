"""Events of a workload's orders, made from numbers: of whole orders or of parts, in whatever order they are asked for.

    (number of the order, stage of its life) ─▶ columns ─▶ Arrow record batches
                                                     └──▶ JSON lines, the same events

The stages are a life as it mostly goes. An event of a whole order names no lines; one for a part names a line, a
quantity or a part of the amount. The ids of orders are those of ``Workload.order_id``. Made column by column: millions
of events are made while somebody waits for them.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bench.harness.arrays import I64
from bench.harness.streaming import Piece
from bench.harness.workload import CURRENCIES, PLACED_EVERY_MS, PLACED_FROM

STAGES = ("payment_captured", "pick", "pack", "ship", "scan", "deliver", "close")
PAID, PICK, PACK, SHIP, SCAN, DELIVER, CLOSE = range(len(STAGES))
LIFE = range(PAID, CLOSE)
SOURCES = ("psp", "wms-1", "wms-1", "wms-2", "dhl", "dhl", "erp")
AFTER_MS = 3_600_000  # between two stages of an order
CARRIERS = ("dhl", "ups", "dpd")
NUMBER_DIGITS, TRACKING_DIGITS, MOMENT_BYTES = 10, 15, len("2026-11-02T08:00:00.000")
PIECE_ROWS = 8_192
_LINES = pa.list_(pa.struct([("line_id", pa.string()), ("qty", pa.int32())]))


class Due(NamedTuple):
    """What orders have to pay, by their numbers."""

    amount_minor: I64
    currency: npt.NDArray[np.int8]  # place in CURRENCIES

    @staticmethod
    def all_alike(orders: int) -> Due:
        return Due(np.full(orders, 4_493, np.int64), np.full(orders, CURRENCIES.index("EUR"), np.int8))


@dataclass(frozen=True)
class EventLoad:
    """Events of the orders of one seed."""

    due: Due
    seed: int = 1
    parts: bool = False

    def arrow(self, numbers: I64, stages: I64) -> pa.RecordBatch:
        columns = self._columns(numbers, stages) | {"at": pa.array(_at_ms(numbers, stages), pa.timestamp("ms", "UTC"))}
        if self.parts:
            columns["lines"] = _one_unit(_moves_units(stages))
        return pa.RecordBatch.from_pydict(columns)

    def lines(self, numbers: I64, stages: I64) -> pa.StringArray:
        """A JSON line an event, with its newline."""
        columns = {name: column.cast(pa.string()) for name, column in self._columns(numbers, stages).items()}
        moments = np.datetime_as_string(_at_ms(numbers, stages).astype("datetime64[ms]")).astype(f"S{MOMENT_BYTES}")
        columns["at"] = _join(_fixed(moments.view(np.uint8).reshape(-1, MOMENT_BYTES)), "Z")
        begin, *texts = (_field(name, column) for name, column in columns.items())
        if self.parts:
            texts.append(_where(_moves_units(stages), ',"lines":[{"line_id":"1","qty":1}]'))
        return _join("{", pc.utf8_slice_codeunits(begin, 1), *texts, "}\n")

    def _columns(self, numbers: I64, stages: I64) -> dict[str, pa.Array]:
        """All but the moment and the lines, which the forms write differently; null where a type has no such field."""
        digits, is_paid, is_shipped = _digits(numbers, NUMBER_DIGITS), stages == PAID, stages == SHIP
        tracking = _digits(numbers, TRACKING_DIGITS)
        return {
            "event_id": _join(_chosen(stages, [name[:4] for name in STAGES]).cast(pa.string()), "-", digits),
            "order_id": _join(f"w{self.seed}-", digits),
            "type": _chosen(stages, STAGES),
            "source": _chosen(stages, SOURCES),
            "payment_id": _where(is_paid, _join("pay-", digits)),
            "amount": _where(is_paid, pa.array(self.due.amount_minor[numbers] // (2 if self.parts else 1))),
            "currency": _chosen(self.due.currency[numbers], CURRENCIES, is_paid),
            "carrier": _chosen(numbers % len(CARRIERS), CARRIERS, is_shipped),
            "tracking_number": _where(is_shipped | (stages == SCAN), _join("JJD", tracking)),
        }


def mixed(stored: int, count: int, seed: int = 1) -> tuple[I64, I64]:
    """(numbers, stages) of so many events of stored orders, each of another order and stage, in no order."""
    rng = np.random.default_rng((seed, stored, count))
    return rng.integers(0, stored, count), rng.integers(0, len(STAGES), count)


def lives(numbers: I64, stages: Sequence[int] = LIFE, seed: int = 1) -> tuple[I64, I64]:
    """(numbers, stages) of lives, every order's stages in turn, amid those of all others."""
    moments = np.sort(np.random.default_rng((seed, len(numbers))).random((len(numbers), len(stages))), axis=1)
    turn = np.argsort(moments, axis=None)
    return numbers[turn // len(stages)], np.array(stages, np.int64)[turn % len(stages)]


def event_pieces(
    load: EventLoad, stream_format: str, numbers: I64, stages: I64, piece_rows: int = PIECE_ROWS
) -> list[Piece]:
    """One stream of events, cut where a client would cut it; of Arrow the first piece also carries the schema."""
    if stream_format == "ndjson":
        return _cut_lines(load.lines(numbers, stages), piece_rows)
    batch = load.arrow(numbers, stages)
    sink, pieces = io.BytesIO(), list[Piece]()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        for at in range(0, batch.num_rows, piece_rows):
            part = batch.slice(at, piece_rows)
            writer.write_batch(part)
            pieces.append(Piece(sink.getvalue(), part.num_rows))
            sink.seek(0)
            sink.truncate()
    pieces[-1] = Piece(pieces[-1].body + sink.getvalue(), pieces[-1].rows)
    return pieces


def _cut_lines(lines: pa.StringArray, piece_rows: int) -> list[Piece]:
    _, offsets, text = lines.buffers()
    ends, body = np.frombuffer(offsets, np.int32)[: len(lines) + 1].tolist(), memoryview(text)
    cuts = [*range(0, len(lines), piece_rows), len(lines)]
    return [
        Piece(bytes(body[ends[first] : ends[last]]), last - first)
        for first, last in zip(cuts[:-1], cuts[1:], strict=True)
    ]


def _moves_units(stages: I64) -> npt.NDArray[np.bool_]:
    return ~np.isin(stages, (PAID, SCAN, CLOSE))


def _one_unit(where: npt.NDArray[np.bool_]) -> pa.ListArray:
    """``lines`` that name one unit of the first line, null elsewhere."""
    ends = np.concatenate([[0], np.cumsum(where)]).astype(np.int32)
    named = pa.StructArray.from_arrays(
        [pa.array(np.ones(ends[-1], np.int32)).cast(pa.string()), pa.array(np.ones(ends[-1], np.int32))],
        fields=list(_LINES.value_type),
    )
    return pa.ListArray.from_arrays(ends, named, _LINES, mask=pa.array(~where))


def _at_ms(numbers: I64, stages: I64) -> I64:
    return int(PLACED_FROM.timestamp()) * 1000 + numbers * PLACED_EVERY_MS + (stages + 1) * AFTER_MS


def _digits(numbers: I64, digits: int) -> pa.StringArray:
    """Numbers with leading zeros."""
    places = np.empty((len(numbers), digits), np.uint8)
    for place in range(digits - 1, -1, -1):
        numbers, places[:, place] = np.divmod(numbers, 10)
    return _fixed(places + ord("0"))


def _fixed(text: npt.NDArray[np.uint8]) -> pa.StringArray:
    """Texts of one length, a row of bytes each."""
    rows, width = text.shape
    offsets = np.arange(0, (rows + 1) * width, width or 1, dtype=np.int32)
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(text)))


def _chosen(
    index: npt.NDArray[np.integer], values: Sequence[str], where: npt.NDArray[np.bool_] | None = None
) -> pa.Array:
    chosen = pa.array(index.astype(np.int32), mask=None if where is None else ~where)
    return pa.DictionaryArray.from_arrays(chosen, pa.array(values))


def _where(condition: npt.NDArray[np.bool_], value: pa.Array | str) -> pa.Array:
    """The value, and null elsewhere."""
    given = pa.scalar(value) if isinstance(value, str) else value
    return pc.if_else(pa.array(condition), given, pa.scalar(None, given.type))


def _join(*texts: pa.Array | str) -> pa.StringArray:
    """Row by row one after the other, where null is nothing."""
    return pc.binary_join_element_wise(*texts, "", null_handling="replace", null_replacement="")


def _field(name: str, column: pa.StringArray) -> pa.StringArray:
    """``,"name":value`` for rows that have one."""
    quote = "" if name == "amount" else '"'
    return pc.binary_join_element_wise(f',"{name}":{quote}', column, quote, "")
