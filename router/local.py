"""The whole router in one process: the same engines and paths, called one after the other.

For ``route`` (offline), tests and what-if runs. Logs and the clock are the caller's.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.arrow.arena import Arena, PrivateArena
from router.config import Config, Policy
from router.ledger.engine import LedgerEngine
from router.ledger.path import LedgerPath
from router.ledger.turns import Alone, LedgerTurns, NoCheckpoints
from router.log.kinds import Kind
from router.pipeline import ShardPath
from router.ports import Log
from router.shard.engine import ShardEngine
from router.shard.grant_lane import GrantBatch
from router.shard.lanes import Message
from router.shard.order_lane import OrderBatch
from router.shard.split_batch import Decided, merge_answers, split_batch
from router.shard.split_events import merge_event_answers, split_events
from router.tables.compiled import Tables, TablesOf
from router.tables.withdrawn import Numbers, UnitsInUse
from router.wire.batch import WireBatch
from router.wire.event_batch import EventBatch
from router.wire.event_wire import EventWire

U64 = npt.NDArray[np.uint64]


class LocalRouter:
    """Shards and ledger of one configuration; ``log_of(name, parts)`` gives each owner its log, ``arena_of(name)`` the
    memory that readers look at, ``tables_of`` a version of the tables that ``use_tables`` was not given."""

    def __init__(
        self,
        config: Config,
        key: U64,
        log_of: Callable[[str, int], Log],
        tables_of: TablesOf | None = None,
        arena_of: Callable[[str], Arena] = lambda _: PrivateArena(),
    ) -> None:
        self._key = key
        self._scope = config.order_id_scope
        self._tables: dict[int, Tables] = {}
        self._other_tables = tables_of
        self._arena_of = arena_of
        log = log_of("ledger", 1)
        path = LedgerPath(LedgerEngine(config.policy, arena_of("ledger")), log)
        self.ledger = LedgerTurns(path, log, self._tables_of, Alone(), NoCheckpoints())
        self.shards = [self._shard(number, config, log_of) for number in range(config.shards)]
        self._life = 1
        self._batches = 0

    def _shard(self, number: int, config: Config, log_of: Callable[[str, int], Log]) -> ShardPath:
        name = f"shard-{number:03d}"
        engine = ShardEngine(number, self._key, config, self._arena_of(name))

        def policy_of(version: int) -> Policy:
            return self._tables_of(version).policy_or(config.policy)

        return ShardPath(engine, log_of(name, 2), self.ledger, self._tables_of, policy_of)

    def _tables_of(self, version: int) -> Tables:
        if version not in self._tables:
            assert self._other_tables is not None, f"version {version} of the tables was never used here"
            self._tables[version] = self._other_tables(version)
        return self._tables[version]

    def use_tables(self, tables: Tables) -> None:
        self._tables[tables.version] = tables
        self.ledger.use_tables(tables)
        for shard in self.shards:
            shard.engine.use_tables(tables)

    def recover(self) -> None:
        """Replay every log; the ledger first, because shards ask it to finish what was under way."""
        self.ledger.recover(1)
        for shard in self.shards:
            shard.recover(1)
        # Batch ids of earlier lives are remembered: each life that logged a batch began at another number.
        self._life = 1 + sum(shard.last_sequence for shard in self.shards)

    def submit(self, wire: WireBatch, now_ms: int) -> Decided:
        """ACK rows of a decoded batch, in the order of its rows."""
        parts = split_batch(wire, self._key, len(self.shards), self._scope)
        answers = [
            self.shards[part.shard].submit(
                Kind.ORDERS, OrderBatch(self._batch_id(), part.orders, part.skus, part.documents, now_ms)
            )
            for part in parts
        ]
        return merge_answers(wire, parts, answers)

    def submit_events(self, wire: EventWire, now_ms: int) -> pa.RecordBatch:
        """EVENT_ACK rows of decoded events, in their order; what they set free is granted to who waits."""
        parts = [part for of_shard in split_events(wire, len(self.shards)) for part in of_shard]
        answers = [
            self.shards[part.shard].submit(
                Kind.EVENTS, EventBatch(self._batch_id(), part.events, part.payload, part.documents, now_ms)
            )
            for part in parts
        ]
        self.take_grants(now_ms)
        return merge_event_answers(wire, parts, answers)

    def stock(self, movements: pa.RecordBatch, now_ms: int) -> pa.RecordBatch:
        """STOCK_RESULTS of MOVEMENTS; what arrives is granted to who waits."""
        results = self.ledger.stock(movements, now_ms)
        self.take_grants(now_ms)
        return results

    def in_use(self, skus: Numbers, nodes: Numbers) -> UnitsInUse:
        """Units that lie and wait under SKUs, then under nodes."""
        return self.ledger.in_use(skus, nodes)

    def quote(self, orders: Message, skus: Message, now_ms: int) -> Message:
        """QUOTE rows of WIRE and WIRE_SKUS messages."""
        return self.shards[0].orders.quote(orders, skus, now_ms, self.ledger)

    def take_grants(self, now_ms: int) -> None:
        """Let every shard take over what was granted to its orders."""
        for number, shard in enumerate(self.shards):
            while True:
                record, grants = self.ledger.grants(number, shard.log.epoch, shard.grants.seen, 0)
                if not grants.num_rows:
                    break
                epoch, batch = self._batch_id()
                shard.submit(Kind.GRANTED, GrantBatch(epoch, batch, record, grants, now_ms))

    def state_hashes(self) -> list[int]:
        """Numbers of the owners: equal states have equal hashes."""
        shards = [number for path in self.shards for number in path.engine.state_hash()]
        return [*shards, self.ledger.path.engine.state_hash()]

    def _batch_id(self) -> tuple[int, int]:
        self._batches += 1
        return (self._life, self._batches)
