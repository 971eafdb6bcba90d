"""Reading orders without asking their shards: mapped indexes and logs of the data folder on this machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from actors.process.names import shard_name
from actors.store.data_folder import DataFolder
from actors.store.log_reader import LogReader
from actors.store.mapped import SharedArenaReader
from router.arrow.arena import BlockBusy
from router.bound import Bound
from router.config import Config
from router.ids import hash_text, key64, scoped_id
from router.life.documents import DocumentNumber
from router.life.shipments import OpenUnits
from router.log.index import OrderIndexReader
from router.log.number_runs import Run
from router.log.reference import in_shard, local_part, row_of, sequence_of, shard_part
from router.log.steps import OrderHistory, order_step
from router.queries import (
    Indexed,
    OrderFilter,
    StreamSource,
    ViewTerms,
    explain_view,
    order_view,
    search,
    timeline_view,
)
from router.queries.answered import reference_of
from router.queries.as_sent import kept_order
from router.queries.invoices import document_view, numbered_steps
from router.queries.shipment_basis import open_units
from router.queries.sight import Sight
from router.queries.source import RecordSource, Row
from router.queries.text import time_text
from router.shard.partition import shard_of
from router.tables.compiled import Tables

T = TypeVar("T")
U64 = npt.NDArray[np.uint64]

BUSY_TRIES = 50
BUSY_WAIT_S = 0.004


async def when_free(read: Callable[[], Awaitable[T]]) -> T:
    """What a read gives. An owner that was interrupted in the middle of a change needs a core to finish it, so nobody
    waits on one; one that recovers longer than this is told to the client."""
    for _ in range(BUSY_TRIES):
        try:
            return await read()
        except BlockBusy:
            await asyncio.sleep(BUSY_WAIT_S)
    return await read()


def once_free(read: Callable[[], T]) -> T:
    """The same for a thread that may wait."""
    for _ in range(BUSY_TRIES):
        try:
            return read()
        except BlockBusy:
            time.sleep(BUSY_WAIT_S)
    return read()


class OrderName(NamedTuple):
    """An order as its channel names it; of channel and seller that one counts which ids are unique in."""

    order_id: str
    channel: str = ""
    seller: str = ""


class Origin(NamedTuple):
    """Whose an order is."""

    order_id: str
    channel: str
    seller: str


class KnownTables(Protocol):
    """The reference tables by version, and those that name numbers which are younger than the last look."""

    def version(self, version: int) -> Tables: ...

    def naming(self, sku: int, node: int) -> Tables: ...

    def nodes_left(self, version: int, nodes: list[str]) -> dict[str, tuple[int, int]]: ...


class RunSource(Protocol):
    """The log of the ledger, of which is read who took a number."""

    def find_run(self, seller: str, series: int, number: int) -> Run | None: ...


class ShardSource(StreamSource, RecordSource, Protocol):
    """The durable records of one shard, for all reads."""


class Logs(NamedTuple):
    """Of a data folder, as readers have them; one set a process, shared by its threads."""

    shards: Sequence[ShardSource]
    ledger: RunSource


def logs_of(data: DataFolder) -> Logs:
    shards = [LogReader(data.shard(number), part_count=2) for number in range(data.identity().shards)]
    return Logs(shards, LogReader(data.ledger, part_count=1))


class OrderReaders:
    """Views of orders. Not for use by two threads at once: make one of these a thread, over shared sources."""

    def __init__(self, data: DataFolder, logs: Logs, known: KnownTables, config: Config) -> None:
        sources = logs.shards
        self._key = data.key()
        self._runs = logs.ledger
        self._scope = config.order_id_scope
        self._config = config
        self._sources = sources
        self._known = known
        self._terms = ViewTerms(self._key, known.version, known.naming, config)
        self._indexes = [
            OrderIndexReader(SharedArenaReader(data.shared / shard_name(number))) for number in range(len(sources))
        ]

    def order(self, name: OrderName, sight: Sight) -> Row | None:
        place = self._place(name)
        view = place and order_view(place[0], place[1], self._sources[place[0]], self._terms)
        return view and sight.order(self._with_twin(view, sight.bound))

    def to_ship(self, name: OrderName, sight: Sight) -> tuple[Row, list[OpenUnits]] | None:
        """The order, and which of its units can be sent, of the same moment."""
        place = self._place(name)
        if place is None:
            return None
        view = order_view(place[0], place[1], self._sources[place[0]], self._terms)
        return None if view is None else (sight.order(view), open_units(place[1], self._sources[place[0]], self._terms))

    def timeline(self, name: OrderName, sight: Sight, cursor: str | None, limit: int) -> Row | None:
        """Raises CursorError."""
        place = self._place(name)
        view = place and timeline_view(place[0], place[1], self._sources[place[0]], self._terms, cursor, limit)
        if not view:
            return None
        for entry in view["entries"]:
            if answered := entry.get("acknowledgement"):
                entry["acknowledgement"] = self._with_twin(answered, sight.bound)
        return sight.timeline(view)

    def invoice(self, wanted: DocumentNumber, bound: Bound) -> Row | None:
        """The document of a number, of an order within a bound; None where there is none."""
        run = self._runs.find_run(wanted.seller, wanted.series, wanted.number)
        if run is None:
            return None
        source = self._sources[run.shard]
        for step in numbered_steps(source, run.sequence, wanted):
            origin = self.origin(in_shard(run.shard, step.reference))
            if origin is not None and origin.seller == wanted.seller and bound.has(origin.channel, origin.seller):
                return document_view(wanted, OrderHistory(source, step.reference), source, self._terms)
        return None

    def explain(self, name: OrderName, bound: Bound) -> Row | None:
        place = self._place(name)
        terms = self._known.version, self._config
        view = place and explain_view(place[0], place[1], self._sources[place[0]], *terms)
        return view and self._with_twin(view | {"nodes": self._since_when(view)}, bound)

    def _since_when(self, explained: Row) -> list[Row]:
        """Its nodes; of those that are inactive with the version of the tables that took them out."""
        nodes: list[Row] = explained["nodes"]
        gone = [row["node"] for row in nodes if "inactive" in row["removed_by"]]
        left = self._known.nodes_left(explained["tables_version"], gone) if gone else {}
        since = {node: {"tables_version": version, "at": time_text(at_ms)} for node, (version, at_ms) in left.items()}
        return [row | {"inactive_since": since.get(row["node"])} for row in nodes]

    def is_of(self, bound: Bound, name: OrderName) -> bool:
        """Whether there is such an order within a bound."""
        place = self._place(name)
        return place is not None and self._is_within(bound, *place)

    def owned(self, bound: Bound, hi: U64, lo: U64) -> npt.NDArray[np.bool_]:
        """Which of these orders there are within a bound. For a thread that may wait a moment."""
        shards = shard_of(lo, len(self._indexes)).tolist()
        orders = zip(shards, hi.tolist(), lo.tolist(), strict=True)
        return np.array([once_free(partial(self._is_owned, bound, *order)) for order in orders])

    def _is_owned(self, bound: Bound, shard: int, hi: int, lo: int) -> bool:
        found = self._find(shard, hi, lo)
        return found is not None and self._is_within(bound, shard, found)

    def origin(self, place: int) -> Origin | None:
        """Whose the order of a reference with its shard is; None while it is not durable."""
        step = order_step(self._sources[shard_part(place)], local_part(place))
        return None if step is None else Origin(*(step.given[name] for name in Origin._fields))

    def as_sent(self, place: int, beside: Row) -> Row | None:
        """What the channel sent for it, to be compared with another order of its id; None where it was erased."""
        local, source = local_part(place), self._sources[shard_part(place)]
        step, document = order_step(source, local), source.document(sequence_of(local), row_of(local))
        if step is None or document is None:
            return None
        return kept_order(step, document, self._known.version(step.tables_version), beside)

    def _with_twin(self, view: Row, bound: Bound) -> Row:
        """A view with the id of the order that has the same basket; without either where that one is not to be seen."""
        cursor, order_id = view["duplicate_of"], None
        if cursor is not None:
            origin = self.origin(reference_of(cursor))
            is_seen = origin is not None and bound.has(origin.channel, origin.seller)
            order_id = origin.order_id if origin is not None and is_seen else None
            cursor = cursor if is_seen else None
        return view | {"duplicate_of": cursor, "duplicate_of_order_id": order_id}

    def _is_within(self, bound: Bound, shard: int, found: Indexed) -> bool:
        origin = self.origin(in_shard(shard, found[0]))
        return origin is not None and bound.has(origin.channel, origin.seller)

    def search(self, wanted: OrderFilter, cursor: str | None, limit: int) -> tuple[list[Row], str | None]:
        return search(wanted, cursor, limit, self._sources, self._find, self._known.naming(-1, -1))

    def order_key(self, name: OrderName) -> str:
        """The keyed hash of an order's id within its scope, by which the desk knows it."""
        hi, lo = hash_text(self._key, scoped_id(self._scope, *name))
        return f"{hi:016x}{lo:016x}"

    def version(self, name: OrderName) -> int:
        """How often the order was changed; 0 where there is none."""
        place = self._place(name)
        return place[1][2] if place else 0

    def customer_number(self, customer_id: str) -> int:
        """The customer as the log holds it: a keyed hash."""
        return int(key64(self._key, pa.array([customer_id], pa.string()))[0])

    def _place(self, name: OrderName) -> tuple[int, Indexed] | None:
        hi, lo = hash_text(self._key, scoped_id(self._scope, *name))
        shard = int(shard_of(np.array([lo], np.uint64), len(self._indexes))[0])
        found = self._find(shard, hi, lo)
        return None if found is None else (shard, found)

    def _find(self, shard: int, hi: int, lo: int) -> Indexed | None:
        return self._indexes[shard].find(hi, lo)
