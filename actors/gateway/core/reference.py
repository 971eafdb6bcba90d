"""The reference tables as this gateway sees them: the newest version, and older ones that orders name."""

from __future__ import annotations

import pathlib
import threading
from collections.abc import Collection
from dataclasses import dataclass

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from actors.gateway.core.logs import JsonLog
from actors.store.table_store import TableStore
from router.config import Policy
from router.errors import RouterError
from router.labels.address import PostalAddress, address_of
from router.queries.availability_terms import AvailabilityTerms
from router.queries.availability_text import AvailabilityText
from router.shard.work import WorkTerms, work_terms
from router.tables.compiled import Tables

LOOK_EVERY_S = 0.25


@dataclass(frozen=True)
class Newest:
    """One version, with what answers about availability are made of, and what orders' work depends on."""

    tables: Tables
    text: AvailabilityText
    terms: AvailabilityTerms
    work: WorkTerms


class Reference:
    """Tables by version; numbers of SKUs and nodes mean the same in all of them. For any thread."""

    def __init__(self, folder: pathlib.Path, policy: Policy, log: JsonLog) -> None:
        self._store = TableStore(folder)
        self._policy = policy
        self._log = log
        self._lock = threading.Lock()
        self._senders: tuple[int, dict[str, PostalAddress]] | None = None  # with their version
        self.newest = self._read(self._store.current())

    def look_again(self) -> None:
        """Take over a newer version if there is one; when it cannot be read yet, the one in use stays."""
        try:
            with self._lock:
                version = self._store.current()
                if version != self.newest.tables.version:
                    self.newest = self._read(version)
        except (RouterError, OSError) as fault:
            self._log.write("warning", "tables_unreadable", detail=str(fault))

    def version(self, version: int) -> Tables:
        """The tables of a version."""
        if version == self.newest.tables.version:
            return self.newest.tables
        with self._lock:
            return self._store.load(version)

    def nodes_left(self, version: int, nodes: list[str]) -> dict[str, tuple[int, int]]:
        """Since which version, and when, nodes have been out of the table that are so in this one."""
        with self._lock:
            left, versions = self._store.nodes_left(version, nodes), self._store.versions()
        return {node: (since, versions[since - 1].now_ms) for node, since in left.items()}

    def senders(self, nodes: Collection[str]) -> dict[str, PostalAddress]:
        """Addresses of nodes as senders, by the newest version; of one without a row what its id says."""
        with self._lock:
            if self._senders is None or self._senders[0] != self.newest.tables.version:
                rows = self._store.lines("nodes", self.newest.tables.version)
                named = {row["node"]: address_of(row) for page in rows for row in map(orjson.loads, page)}
                self._senders = (self.newest.tables.version, named)
            known = self._senders[1]
        return {node: known.get(node, PostalAddress(name=node)) for node in nodes}

    def naming(self, sku: int, node: int) -> Tables:
        """Tables that name the SKU and the node of these numbers, which may be newer than the last look."""
        tables = self.newest.tables
        if sku >= len(tables.skus.ids) or node >= len(tables.nodes.ids):
            self.look_again()
        return self.newest.tables

    def tables_for(self, ack: pa.RecordBatch) -> Tables:
        """Tables that name every node and SKU of these answers, which may be newer than the last look."""
        parts = ack.column("lines").flatten().field("allocations").flatten()
        node, sku = pc.max(parts.field("node")).as_py(), pc.max(parts.field("sku")).as_py()
        return self.newest.tables if node is None else self.naming(sku, node)

    def _read(self, version: int) -> Newest:
        tables = self._store.load(version)
        names = tables.skus.ids.to_arrow().to_pylist()  # not `values`, which keeps them: a million take 80 MB
        text = AvailabilityText(names, tables.nodes.ids.values)
        policy = tables.policy_or(self._policy)
        return Newest(tables, text, AvailabilityTerms(tables, policy), work_terms(tables, policy))
