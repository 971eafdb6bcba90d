"""The ledger as an order shard reaches it: an actor call, asked again until it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pyarrow as pa

from actors.owners.calls import Call, until_answered
from actors.owners.stubs import LedgerStub
from router.arrow.arrays import from_message, to_message
from router.log.columns import AMENDED, DECISION, GRANTS, NUMBERED, STOCK_RESULTS
from router.ports import NOTHING_NUMBERED, Question
from router.tables.withdrawn import Numbers, UnitsInUse

T = TypeVar("T")

ANSWER_TIMEOUT_S = 30.0


class RemoteLedger:
    """Satisfies ``router.ports.LedgerPort``; safe to ask twice because the ledger answers by (shard, sequence).

    What the ledger raises passes, for asking again would not help; a shard that was replaced ends by that.
    """

    def __init__(self, stub: LedgerStub) -> None:
        self._stub = stub

    def decide(self, question: Question, claims: pa.RecordBatch) -> pa.RecordBatch:
        message = to_message(claims)
        return from_message(_answer(lambda: self._stub.decide(question, message)), DECISION)

    def move(
        self, question: Question, moves: pa.RecordBatch, given_back: pa.RecordBatch,
        numbering: pa.RecordBatch = NOTHING_NUMBERED,
    ) -> pa.RecordBatch:  # fmt: skip
        messages = to_message(moves), to_message(given_back), to_message(numbering)
        return from_message(_answer(lambda: self._stub.move(question, *messages)), NUMBERED)

    def amend(self, question: Question, amends: pa.RecordBatch) -> pa.RecordBatch:
        message = to_message(amends)
        return from_message(_answer(lambda: self._stub.amend(question, message)), AMENDED)

    def grants(self, shard: int, epoch: int, after: int, wait_ms: int) -> tuple[int, pa.RecordBatch]:
        record, grants = _answer(lambda: self._stub.grants(shard, epoch, after, wait_ms))
        return record, from_message(grants, GRANTS)

    def quote(self, tables_version: int, claims: pa.RecordBatch, now_ms: int) -> pa.RecordBatch:
        message = to_message(claims)
        return from_message(_answer(lambda: self._stub.quote(tables_version, message, now_ms)), DECISION)

    def stock(self, movements: pa.RecordBatch, now_ms: int) -> pa.RecordBatch:
        """STOCK_RESULTS of MOVEMENTS; each is idempotent by its own id."""
        message = to_message(movements)
        return from_message(_answer(lambda: self._stub.stock(message, now_ms)), STOCK_RESULTS)

    def in_use(self, skus: Numbers, nodes: Numbers) -> UnitsInUse:
        """Units that lie and wait under SKUs, then under nodes."""
        return _answer(lambda: self._stub.in_use(skus, nodes))


def _answer(begin: Callable[[], Call[T]]) -> T:
    return until_answered(begin, ANSWER_TIMEOUT_S)
