"""What a cancelled order gives back beside its units: its customer's count, its basket, its uses of promotions.

Most orders have only the customer, which their book knows. The record of an order is read for those that were granted
promotions, and for those so young that their basket may still hold others back.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.arrow.arrays import record_batch
from router.config import Policy
from router.life.books import Judged
from router.log.columns import GIVEN_BACK
from router.log.recall import Recollection
from router.log.reference import in_shard, row_of, sequence_of
from router.shard.engine import ShardEngine
from router.shard.lanes import PolicyOf

I64 = npt.NDArray[np.int64]


class Givers:
    """Knows how old records of orders are, whatever a restart came between."""

    def __init__(self, engine: ShardEngine, recall: Recollection, policy_of: PolicyOf) -> None:
        self._engine = engine
        self._recall = recall
        self._policy_of = policy_of
        self._young: list[tuple[int, int]] = []  # sequence, now_ms of records that are younger than the window
        self._dropped_ms = -1  # of others none is newer

    def note(self, sequence: int, tables_version: int, now_ms: int) -> None:
        """A record of orders came."""
        since_ms = now_ms - self._policy_of(tables_version).duplicate_basket_window_ms
        self._young.append((sequence, now_ms))
        while self._young and self._young[0][1] <= since_ms:
            self._dropped_ms = max(self._dropped_ms, self._young.pop(0)[1])

    def of(self, judged: Judged, now_ms: int, policy: Policy) -> pa.RecordBatch:
        """GIVEN_BACK of a batch of events."""
        since_ms = now_ms - policy.duplicate_basket_window_ms
        verdicts = judged.verdicts[judged.verdicts["gives_back"] != 0]
        orders, books = verdicts["order"].copy(), self._engine.books
        young = self._are_young(sequence_of(orders), since_ms)
        baskets, versions = np.zeros(len(orders), np.uint64), np.zeros(len(orders), np.int64)
        promotions: list[list[int]] = [[]] * len(orders)
        for at in np.flatnonzero(young | books.were_promoted(verdicts["row"])).tolist():
            halves, row = self._recall.halves(sequence_of(int(orders[at]))), row_of(int(orders[at]))
            baskets[at] = halves.given.column("basket")[row].as_py()
            promotions[at] = halves.outcome.column("granted")[row].as_py()
            versions[at] = halves.tables_version
        return record_batch(
            GIVEN_BACK,
            {
                "order": orders + in_shard(self._engine.number, 0),
                "customer": books.customers(verdicts["row"]),
                "basket": baskets,
                "tables_version": versions,
                "promotions": pa.array(promotions, GIVEN_BACK.field("promotions").type),
            },
        )

    def _are_young(self, sequences: I64, since_ms: int) -> npt.NDArray[np.bool_]:
        found = np.zeros(len(sequences), bool)
        for sequence in np.unique(sequences).tolist():
            found[sequences == sequence] = self._came_ms(sequence, since_ms) > since_ms
        return found

    def _came_ms(self, sequence: int, since_ms: int) -> int:
        """When a record came; of one that is too old to matter the newest such."""
        at = bisect_left(self._young, (sequence, -1))
        if at < len(self._young) and self._young[at][0] == sequence:
            return self._young[at][1]
        if self._dropped_ms <= since_ms:
            return self._dropped_ms
        return self._recall.halves(sequence).now_ms

    def dump(self) -> dict[str, npt.NDArray[Any]]:
        young = np.array(self._young, np.int64).reshape(-1, 2)
        return {"young": young, "dropped_ms": np.array([self._dropped_ms], np.int64)}

    def restore(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        self._young = [(int(sequence), int(now_ms)) for sequence, now_ms in arrays["young"]]
        self._dropped_ms = int(arrays["dropped_ms"][0])
