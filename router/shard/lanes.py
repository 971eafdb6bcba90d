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

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.arrow.arrays import Bytes
from router.config import Policy
from router.log.kinds import Kind
from router.log.recall import Halves
from router.log.records import Record
from router.ports import LedgerPort, Question

Message = npt.NDArray[np.uint8]
PolicyOf = Callable[[int], Policy]  # of a version of the tables
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
    asks_after: int = 0  # newest earlier batch that changed an order it names: the ledger hears of that one first

    @property
    def is_logged(self) -> bool:
        return bool(self.messages)

    def halves(self, given: pa.RecordBatch, outcome: pa.RecordBatch) -> Halves:
        """The batch as later ones recall it."""
        return Halves(self.kind, self.tables_version, self.now_ms, given, outcome)


class Lane(Protocol):
    kind: Kind
    outcome_kind: Kind

    def must_wait(self, batch: Any, shown: int) -> bool:
        """Whether something that the batch names is under way; ``shown`` is the newest sequence that is not."""

    def begin(self, batch: Any, sequence: int, first_sequence: int | None) -> Begun: ...

    def ask(self, begun: Begun, question: Question, ledger: LedgerPort) -> None: ...

    def finish(self, begun: Begun) -> pa.RecordBatch: ...

    def show(self, begun: Begun) -> None: ...

    def answer(self, begun: Begun) -> Message: ...

    def reopen(self, given: Record) -> Begun: ...

    def replay_input(self, given: Record) -> None: ...

    def replay(self, given: Record, outcome: Record) -> None: ...
