"""The feed: every change of every order from a durable cursor on, in columns, an even share of every shard.

    sources ─▶ ChangeReader ─▶ Feed.turn ─▶ Slice, Slice, … ─▶ a reader's effect, and with it the cursor behind them
      logs       decoded         places       rows of a few records

A place is the next row to show of a shard. Shards are independent, an order lives in one of them, so its versions come
in order and without gaps; between orders of different shards there is no order. A shard that has a million rows to show
keeps no other one waiting: a turn takes an even share of each that has news, and begins with whoever waits longest. One
that ends early leaves some out; the next one begins with whoever was left out most often.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from router.feed.changes import ChangeReader, Changes
from router.log.cursor import CursorError, LogPlace, around, cursor_text, places_behind
from router.log.records import INPUT, OUTCOME_PART
from router.log.tail import FIRST_SEQUENCE

TURN_ROWS, TURN_BYTES = 1 << 16, 32 << 20
RUNS_MAX = 64  # of records, opened for one share
FIRST = (FIRST_SEQUENCE, 0)

GoesOn = Callable[[], bool]  # whether there is time for some records more


@dataclass(frozen=True)
class Slice:
    """Some changes of one shard, and the cursor behind them."""

    changes: Changes
    places: tuple[LogPlace, ...]  # of all shards, behind these rows

    @property
    def cursor(self) -> str:
        return cursor_text(self.places)

    def cursor_parts(self) -> tuple[str, str]:
        """Text before and after a row's own place: the cursor behind that row."""
        return around(self.places, self.changes.shard)


class Feed:
    """One reader's way through the changes. Several feeds may share what their ``ChangeReader`` decodes."""

    def __init__(self, reader: ChangeReader, cursor: str | None = None) -> None:
        """``cursor``: None from the beginning; that of an order is one, too: it stands behind the order in its shard,
        and at the beginning of all others. Raises CursorError."""
        self._reader = reader
        self._sources = reader.sources
        self._places = self._first_places(cursor)
        self._left_out = [0] * len(self._places)  # turns in a row in which a shard with news had no part

    def _first_places(self, cursor: str | None) -> list[LogPlace]:
        """One beyond a log would be silent about what comes before it is reached, so it is refused."""
        count = len(self._sources)
        places = [FIRST] * count if cursor is None else places_behind(cursor, count, FIRST)
        for shard, ((sequence, _), last) in enumerate(zip(places, self._ends(), strict=True)):
            if sequence > last + 1:
                raise CursorError(
                    f"the cursor is at {sequence} of shard {shard}, whose log ends at {last}; start without a cursor"
                )
        return places

    @property
    def cursor(self) -> str:
        """Behind everything that was taken."""
        return cursor_text(self._places)

    @property
    def places(self) -> tuple[LogPlace, ...]:
        return tuple(self._places)

    @property
    def has_news(self) -> bool:
        """Whether there is a durable record that was not taken."""
        return any(sequence <= last for (sequence, _), last in zip(self._places, self._ends(), strict=True))

    def turn(
        self, rows_max: int = TURN_ROWS, bytes_max: int = TURN_BYTES, goes_on: GoesOn = lambda: True
    ) -> Iterator[Slice]:
        """An even share of each shard that has news, at most so many rows and about so many bytes in all. ``goes_on``
        is asked before some more records are opened, which takes some milliseconds; the turn ends where it says no.

        Places move as slices are taken; whoever stops in the middle goes on there with the next turn. A turn may be
        empty although there is news: of records without a change only so many are passed over at once.
        """
        assert rows_max > 0 and bytes_max > 0
        ends = self._ends()
        waiting = [shard for shard, (sequence, _) in enumerate(self._places) if sequence <= ends[shard]]
        if len(waiting) > 1:
            waiting.sort(key=lambda shard: (-self._left_out[shard], self._waits_since(shard)))
        for shard in waiting:
            self._left_out[shard] += 1
        for shard in waiting[:rows_max]:
            share = _Share(max(1, rows_max // len(waiting)), max(1, bytes_max // len(waiting)))
            yield from self._of_shard(shard, ends[shard], share, goes_on)

    def stop_behind(self, taken: Changes) -> None:
        """Of the newest slice take these, and nothing behind them."""
        self._places[taken.shard] = taken.place_behind

    def _waits_since(self, shard: int) -> int:
        head = self._sources[shard].head(self._places[shard][0], INPUT)
        return 0 if head is None else head.now_ms

    def _ends(self) -> list[int]:
        return [source.last_sequence(OUTCOME_PART) for source in self._sources]

    def _of_shard(self, shard: int, end: int, share: _Share, goes_on: GoesOn) -> Iterator[Slice]:
        while share.is_left and (place := self._places[shard])[0] <= end and goes_on():
            self._left_out[shard] = 0
            changes = self._reader.read(shard, place[0], end)
            there = changes.from_place(place)
            share.open_run()
            taken = share.take(there) if there.count else there
            is_all = taken.count == there.count
            self._places[shard] = (changes.last_sequence + 1, 0) if is_all else taken.place_behind
            if taken.count:
                yield Slice(taken, self.places)


class _Share:
    """What one shard may still give in a turn."""

    def __init__(self, rows: int, nbytes: int) -> None:
        self._rows, self._bytes, self._runs = rows, nbytes, RUNS_MAX

    @property
    def is_left(self) -> bool:
        return min(self._rows, self._bytes, self._runs) > 0

    def open_run(self) -> None:
        self._runs -= 1

    def take(self, changes: Changes) -> Changes:
        """As many of them as may be given, one at least."""
        rows = min(self._rows, max(1, self._bytes * changes.count // max(changes.nbytes, 1)))
        taken = changes.slice(0, rows)
        self._rows -= taken.count
        self._bytes = self._bytes - taken.nbytes if taken.count == changes.count else 0
        return taken
