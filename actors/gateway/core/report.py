"""From a decoded batch of events to what became of them: ask every shard concerned in the right order, count it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from functools import partial

import numpy as np
import pyarrow as pa

from actors.gateway.core.backend import U8, Backend, BatchId
from actors.gateway.core.lanes import Lane
from actors.gateway.core.metrics import Metrics
from router.log.columns import EventResult
from router.shard.split_events import EventPart, split_events
from router.wire.event_answers import RefusedEvent
from router.wire.event_batch import EventBatch
from router.wire.event_wire import EventWire

Parts = list[list[EventPart]]  # by shard, each in the order in which they must reach it


class Reporter:
    """Sends batches of events to the shards and brings their answers back."""

    def __init__(self, backend: Backend, lanes: list[Lane], metrics: Metrics, note: Callable[[], None]) -> None:
        self._backend = backend
        self._lanes = lanes
        self._metrics = metrics
        self._note = note  # that events came

    def split(self, wire: EventWire) -> Parts:
        """Pack a batch for its shards; pure computation, may run in the worker."""
        return split_events(wire, self._backend.shards)

    def sender(self, key: str) -> Sender:
        """The way of one client's events, which keep their order and take turns by key."""
        return Sender(self._backend, self._lanes, self._note, key)

    def count(self, wire: EventWire, ack: pa.RecordBatch, refused: list[RefusedEvent], form: str) -> None:
        """Move the counters by one batch."""
        result = ack.column("result").to_numpy(zero_copy_only=False)
        tally = np.bincount(result, minlength=EventResult.REPEATED + 1)
        statuses = {
            "applied": int(tally[EventResult.APPLIED]),
            "duplicate": int(tally[EventResult.REPEATED]),
            "refused": len(refused),
        }
        for status, count in statuses.items():
            if count:
                self._metrics.event_results.labels(form, status).inc(count)
        self._metrics.events.labels("refused").inc(len(refused))
        self._metrics.events.labels("accepted").inc(wire.count - len(refused))
        self._metrics.event_flow.batch_rows.labels(form).observe(wire.count)
        for reason, count in Counter(each.reason for each in refused).items():
            self._metrics.event_reasons.labels(reason).inc(count)


class Sender:
    """Batches of one client to the shards. What must wait for an answer before it is sent holds back the rest."""

    def __init__(self, backend: Backend, lanes: list[Lane], note: Callable[[], None], key: str) -> None:
        self._backend = backend
        self._lanes = lanes
        self._note = note
        self._key = key
        self._gates = [asyncio.Lock() for _ in lanes]

    async def ask(self, parts: Parts) -> list[U8]:
        """Submit every part to its shard; the first fault of any is raised after all have ended."""
        self._note()
        results = await asyncio.gather(*map(self._ask_shard, parts), return_exceptions=True)
        answers: list[U8] = []
        for result in results:
            if isinstance(result, BaseException):
                raise result
            answers += result
        return answers

    async def _ask_shard(self, parts: list[EventPart]) -> list[U8]:
        """One part after the other; the gate is free for the next batch when the last has joined its lane."""
        answers = []
        async with self._gates[parts[0].shard]:
            for part in parts[:-1]:
                answers.append(await self._submit(part))
            last = asyncio.ensure_future(self._submit(parts[-1]))
        return [*answers, await last]

    async def _submit(self, part: EventPart) -> U8:
        return await self._lanes[part.shard].submit(partial(self._send, part), self._key)

    async def _send(self, part: EventPart, batch_id: BatchId, now_ms: int) -> U8:
        batch = EventBatch(batch_id, part.events, part.payload, part.documents, now_ms)
        return await self._backend.submit_events(part.shard, batch)
