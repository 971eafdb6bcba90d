"""From a decoded batch to its decisions: ask every shard concerned, count what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from actors.gateway.core.backend import U8, Backend
from actors.gateway.core.lanes import Lane
from actors.gateway.core.metrics import Metrics
from actors.gateway.core.reference import Reference
from router.ids import Scope
from router.log.columns import STATUS_NAMES, Status
from router.reasons import REASONS
from router.shard.cut_batch import cut_batch
from router.shard.split_batch import Decided, Part, split_batch
from router.wire.batch import WireBatch

T = TypeVar("T")


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

    def __init__(
        self, backend: Backend, lanes: list[Lane], metrics: Metrics, scope: Scope, reference: Reference
    ) -> None:
        self._backend = backend
        self._lanes = lanes
        self._metrics = metrics
        self._scope = scope
        self._reference = reference

    def cut(self, wire: WireBatch) -> list[WireBatch]:
        """A batch as its work allows; pure computation, may run in the worker."""
        return cut_batch(wire, self._reference.newest.work)

    def split(self, wire: WireBatch) -> list[Part]:
        """Pack a batch for its shards; likewise."""
        return split_batch(wire, self._backend.key, self._backend.shards, self._scope)

    async def ask(self, parts: list[Part], sender: str) -> list[U8]:
        """Submit every part to its shard, in the turn of its sender; the first fault of any is raised after all have
        ended."""
        if len(parts) == 1:
            return [await self._submit(parts[0], sender)]
        tasks = [asyncio.ensure_future(self._submit(part, sender)) for part in parts]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        answers: list[U8] = []
        for result in results:
            if isinstance(result, BaseException):
                raise result
            answers.append(result)
        return answers

    async def _submit(self, part: Part, sender: str) -> U8:
        return await self._lanes[part.shard].submit(
            lambda batch_id, now_ms: self._backend.submit_orders(
                part.shard, batch_id, part.orders, part.skus, part.documents, now_ms
            ),
            sender,
            part.work_ns,
        )

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
        self._metrics.order_flow.batch_rows.labels(form).observe(wire.count)
        reasons = decided.ack.column("reasons").to_numpy(zero_copy_only=False)
        if reasons.any() or wire.refused:
            self._metrics.count_reasons(_reason_counts(reasons, [refusal.reasons for refusal in wire.refused]))


def _reason_counts(masks: npt.NDArray[np.uint64], more: list[int]) -> dict[int, int]:
    distinct, counts = np.unique(np.concatenate([masks[masks != 0], np.array(more, np.uint64)]), return_counts=True)
    tally: dict[int, int] = {}
    for mask, count in zip(distinct.tolist(), counts.tolist(), strict=True):
        for number in REASONS:
            if mask >> number & 1:
                tally[number] = tally.get(number, 0) + count
    return tally
