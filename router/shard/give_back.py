"""What a cancelled order gives back beside its units: its customer's count, its basket, its uses of promotions.

Most orders have only the customer, which their book knows. The record of an order is read for those that were granted
promotions, and for those so young that their basket may still hold others back.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.config import Policy
from router.life.books import Judged
from router.log.columns import GIVEN_BACK
from router.log.recall import Recollection
from router.log.reference import in_shard, row_of, sequence_of
from router.shard.engine import ShardEngine

I64 = npt.NDArray[np.int64]


class Givers:
    """Remembers which records are younger than the window of baskets; the same after a restart, from the log."""

    def __init__(self, engine: ShardEngine, recall: Recollection, policy: Policy) -> None:
        self._engine = engine
        self._recall = recall
        self._window_ms = policy.duplicate_basket_window_ms
        self._young: list[tuple[int, int]] = []  # sequence, now_ms of records of orders

    def note(self, sequence: int, now_ms: int) -> None:
        """A record of orders came."""
        self._young.append((sequence, now_ms))

    def of(self, judged: Judged, now_ms: int) -> pa.RecordBatch:
        """GIVEN_BACK of a batch of events."""
        self._young = [(sequence, at_ms) for sequence, at_ms in self._young if at_ms > now_ms - self._window_ms]
        youngest = self._young[0][0] if self._young else 1 << 62
        rows = [self._row(verdict, youngest) for verdict in judged.verdicts[judged.verdicts["gives_back"] != 0]]
        return pa.RecordBatch.from_pylist(rows, schema=GIVEN_BACK)

    def _row(self, verdict: Any, youngest: int) -> dict[str, Any]:
        order, books = int(verdict["order"]), self._engine.books
        row: dict[str, Any] = {
            "order": in_shard(self._engine.number, order),
            "customer": books.customer(int(verdict["row"])),
            "basket": 0, "tables_version": 0, "promotions": [],
        }  # fmt: skip
        if books.was_promoted(int(verdict["row"])) or sequence_of(order) >= youngest:
            halves = self._recall.halves(sequence_of(order))
            at = row_of(order)
            row["basket"] = halves.given.column("basket")[at].as_py()
            row["promotions"] = halves.outcome.column("granted")[at].as_py()
            row["tables_version"] = halves.tables_version
        return row

    def dump(self) -> dict[str, npt.NDArray[Any]]:
        return {"young": np.array(self._young, np.int64).reshape(-1, 2)}

    def restore(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        self._young = [(int(sequence), int(now_ms)) for sequence, now_ms in arrays["young"]]
