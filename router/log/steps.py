"""Steps: the rows of a shard's log that concern one order, each leading back to the one before it.

    order ◀─previous─ event ◀─previous─ grant ◀─previous─ event ◀── newest, as the order index names it

Steps are read one by one and value by value, so an answer about an order costs what it shows. Those of a short history
are kept while it is looked at; a long one is read again in pieces, so that it needs no more memory.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from router.log.kinds import Kind
from router.log.recall import Readable
from router.log.records import INPUT, OUTCOME_PART, Record, StoredRows, row_batch, rows_of
from router.log.reference import NONE, row_of, sequence_of

PIECE_STEPS = 64
PIECE_BYTES = 32 << 20  # of the records that the steps of a piece keep
PAYLOAD = 1  # message of EVENTS that has what is only shown


class StoredRow(dict[str, Any]):
    """One row of a message by column, each value read when it is first asked for."""

    def __init__(self, record: Record, row: int, message: int = 0) -> None:
        super().__init__()
        self._record = record
        self._row = row
        self._message = message
        self._rows: StoredRows | None = None

    def __missing__(self, name: str) -> Any:
        rows = self._rows
        if rows is None:
            rows = self._rows = rows_of(self._record, self._message)
        value = self[name] = rows.value(name, self._row)
        return value

    @functools.cached_property
    def batch(self) -> pa.RecordBatch:
        """The row as a batch of its own, in the newest form; of a record's first message."""
        assert self._message == 0
        return row_batch(self._record, self._row)


@dataclass(frozen=True)
class Step:
    """What came in (part 0) and what became of it (part 1)."""

    reference: int
    kind: Kind  # of part 0
    given: StoredRow
    payload: StoredRow  # EVENT_PAYLOAD; of events only
    outcome: StoredRow
    given_version: int  # of the form of what came in, and
    outcome_version: int  # of the outcome, which may have been written later; 0 of an event: from before books
    tables_version: int
    now_ms: int
    nbytes: int  # of its records

    @property
    def sequence(self) -> int:
        return sequence_of(self.reference)

    @property
    def row(self) -> int:
        return row_of(self.reference)


def step_at(source: Readable, reference: int) -> Step | None:
    """Both halves of the row a reference names; None while its outcome is not durable."""
    sequence, row = sequence_of(reference), row_of(reference)
    given, outcome = source.read(sequence, INPUT), source.read(sequence, OUTCOME_PART)
    if given is None or outcome is None:
        return None
    return Step(
        reference=reference,
        kind=given.kind,
        given=StoredRow(given, row),
        payload=StoredRow(given, row, PAYLOAD),
        outcome=StoredRow(outcome, row),
        given_version=given.version,
        outcome_version=outcome.version,
        tables_version=given.tables_version,
        now_ms=given.now_ms,
        nbytes=sum(message.nbytes for record in (given, outcome) for message in record.messages),
    )


def order_step(source: Readable, newest: int) -> Step | None:
    """The ORDERS row of the order whose newest record is ``newest``."""
    step = step_at(source, newest)
    if step is None or step.kind is Kind.ORDERS:
        return step
    return step_at(source, step.outcome["order"])


class OrderHistory:
    """All steps of an order up to one of them; none while that one is not durable."""

    def __init__(self, source: Readable, newest: int) -> None:
        self._source = source
        self._newest = newest
        self._kept: list[Step] = []  # the newest ones, newest first
        self._kept_bytes = 0

    def back(self) -> Iterator[Step]:
        """From the newest to the first."""
        yield from self._kept
        place = self._kept[-1].outcome["previous"] if self._kept else self._newest
        while place != NONE:
            step = step_at(self._source, place)
            if step is None:
                assert place == self._newest, f"record {sequence_of(place)} is not in the log, later ones are"
                return
            self._keep(step)
            yield step
            place = step.outcome["previous"]

    def _keep(self, step: Step) -> None:
        """Keep a step that follows those that are kept, while they are few."""
        is_next = not self._kept or self._kept[-1].outcome["previous"] == step.reference
        if is_next and len(self._kept) < PIECE_STEPS and self._kept_bytes + step.nbytes <= PIECE_BYTES:
            self._kept.append(step)
            self._kept_bytes += step.nbytes

    def pieces(self, last: int = -1) -> Iterator[list[Step]]:
        """From the first to the step that a reference names (-1: the newest), piece by piece."""
        places: list[int] = []
        for step in self.back():
            if places or last in (-1, step.reference):
                places.append(step.reference)
        kept = {step.reference: step for step in self._kept}
        piece: list[Step] = []
        nbytes = 0
        for place in reversed(places):
            step = kept.get(place) or self._known(place)
            piece.append(step)
            nbytes += step.nbytes
            if len(piece) == PIECE_STEPS or nbytes > PIECE_BYTES:
                yield piece
                piece, nbytes = [], 0
        if piece:
            yield piece

    def _known(self, place: int) -> Step:
        step = step_at(self._source, place)
        assert step is not None, "it was read a moment ago"
        return step
