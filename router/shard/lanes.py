"""A lane is the way of one kind of batch through a shard; ``router/pipeline.py`` drives all lanes alike.

    begin    what was sent ─▶ Begun: the messages of part 0 and what has to be asked
    ask      the ledger, when part 0 is durable; may run beside other batches
    finish   with the answer ─▶ the message of part 1; in the order of sequences
    answer   what the sender is told, once that is durable
    show     part 1 is durable: readers may see it
    replay   both halves of a record of the log, deciding nothing;  reopen  a first half that has no second

Adding a kind is a row of ``router/log/kinds.py`` and a lane.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.arrow.arrays import Bytes
from router.log.kinds import Kind
from router.log.records import Record
from router.ports import LedgerPort, Question

Message = npt.NDArray[np.uint8]
BatchId = tuple[int, int]  # incarnation of the sender, number of its batch


class Batch(Protocol):
    """What a sender hands over, of any kind."""

    @property
    def batch_id(self) -> BatchId: ...

    @property
    def now_ms(self) -> int: ...


@dataclass
class Begun:
    """A batch between begin and answer."""

    kind: Kind  # of part 0
    sequence: int
    tables_version: int
    now_ms: int
    messages: Sequence[pa.RecordBatch]  # of part 0; empty where nothing is new: then nothing is logged
    documents: Bytes | None = None
    waits_for: int = 0  # newest sequence that must be shown before the sender is answered
    first_sequence: int | None = None  # the very batch was begun before, under this one
    grants_seen: int = 0
    work: Any = None  # the lane's own
    decision: Any = None  # what the ledger answered
    outcome: pa.RecordBatch | None = None
    said: Message = field(default_factory=lambda: np.zeros(0, np.uint8))
    input_ticket: int | None = None
    outcome_ticket: int | None = None
    rows: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))  # of the index that it names

    @property
    def is_logged(self) -> bool:
        return bool(self.messages)


class Lane(Protocol):
    kind: Kind
    outcome_kind: Kind

    def names(self, batch: Any) -> npt.NDArray[np.int64]:
        """Rows of the index that must not be in flight when the batch begins; none where that is no matter."""

    def begin(self, batch: Any, sequence: int, first_sequence: int | None) -> Begun: ...

    def ask(self, begun: Begun, question: Question, ledger: LedgerPort) -> None: ...

    def finish(self, begun: Begun) -> pa.RecordBatch: ...

    def show(self, begun: Begun) -> None: ...

    def answer(self, begun: Begun) -> Message: ...

    def reopen(self, given: Record) -> Begun: ...

    def replay_input(self, given: Record) -> None: ...

    def replay(self, given: Record, outcome: Record) -> None: ...
