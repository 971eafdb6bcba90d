"""The ledger's half of the path: answer every question once, log the answer, show it to readers.

question ─▶ known? ── yes, the same ─▶ the answer of the log
               │                └─ another one ─▶ ChangedQuestion
               │ no
               ▼
        engine decides ─▶ log (question + answer + grants, by_batch) ─(durable)─▶ publish cells, show grants
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from router.errors import RouterError
from router.ledger.basis import Basis, basis_of
from router.ledger.engine import LedgerEngine
from router.ledger.granted import for_shard
from router.ledger.number_series import runs_of
from router.ledger.replay import replay_ledger
from router.ledger.state import Changed
from router.log.columns import AMENDED, DECISION, GRANTS, MOVEMENTS, NUMBERED
from router.log.kinds import MESSAGES, Kind, version_of
from router.log.questions import AskedBy, kept_digest, question_digest
from router.log.records import INPUT, DamagedRecord, Record, frame, read_batch, serialize
from router.ports import Log, Question
from router.tables.compiled import TablesOf

NO_GRANTS, NO_MOVEMENTS = (pa.RecordBatch.from_pylist([], schema=schema) for schema in (GRANTS, MOVEMENTS))


class StaleOwner(RouterError):
    """A shard process that was replaced is still asking; it must end."""


class ChangedQuestion(RouterError):
    """A shard asks another question under a number that was answered before: what it knows is not what it knew."""


@dataclass
class Answer:
    """What a caller gets once ``ticket`` is durable."""

    batch: pa.RecordBatch | None  # DECISION, AMENDED, NUMBERED, STOCK_RESULTS or PENDED
    ticket: int = 0  # 0: it was durable before
    sequence: int = 0
    asked_by: AskedBy | None = None
    changed: Changed | None = None  # to publish


class LedgerPath:
    """The ledger's engine and log. Not thread-safe: the owner calls one method at a time."""

    def __init__(self, engine: LedgerEngine, log: Log) -> None:
        self.engine = engine
        self._log = log
        self.sequence = log.last_sequence(INPUT)
        self._epochs: dict[int, int] = {}
        self._unsettled: deque[Answer] = deque()  # logged, not yet shown to readers; in order of their tickets
        self.shown = 0  # the newest record that readers are shown
        self.last_ticket = 0

    @property
    def all_settled(self) -> bool:
        return not self._unsettled

    # --- questions -------------------------------------------------------------------------------

    def decide(self, question: Question, claims: pa.RecordBatch) -> Answer:
        """DECISION of CLAIMS; a repeated question gets the first answer."""
        known, asked_by = self._known(Kind.DECISION, question, [claims])
        if known is not None:
            return known
        self.keep_up(question.now_ms)
        decision = self.engine.decide(question, claims)
        return self._log_answer(Kind.DECISION, [claims, decision], decision, question, asked_by)

    def move(
        self, question: Question, moves: pa.RecordBatch, given_back: pa.RecordBatch, numbering: pa.RecordBatch
    ) -> Answer:
        """Moves of an event batch and what its orders give back; NUMBERED of NUMBERING. A repeat changes nothing and
        gets the first answer."""
        known, asked_by = self._known(Kind.MOVES, question, [moves, given_back, numbering])
        if known is not None:
            return known
        self._follow_tables(question.now_ms)
        grants, numbered = self.engine.move(question, moves, given_back, numbering, self.sequence + 1)
        messages, taken = [moves, given_back, grants], [numbering, numbered]
        answer = self._log_answer(Kind.MOVES, messages, numbered, question, asked_by, taken)
        return self._go_on(answer, question.now_ms)

    def amend(self, question: Question, amends: pa.RecordBatch) -> Answer:
        """AMENDED of AMENDS; a repeated question gets the first answer."""
        known, asked_by = self._known(Kind.AMENDS, question, [amends])
        if known is not None:
            return known
        self.keep_up(question.now_ms)
        amended, grants = self.engine.amend(question, amends, self.sequence + 1)
        answer = self._log_answer(Kind.AMENDS, [amends, amended, grants], amended, question, asked_by)
        return self._go_on(answer, question.now_ms)

    def stock(self, movements: pa.RecordBatch, now_ms: int) -> Answer:
        """STOCK_RESULTS of MOVEMENTS; each is idempotent by its own id, so a repeat is answered row by row."""
        self._follow_tables(now_ms)
        results, grants, made = self.engine.stock(movements, self.sequence + 1, now_ms)
        return self._log_own(Kind.STOCK, [made, grants], results, now_ms)

    def keep_up(self, now_ms: int) -> Answer:
        """Before anything is asked: grant what newer tables free, and set aside what would be too old when it arrives;
        each in a record of its own where there is anything."""
        followed = self._follow_tables(now_ms)
        blocked = self._own_stock(now_ms) if self.engine.is_due(now_ms) else Answer(None)
        return blocked if blocked.ticket else followed

    def _follow_tables(self, now_ms: int) -> Answer:
        """No record by newer tables comes before the one that grants what they free: so the newest record says what was
        granted already."""
        freed = self.engine.follow_tables() if self.engine.is_behind else ()
        return self._own_stock(now_ms, freed) if freed else Answer(None)

    def _own_stock(self, now_ms: int, freed: Sequence[int] = ()) -> Answer:
        """What nobody may be sold any more, and grants of SKUs that newer tables free."""
        results, grants, made = self.engine.stock(NO_MOVEMENTS, self.sequence + 1, now_ms, freed)
        is_empty = not made.num_rows and not grants.num_rows
        return Answer(None) if is_empty else self._log_own(Kind.STOCK, [made, grants], results, now_ms)

    def pending(self, steps: pa.RecordBatch, now_ms: int) -> Answer:
        """PENDED of PENDING; each step is idempotent by its key."""
        self.keep_up(now_ms)
        pended, grants = self.engine.pending(steps, now_ms, self.sequence + 1)
        return self._log_own(Kind.PENDING, [steps, pended, grants], pended, now_ms)

    def quote(self, tables_version: int, claims: pa.RecordBatch, now_ms: int) -> pa.RecordBatch:
        return self.engine.quote(tables_version, claims, now_ms)

    def hear(self, shard: int, epoch: int) -> None:
        """A shard asks something; raises StaleOwner where another owner of its log has asked before."""
        newest = self._epochs.get(shard, 0)
        if epoch < newest:
            raise StaleOwner(f"shard {shard} with epoch {epoch} was replaced by epoch {newest}")
        self._epochs[shard] = epoch

    # --- grants ----------------------------------------------------------------------------------

    def granting_record(self, shard: int, after: int) -> int | None:
        """The first durable record after ``after`` that granted something to a shard."""
        seen = self.engine.state.granted.seen.get(shard, 0)
        if after < seen:
            raise DamagedRecord(
                f"it has taken over the grants up to record {after} of the ledger, but said record {seen} before: the "
                "end of its log is missing",
                f"the log of shard {shard}",
            )
        record = self.engine.state.granted.first_after(shard, after)
        return record if record is not None and record <= self.shown else None

    def grants_in(self, record: int, shard: int) -> pa.RecordBatch:
        """GRANTS to a shard in a durable record; needs no turn, for it only reads the log."""
        found = self._log.read(record, INPUT)
        assert found is not None, f"record {record} granted units and is not in the log"
        return for_shard(read_batch(found, MESSAGES[found.kind].index(GRANTS)), shard)

    # --- readers ---------------------------------------------------------------------------------

    def publish(self, answer: Answer) -> None:
        """Show readers the cells of a durable record, and of every record before it: newer cells come last."""
        while self._unsettled and self._unsettled[0].ticket <= answer.ticket:
            settled = self._unsettled.popleft()
            self.engine.publish(settled.changed, settled.sequence)
            self.shown = settled.sequence

    def recover(self, from_sequence: int, tables_of: TablesOf, chains: list[int] | None = None) -> int:
        """Replay the log from a sequence on; returns the records replayed."""
        replayed = replay_ledger(self.engine, self._log.iterate(from_sequence, chains), tables_of)
        last = self._log.read(self.sequence, INPUT) if self.sequence else None
        basis = None if last is None else basis_of(last)
        self.engine.granted_by = _granted_by(last, basis) if last is not None and basis else 0
        if self.engine.owed:
            assert last is not None, "what is owed stands in the newest record"
            self._finish_granting(last, tables_of)
        self.engine.take_touched()
        self.engine.publish(None, self.sequence)
        self.shown = self.sequence
        return replayed

    def _finish_granting(self, last: Record, tables_of: TablesOf) -> None:
        """The log ends before all was granted that became free."""
        self.engine.use_tables(tables_of(self.engine.granted_by))
        if self.engine.is_behind:
            self.engine.owed = sorted({*self.engine.owed, *self.engine.follow_tables()})
        self._log.wait(self._go_on(Answer(None), last.now_ms).ticket)
        self._unsettled.clear()  # readers are shown everything at once

    # --- one answer a question -------------------------------------------------------------------

    def _known(
        self, kind: Kind, question: Question, messages: Sequence[pa.RecordBatch]
    ) -> tuple[Answer | None, AskedBy]:
        """The answer that was given before, and by what the question will be known again."""
        shard, sequence = question.shard, question.sequence
        self.hear(shard, question.epoch)
        digest = question_digest(kind, version_of(kind), question.tables_version, messages)
        asked_by = AskedBy(shard, sequence, digest)
        for waiting in self._unsettled:
            if waiting.asked_by is not None and waiting.asked_by[:2] == (shard, sequence):
                _refuse_another(asked_by, waiting.asked_by.digest == digest)
                return waiting, asked_by
        at = self._log.find_batch(shard, sequence)
        if at is None:
            return None, asked_by
        record = self._log.read(at.sequence, INPUT)
        if record is None or (record.batch_number, record.batch_id) != (shard, sequence):
            raise DamagedRecord(f"the entry of shard {shard}, batch {sequence} leads elsewhere", "the ledger's log")
        same = record.kind is kind
        if same and at.digest:
            same = at.digest == question_digest(kind, record.version, question.tables_version, messages)
        if not same and at.digest != kept_digest(record):
            says = f"names another question than record {at.sequence} answers"
            raise DamagedRecord(f"the entry of shard {shard}, batch {sequence} {says}", "the ledger's log")
        _refuse_another(asked_by, same)
        return Answer(_answer_in(record)), asked_by

    def _log_answer(
        self, kind: Kind, messages: list[pa.RecordBatch], answer: pa.RecordBatch | None, question: Question,
        asked_by: AskedBy, taken: Sequence[pa.RecordBatch] = (),
    ) -> Answer:  # fmt: skip
        basis = self.engine.basis(question)
        return self._append(kind, messages, basis, answer, question.tables_version, question.now_ms, asked_by, taken)

    def _log_own(self, kind: Kind, messages: list[pa.RecordBatch], answer: pa.RecordBatch, now_ms: int) -> Answer:
        """A record that no shard asked for."""
        basis = self.engine.basis()
        return self._go_on(self._append(kind, messages, basis, answer, basis.granted_by, now_ms, None), now_ms)

    def _go_on(self, answer: Answer, now_ms: int) -> Answer:
        """Log in records of their own the grants that one record could not take, before anything else is asked; the
        answer is heard when they are on disk, too."""
        while self.engine.owed:
            grants = self.engine.go_on(self.sequence + 1)
            basis = self.engine.basis()
            messages = [NO_MOVEMENTS, grants]
            answer.ticket = self._append(Kind.STOCK, messages, basis, None, basis.granted_by, now_ms, None).ticket
        return answer

    def _append(
        self, kind: Kind, messages: list[pa.RecordBatch], basis: Basis, answer: pa.RecordBatch | None,
        tables_version: int, now_ms: int, asked_by: AskedBy | None, taken: Sequence[pa.RecordBatch] = (),
    ) -> Answer:  # fmt: skip
        """``taken``: NUMBERING and NUMBERED, where the kind has them."""
        self.sequence += 1
        record = frame(
            kind,
            INPUT,
            self.sequence,
            [serialize(message) for message in (*messages, basis.batch(), *taken)],
            tables_version=tables_version,
            now_ms=now_ms,
            batch_id=asked_by.sequence if asked_by else 0,
            batch_number=asked_by.shard if asked_by else 0,
        )
        runs = runs_of(asked_by.shard, asked_by.sequence, self.sequence, *taken) if asked_by and taken else ()
        self.last_ticket = self._log.append(self.sequence, INPUT, record, by_batch=asked_by, runs=runs)
        waiting = Answer(answer, self.last_ticket, self.sequence, asked_by, self.engine.take_touched())
        self._unsettled.append(waiting)
        return waiting


def _refuse_another(asked_by: AskedBy, same: bool) -> None:
    if not same:
        raise ChangedQuestion(
            f"shard {asked_by.shard} asked another question under sequence {asked_by.sequence} before; it must not go "
            "on with what it derives now: check its log, its tables and its configuration"
        )


def _granted_by(newest: Record, basis: Basis) -> int:
    """By which tables all who wait were served: those that its lines began to wait by, if these are older."""
    begins_to_wait = newest.kind in (Kind.DECISION, Kind.AMENDS)
    return min(basis.granted_by, newest.tables_version) if begins_to_wait else basis.granted_by


def _answer_in(record: Record) -> pa.RecordBatch | None:
    answers = {Kind.DECISION: DECISION, Kind.AMENDS: AMENDED, Kind.MOVES: NUMBERED}
    schema = answers.get(record.kind)
    return None if schema is None else read_batch(record, MESSAGES[record.kind].index(schema))
