"""How far a reader is behind: rows that it has not taken, and for how long the oldest of them has waited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from router.log.cursor import LogPlace
from router.log.heads import Head
from router.log.records import OUTCOME_PART

RECORDS_COUNTED = 64  # of each shard; what lies behind them is taken to have as many rows each


class LagSource(Protocol):
    """The durable records of one shard, as far as counting them goes."""

    def head(self, sequence: int, part: int) -> Head | None:
        """The beginning of a record, or None."""

    def last_sequence(self, part: int) -> int:
        """Sequence of the newest record of a part, 0 = none."""


class Lag(NamedTuple):
    """Rows are those of records, refused events among them; counted while few records are behind, else estimated."""

    rows: int
    ms: int


def lag_of(places: Sequence[LogPlace], sources: Sequence[LagSource], now_ms: int) -> Lag:
    """Of a reader at these places, one a shard; ``ms`` is that of the shard that waits longest."""
    behind = [_of_shard(place, source, now_ms) for place, source in zip(places, sources, strict=True)]
    return Lag(sum(lag.rows for lag in behind), max((lag.ms for lag in behind), default=0))


def _of_shard(place: LogPlace, source: LagSource, now_ms: int) -> Lag:
    first, taken = place
    last = source.last_sequence(OUTCOME_PART)
    counted = min(max(0, last - first + 1), RECORDS_COUNTED)
    heads = [source.head(sequence, OUTCOME_PART) for sequence in range(first, first + counted)]
    rows = [0 if head is None else head.rows for head in heads]
    beyond = max(0, last - first + 1 - counted) * sum(rows) // max(counted, 1)
    if rows:
        rows[0] = max(0, rows[0] - taken)
    waits_since = next((head.now_ms for head, left in zip(heads, rows, strict=True) if head and left), now_ms)
    return Lag(sum(rows) + beyond, max(0, now_ms - waits_since))
