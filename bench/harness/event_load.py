"""Events of a workload's orders, made from numbers: of whole orders or of parts, in whatever order they are asked for.

    (number of the order, stage of its life) ─▶ JSON lines
                                             └▶ Arrow record batches, the same events

The stages are a life as it mostly goes. An event of a whole order names no lines; one for a part names a line, a
quantity or a part of the amount. The ids of orders are those of ``Workload.order_id``.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bench.harness.streaming import Piece
from bench.harness.workload import PLACED_EVERY_MS, PLACED_FROM

I64 = npt.NDArray[np.int64]

STAGES = ("payment_captured", "pick", "pack", "ship", "deliver")
PAID, _, _, SHIP, _ = range(5)
SOURCES = ("psp", "wms-1", "wms-1", "wms-2", "dhl")
AFTER_MS = 3_600_000  # between two stages of an order
CARRIERS = ("dhl", "ups", "dpd")
DEFAULT_AMOUNT_MINOR = 4_493
PIECE_ROWS = 8_192


class Event(NamedTuple):
    number: int
    stage: int
    amount_minor: int


@dataclass(frozen=True)
class EventLoad:
    """Events of the orders of one seed; ``amount_minor`` is what each order has to pay, by its number."""

    seed: int = 1
    parts: bool = False
    amount_minor: I64 | None = None

    def ndjson(self, numbers: I64, stages: I64) -> bytes:
        return b"".join(json.dumps(row, separators=(",", ":")).encode() + b"\n" for row in self._rows(numbers, stages))

    def arrow(self, numbers: I64, stages: I64) -> pa.RecordBatch:
        rows = list(self._rows(numbers, stages))
        moments = pa.array(_at_ms(numbers, stages), pa.timestamp("ms", "UTC"))
        texts = ("event_id", "order_id", "payment_id", "tracking_number")
        columns: dict[str, pa.Array] = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in texts}
        for name in ("type", "source", "currency", "carrier"):
            columns[name] = pa.array([row.get(name) for row in rows], pa.string()).dictionary_encode()
        columns |= {"at": moments, "amount": pa.array([row.get("amount") for row in rows], pa.int64())}
        if self.parts:
            kind = pa.list_(pa.struct([("line_id", pa.string()), ("qty", pa.int32())]))
            columns["lines"] = pa.array([row.get("lines") for row in rows], kind)
        return pa.RecordBatch.from_pydict(columns)

    def _rows(self, numbers: I64, stages: I64) -> Iterator[dict[str, Any]]:
        moments = np.datetime_as_string(_at_ms(numbers, stages).astype("datetime64[ms]")).tolist()
        amounts = self._amounts(numbers)
        for number, stage, at, amount in zip(numbers.tolist(), stages.tolist(), moments, amounts, strict=True):
            yield self._row(Event(number, stage, amount), f"{at}Z")

    def _row(self, event: Event, at: str) -> dict[str, Any]:
        row: dict[str, Any] = {
            "event_id": f"{STAGES[event.stage][:4]}-{event.number:010d}",
            "order_id": f"w{self.seed}-{event.number:010d}",
            "type": STAGES[event.stage],
            "at": at,
            "source": SOURCES[event.stage],
        }
        if event.stage == PAID:
            amount = event.amount_minor // 2 if self.parts else event.amount_minor
            row |= {"payment_id": f"pay-{event.number:010d}", "amount": amount, "currency": "EUR"}
        elif self.parts:
            row["lines"] = [{"line_id": "1", "qty": 1}]
        if event.stage == SHIP:
            row |= {"carrier": CARRIERS[event.number % 3], "tracking_number": f"JJD{event.number:015d}"}
        return row

    def _amounts(self, numbers: I64) -> Sequence[int]:
        if self.amount_minor is None:
            return [DEFAULT_AMOUNT_MINOR] * len(numbers)
        return list(self.amount_minor[numbers].tolist())


def mixed(stored: int, count: int, seed: int = 1) -> tuple[I64, I64]:
    """(numbers, stages) of so many events of stored orders, each of another order and stage, in no order."""
    rng = np.random.default_rng((seed, stored, count))
    return rng.integers(0, stored, count), rng.integers(0, len(STAGES), count)


def _at_ms(numbers: I64, stages: I64) -> I64:
    return int(PLACED_FROM.timestamp()) * 1000 + numbers * PLACED_EVERY_MS + (stages + 1) * AFTER_MS


def event_pieces(load: EventLoad, stream_format: str, numbers: I64, stages: I64) -> list[Piece]:
    """One stream of events, cut where a client would cut it; of Arrow the first piece also carries the schema."""
    cuts = [(numbers[at : at + PIECE_ROWS], stages[at : at + PIECE_ROWS]) for at in range(0, len(numbers), PIECE_ROWS)]
    if stream_format == "ndjson":
        return [Piece(load.ndjson(*cut), len(cut[0])) for cut in cuts]
    table = pa.Table.from_batches([load.arrow(*cut) for cut in cuts]).unify_dictionaries()
    sink, pieces = io.BytesIO(), list[Piece]()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        for batch in table.to_batches(PIECE_ROWS):
            writer.write_batch(batch)
            pieces.append(Piece(sink.getvalue(), batch.num_rows))
            sink.seek(0)
            sink.truncate()
    pieces[-1] = Piece(pieces[-1].body + sink.getvalue(), pieces[-1].rows)
    return pieces
