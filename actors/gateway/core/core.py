"""What all endpoints share: the configuration, the way to the shards, the tables, metrics and the log."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from actors.gateway.core.backend import Backend
from actors.gateway.core.decide import Decider, Worker
from actors.gateway.core.lanes import RETRY_DEADLINE_S, Lane
from actors.gateway.core.logs import JsonLog
from actors.gateway.core.metrics import Metrics
from actors.gateway.core.problems import Problem
from actors.gateway.core.reading import Reading
from actors.gateway.core.reference import LOOK_EVERY_S, Reference
from actors.gateway.core.report import Reporter
from actors.gateway.core.siblings import Siblings
from actors.gateway.core.turns import Room
from actors.gateway.core.typesetting import Typesetting
from actors.gateway.core.unpacking import Unpacking
from actors.process.heap import give_back_memory
from actors.store.bell import Bell
from router.config import Config
from router.shard.turns import EVENTS_COME_MS
from router.shard.work import IN_FLIGHT_NS_MAX

T = TypeVar("T")

REST_AFTER_S = 3.0  # without a stream: who sends every few seconds finds memory that needs no faults
UNPACKED_BODIES_MAX = 2  # of the largest bodies, of all streams together: a gateway is to stay below 1 GiB


class Stoppable(Protocol):
    """An open stream, as far as the end of the process concerns it."""

    noun: str  # what people call its rows

    def stop(self, problem: Problem) -> None:
        """End after the answers that are due."""


class Core:
    def __init__(
        self,
        backend: Backend,
        reference: Reference,
        config: Config,
        version: str,
        log: JsonLog,
        events_bell: Bell,
        spool_folder: str | None = None,
    ) -> None:
        self.backend = backend
        self.reference = reference
        self.config = config
        self.version = version
        self.log = log
        self.spool_folder = spool_folder
        self._events_bell = events_bell  # rung by whichever gateway of this machine events come to
        self.metrics = Metrics(version)
        self.siblings: Siblings | None = None  # the other gateway processes, where there are some
        self.worker = Worker("codec")  # decodes and encodes batches of streams
        waited = self.metrics.reading_wait_seconds.labels
        self.typesetting = Typesetting()
        self.reading = Reading(waited("read").observe, waited("feed").observe)
        # Orders and events are senders of their own: an event does not wait behind the orders of a stream.
        self.lanes, event_lanes = self._lanes(), self._lanes()
        # Stock bodies may be large: one long attempt rather than several at once.
        window, retries = config.limits.in_flight_batches_max, self.metrics.retries.inc
        self.ledger_lane = Lane("The ledger", secrets.randbits(63), window, retries, RETRY_DEADLINE_S)
        # One at a time: a quote is a step of its shard that orders wait for.
        self.quoting = Room(1, IN_FLIGHT_NS_MAX)
        self.unpacking = Unpacking(UNPACKED_BODIES_MAX * config.limits.body_bytes_max)
        self.decider = Decider(backend, self.lanes, self.metrics, config.order_id_scope, reference)
        self.reporter = Reporter(backend, event_lanes, self.metrics, events_bell.ring)
        self.streams: set[Stoppable] = set()
        self._rest: asyncio.TimerHandle | None = None
        self.draining = asyncio.Event()
        self.on_close: list[Callable[[], None]] = []  # what endpoints have to give back
        self._background: set[asyncio.Task[Any]] = set()
        self._watching = asyncio.ensure_future(self._watch_tables())
        self.metrics.gauge("router_open_streams", "Streams of orders and events open", lambda: len(self.streams))
        self.metrics.gauge(
            "router_unpacked_bytes",
            "Unpacked bytes of streams that wait for answers",
            lambda: self.unpacking.held_bytes,
        )
        self.metrics.gauge(
            "router_kept_bytes",
            "Of streams, kept for what is still to come: pieces of messages, dictionaries",
            lambda: self.unpacking.kept_bytes,
        )
        to_shards = [*self.lanes, *event_lanes]
        self.metrics.gauge(
            "router_batches_in_flight", "Batches sent to shards", lambda: sum(lane.in_flight for lane in to_shards)
        )

    def _lanes(self) -> list[Lane]:
        """One a shard. Batch ids of another life of this gateway must never be met again."""
        sender, window = secrets.randbits(63), self.config.limits.in_flight_batches_max
        retries = self.metrics.retries.inc
        return [Lane(f"Shard {shard}", sender, window, retries) for shard in range(self.backend.shards)]

    def order_rows_max(self) -> int:
        """Of a batch of orders that is cut now: smaller while events come, which wait until one is through."""
        limits = self.config.limits
        if self._events_bell.rang_within(EVENTS_COME_MS / 1000):
            return min(limits.batch_rows_max, limits.batch_rows_beside_events)
        return limits.batch_rows_max

    def stream_ended(self, stream: Stoppable) -> None:
        """What the streams took is given back when none has been open for a while."""
        self.streams.discard(stream)
        if self._rest is not None:
            self._rest.cancel()
        self._rest = asyncio.get_running_loop().call_later(REST_AFTER_S, self._give_back_memory)

    def _give_back_memory(self) -> None:
        if not self.streams and not self.draining.is_set():
            self.spawn(self.worker.run(give_back_memory))

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run something to its end, whatever becomes of the request that asked for it."""
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def finish(self, timeout_s: float) -> None:
        """Wait for what is in flight."""
        if self._background:
            await asyncio.wait(list(self._background), timeout=timeout_s)

    async def _watch_tables(self) -> None:
        """Notice new tables, off the event loop: a large table takes a while to read."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.reading.read(self.reference.look_again)

    def close(self) -> None:
        self._watching.cancel()
        if self._rest is not None:
            self._rest.cancel()
        for give_back in self.on_close:
            give_back()
        self._events_bell.close()
        self.worker.close()
        self.reading.close()
        self.typesetting.close()
