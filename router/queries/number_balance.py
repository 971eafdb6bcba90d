"""Do the numbers of invoices and credit notes add up? The ledger gave each once, and one event has it.

ledger    each record goes on where the seller's series ended
shard     the documents of a batch have the numbers that the ledger gave it, in the order of its rows
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from router.arrow.arrays import numbers
from router.ledger.number_series import runs_in
from router.life.documents import SERIES_OF, Document, DocumentNumber, Series
from router.log.number_runs import Run
from router.log.records import Record
from router.shard.engine import ShardEngine

Taken = list[tuple[str, int, int]]  # seller, series, number of each document, by seller and series


class SeriesCheck:
    """Follows the records of a ledger."""

    def __init__(self) -> None:
        self._last: Counter[tuple[str, int]] = Counter()
        self.given: Counter[int] = Counter()  # numbers, by shard

    def follow(self, record: Record) -> Iterator[str]:
        for run in runs_in(record):
            last = self._last[run.seller, run.series]
            if run.first != last + 1:
                name = DocumentNumber(run.seller, Series(run.series), run.first)
                yield f"record {record.sequence} gives {name} behind number {last}: a gap, or a number that comes twice"
            self._last[run.seller, run.series] = max(last, run.first + run.how_many - 1)
            self.given[run.shard] += run.how_many


def taken_by(given: pa.RecordBatch, outcome: pa.RecordBatch, engine: ShardEngine) -> Taken:
    """Of EVENTS and their EVENT_OUTCOME: the number of every document."""
    documents = numbers(outcome, "document")
    at = np.flatnonzero(documents)
    rows = engine.index.find(*(numbers(given, name)[at].copy() for name in ("hash_hi", "hash_lo")))
    sellers = [engine.origins.known[origin].seller for origin in engine.origins.of(rows).tolist()]
    series = [int(SERIES_OF[Document(document)]) for document in documents[at].tolist()]
    return sorted(zip(sellers, series, numbers(outcome, "number")[at].tolist(), strict=True), key=lambda row: row[:2])


def given_in(runs: Iterable[Run]) -> Taken:
    """The same as the ledger's record has it."""
    every = [(run.seller, run.series, number) for run in runs for number in range(run.first, run.first + run.how_many)]
    return sorted(every, key=lambda row: row[:2])
