"""What is recalled of finished batches: as much as there is room for, and whatever is not on disk yet."""

from __future__ import annotations

import pytest

from router.log import recall
from router.log.columns import EVENT_OUTCOME, EVENTS
from router.log.kinds import Kind, defaults
from router.log.memory import MemoryLog
from router.log.recall import Halves, Recollection
from router.log.records import INPUT, OUTCOME_PART, Record, frame, serialize

ROWS = 4


class SlowLog(MemoryLog):
    """Batches are on disk up to ``synced``."""

    synced = 0
    reads = 0

    def read(self, sequence: int, part: int) -> Record | None:
        self.reads += 1
        return super().read(sequence, part) if sequence <= self.synced else None

    def last_sequence(self, part: int) -> int:
        return min(self.synced, super().last_sequence(part))


def halves(sequence: int, rows: int = ROWS) -> Halves:
    return Halves(Kind.EVENTS, 0, sequence, defaults(EVENTS, rows), defaults(EVENT_OUTCOME, rows))


def finish(log: SlowLog, kept: Recollection, sequence: int, rows: int = ROWS) -> None:
    batch_halves = halves(sequence, rows)
    given, outcome = batch_halves.given, batch_halves.outcome
    for kind, part, batch in ((Kind.EVENTS, INPUT, given), (Kind.EVENT_OUTCOMES, OUTCOME_PART, outcome)):
        log.append(sequence, part, frame(kind, part, sequence, [serialize(batch)], tables_version=0, now_ms=sequence))
    kept.keep(sequence, batch_halves)


def recalled(log: SlowLog, kept: Recollection, sequence: int) -> bool:
    """Whether a batch was still in memory; it must be found in any case."""
    before = log.reads
    assert kept.halves(sequence).now_ms == sequence
    return log.reads == before


def test_the_batch_not_asked_for_longest_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recall, "RECALLED_BYTES_MAX", 2 * halves(0).nbytes)
    log = SlowLog(2)
    log.synced = 9
    kept = Recollection(log)
    finish(log, kept, 1)
    finish(log, kept, 2)
    assert recalled(log, kept, 1)
    finish(log, kept, 3)
    assert [recalled(log, kept, sequence) for sequence in (1, 3, 2)] == [True, True, False]


def test_one_large_batch_takes_the_place_of_many_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recall, "RECALLED_BYTES_MAX", 10 * halves(0).nbytes)
    log = SlowLog(2)
    log.synced = 9
    kept = Recollection(log)
    for sequence in range(1, 6):
        finish(log, kept, sequence)
    finish(log, kept, 6, rows=8 * ROWS)
    assert [recalled(log, kept, sequence) for sequence in (6, 5, 1)] == [True, True, False]


def test_what_is_not_durable_is_kept_however_much_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recall, "RECALLED_BYTES_MAX", 2 * halves(0).nbytes)
    log = SlowLog(2)
    kept = Recollection(log)
    for sequence in range(1, 8):
        finish(log, kept, sequence)
    assert all(recalled(log, kept, sequence) for sequence in range(7, 0, -1))
    log.synced = 7
    finish(log, kept, 8)
    assert [recalled(log, kept, sequence) for sequence in (8, 1, 7)] == [True, True, False]
