"""The ledger as an order shard reaches it: an actor call, asked again until it answers."""

from __future__ import annotations

import time
from typing import Any

import pyarrow as pa
import ray
from ray.exceptions import GetTimeoutError, RayError, TaskCancelledError

from actors.owners.calls import Call, owner
from actors.process.names import LEDGER
from router.arrow.arrays import from_message, to_message
from router.errors import Damaged, Misconfigured
from router.ledger.path import ChangedQuestion, StaleOwner
from router.log.columns import AMENDED, DECISION, GRANTS, STOCK_RESULTS
from router.ports import Question

ANSWER_TIMEOUT_S = 30.0
PAUSE_S = 0.05


class RemoteLedger:
    """Satisfies ``router.ports.LedgerPort``; safe to ask twice because the ledger answers by (shard, sequence)."""

    def __init__(self, namespace: str, shards: int) -> None:
        self._namespace = namespace
        self._shards = shards
        self._call: Call | None = None

    def decide(self, question: Question, claims: pa.RecordBatch) -> pa.RecordBatch:
        return from_message(self._ask("decide_message", question, to_message(claims)), DECISION)

    def move(self, question: Question, moves: pa.RecordBatch, given_back: pa.RecordBatch) -> None:
        self._ask("move_message", question, to_message(moves), to_message(given_back))

    def amend(self, question: Question, amends: pa.RecordBatch) -> pa.RecordBatch:
        return from_message(self._ask("amend_message", question, to_message(amends)), AMENDED)

    def grants(self, shard: int, after: int, wait_ms: int) -> tuple[int, pa.RecordBatch]:
        record, grants = self._ask("grants_message", shard, after, wait_ms)
        return record, from_message(grants, GRANTS)

    def quote(self, tables_version: int, claims: pa.RecordBatch, now_ms: int) -> pa.RecordBatch:
        return from_message(self._ask("quote_message", tables_version, to_message(claims), now_ms), DECISION)

    def stock(self, movements: pa.RecordBatch, now_ms: int) -> pa.RecordBatch:
        """STOCK_RESULTS of MOVEMENTS; each is idempotent by its own id."""
        return from_message(self._ask("stock_message", to_message(movements), now_ms), STOCK_RESULTS)

    def _ask(self, method: str, *arguments: object) -> Any:
        """Ray may report an error although the call was carried out; the ledger's idempotence covers that."""
        while True:
            try:
                if self._call is None:
                    self._call = owner(self._namespace, LEDGER, self._shards)
                return ray.get(self._call(method, *arguments), timeout=ANSWER_TIMEOUT_S)
            except (GetTimeoutError, TaskCancelledError, ValueError):
                self._call = None
            except RayError as fault:
                if isinstance(getattr(fault, "cause", None), Misconfigured | StaleOwner | ChangedQuestion | Damaged):
                    raise  # asking again would not help; a shard that was replaced ends by this
                self._call = None
            time.sleep(PAUSE_S)
