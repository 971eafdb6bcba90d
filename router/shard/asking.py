"""Asking: rows of an event batch that the books alone cannot decide, between begin and finish.

reverse                   decided at once, from the order's history
short pick, refuse, move  a question to the ledger; the order takes no other event until it is answered
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.life import layout
from router.arrow.arrays import numbers
from router.life.books import Judged
from router.life.change import Change, put_into, refuse
from router.life.event_types import OrderEvent
from router.life.meant import Refusing
from router.life.reversing import Reversing
from router.log.columns import AMENDS
from router.log.recall import Recollection
from router.log.reference import in_shard, row_of, sequence_of
from router.shard.amended import change_of
from router.shard.amends import Amendment, Known, amendment_of, question_of
from router.shard.engine import ShardEngine
from router.shard.history import History
from router.tables.compiled import Tables

I64 = npt.NDArray[np.int64]
NOTHING_ASKED = pa.RecordBatch.from_pylist([], schema=AMENDS)


class Asking:
    """What one batch asks."""

    def __init__(self, engine: ShardEngine, sequence: int, sent: layout.Sent, rows: I64, judged: Judged) -> None:
        self._engine = engine
        self._sequence = sequence
        self._sent = sent
        self._rows = rows
        self.judged = judged
        self.amends = NOTHING_ASKED
        self._amendments: dict[int, Amendment] = {}  # by row of the batch
        self.taken_back: dict[int, int] = {}  # by row of a reversal: Document of the event that it takes back

    def reverse(self, events: pa.RecordBatch, history: History, reversing: Reversing) -> None:
        """Take back what rows of the batch say was wrongly booked."""
        reversed_keys = numbers(events, "reversed")

        def found(at: int) -> Change | Refusing:
            row, order = int(self._rows[at]), int(self.judged.verdicts["order"][at])
            now = self._engine.books.look(row)
            return reversing.change_of(int(reversed_keys[at]), now, history.of(row), order)

        self._settle(self._asked(lambda event: event == OrderEvent.REVERSE), found)

    def prepare(self, recall: Recollection, history: History, tables: Callable[[], Tables]) -> None:
        """Make the question of rows that the ledger has to be asked about, and refuse those that mean no units.

        ``tables`` gives those the question is asked under.
        """
        admitted = []
        for at in self._asked(lambda event: event != OrderEvent.REVERSE):
            order = int(self.judged.verdicts["order"][at])
            halves, row = recall.halves(sequence_of(order)), int(self._rows[at])
            admitted_row = halves.given.slice(row_of(order), 1)
            reference = in_shard(self._engine.number, order)
            known = Known(admitted_row, reference, halves.now_ms, history.of(row))
            asked = amendment_of(self._sent, at, self._engine.books.look(row), known)
            if isinstance(asked, Refusing):
                self._settle([at], lambda _, why=asked: why)  # type: ignore[misc]
                continue
            self._amendments[at] = asked
            admitted.append(admitted_row)
        if admitted:
            self.amends = question_of(list(self._amendments.values()), admitted, tables().channels)

    def answered(self, amended: pa.RecordBatch) -> None:
        """Do what the ledger said."""
        answers = dict(zip(self._amendments, amended.to_pylist(), strict=True))
        self._settle(list(answers), lambda at: change_of(self._amendments[at], answers[at]))

    def _asked(self, which: Callable[[int], bool]) -> list[int]:
        rows = np.flatnonzero(self.judged.verdicts["result"] == layout.ASKED).tolist()
        return [at for at in rows if which(int(self._sent.events["event"][at]))]

    def _settle(self, rows: list[int], found: Callable[[int], Change | Refusing]) -> None:
        """Refuse the rows, or let them do what was found; their orders take other events again."""
        if not rows:
            return
        changes: dict[int, Change] = {}
        for at in rows:
            change = found(at)
            if isinstance(change, Refusing):
                refuse(self.judged, at, change)
            else:
                changes[at] = change
                if change.takes_back:
                    self.taken_back[at] = change.takes_back
        self._engine.books.free(self._rows[rows])
        self.judged = put_into(
            self._engine.books, self._sequence, self._sent, self._rows, self.judged, changes
        )  # fmt: skip
