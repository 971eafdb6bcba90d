"""From a decoded batch to its encoded answers: split over shards, ask each, put the answers back in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from actors.gateway.backend import U8, Backend
from actors.gateway.lanes import Lane
from actors.gateway.metrics import Metrics
from router.arrays import from_message, to_message
from router.columns import ACK, STATUS_NAMES, WIRE_SKUS, Status
from router.ids import hash_strings
from router.partition import shard_of, split, take_wire
from router.reasons import REASONS
from router.wire.batch import WireBatch

T = TypeVar("T")
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """The orders of one batch that belong to one shard, packed for the way."""

    shard: int
    rows: I64 | None  # rows of the batch, None = all of them
    orders: U8
    skus: U8
    documents: U8


@dataclass(frozen=True)
class Decided:
    """ACK rows in the order of the batch's rows."""

    ack: pa.RecordBatch
    shard_of_row: I32


class Worker:
    """One thread beside the event loop, for work of more than a millisecond. Jobs run in the order given."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def run(self, job: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, partial(job, *arguments))

    def close(self) -> None:
        self._executor.shutdown(wait=True)


class Decider:
    """Sends batches to the shards and brings their answers back."""

    def __init__(self, backend: Backend, lanes: list[Lane], metrics: Metrics) -> None:
        self._backend = backend
        self._lanes = lanes
        self._metrics = metrics

    def split(self, wire: WireBatch) -> list[Part]:
        """Pack a batch for its shards; pure computation, may run in the worker."""
        orders = wire.orders
        if orders.num_rows == 0:
            return []
        skus = to_message(pa.RecordBatch.from_arrays([wire.skus], schema=WIRE_SKUS))
        shards = self._backend.shards
        if shards == 1:
            return [Part(0, None, to_message(orders), skus, _stream(wire.documents))]
        _, lo = hash_strings(self._backend.key, orders.column("order_id"))
        order, offsets = split(shard_of(lo, shards), shards)
        parts = []
        for shard in range(shards):
            rows = order[offsets[shard] : offsets[shard + 1]]
            if len(rows) == orders.num_rows:
                return [Part(shard, None, to_message(orders), skus, _stream(wire.documents))]
            if len(rows):
                documents = wire.documents.take(pa.array(rows))
                parts.append(Part(shard, rows, to_message(take_wire(orders, rows)), skus, _stream(documents)))
        return parts

    async def ask(self, parts: list[Part]) -> list[U8]:
        """Submit every part to its shard; the first fault of any is raised after all have ended."""
        if len(parts) == 1:
            return [await self._submit(parts[0])]
        tasks = [asyncio.ensure_future(self._submit(part)) for part in parts]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        answers: list[U8] = []
        for result in results:
            if isinstance(result, BaseException):
                raise result
            answers.append(result)
        return answers

    async def _submit(self, part: Part) -> U8:
        return await self._lanes[part.shard].submit(
            lambda batch_id, now_ms: self._backend.submit_orders(
                part.shard, batch_id, part.orders, part.skus, part.documents, now_ms
            )
        )

    def merge(self, wire: WireBatch, parts: list[Part], answers: list[U8]) -> Decided:
        """Bring the shards' answers into the order of the batch's rows; pure computation."""
        count = wire.orders.num_rows
        shard_of_row = np.zeros(count, np.int32)
        if not parts:
            return Decided(pa.RecordBatch.from_pylist([], schema=ACK), shard_of_row)
        batches = [from_message(answer, ACK) for answer in answers]
        for part, batch in zip(parts, batches, strict=True):
            assert batch.num_rows == (count if part.rows is None else len(part.rows)), "a shard answers every row"
        if parts[0].rows is None:
            shard_of_row.fill(parts[0].shard)
            return Decided(batches[0], shard_of_row)
        place = np.concatenate([part.rows for part in parts if part.rows is not None])
        for part in parts:
            shard_of_row[part.rows] = part.shard
        together = pa.concat_batches(batches).take(pa.array(np.argsort(place, kind="stable")))
        return Decided(together, shard_of_row)

    def count(self, wire: WireBatch, decided: Decided, form: str) -> None:
        """Move the counters by one batch."""
        status = decided.ack.column("status").to_numpy(zero_copy_only=False)
        tally = np.bincount(status, minlength=len(STATUS_NAMES))
        tally[Status.REJECTED] += len(wire.refused)
        for name, count in zip(STATUS_NAMES, tally.tolist(), strict=True):
            if count:
                self._metrics.orders.labels(form, name).inc(count)
        duplicates = int(decided.ack.column("duplicate").to_numpy(zero_copy_only=False).sum())
        if duplicates:
            self._metrics.duplicates.inc(duplicates)
        self._metrics.batch_rows.labels(form).observe(wire.count)
        reasons = decided.ack.column("reasons").to_numpy(zero_copy_only=False)
        if reasons.any() or wire.refused:
            self._metrics.count_reasons(_reason_counts(reasons, [refusal.reasons for refusal in wire.refused]))


def _reason_counts(masks: npt.NDArray[np.uint64], more: list[int]) -> dict[int, int]:
    distinct, counts = np.unique(np.concatenate([masks, np.array(more, np.uint64)]), return_counts=True)
    tally: dict[int, int] = {}
    for mask, count in zip(distinct.tolist(), counts.tolist(), strict=True):
        for number in REASONS:
            if mask >> number & 1:
                tally[number] = tally.get(number, 0) + count
    return tally


def _stream(batch: pa.RecordBatch) -> U8:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return np.frombuffer(sink.getvalue(), np.uint8)
