"""The stream of changes as one client follows it: pages of text from a cursor on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

import msgspec
import pyarrow as pa

from router.arrow.arrays import Bytes
from router.feed.changes import ChangeReader, Changes
from router.feed.feed import Feed, GoesOn, Slice
from router.feed.lag import Lag, LagSource, lag_of
from router.feed.runs import FeedSource
from router.feed.words import WordSource
from router.ids import string_parts
from router.log.cursor import cursor_text
from router.log.records import OUTCOME_PART
from router.queries.change_filter import ChangeFilter
from router.queries.change_lines import COLUMNS, change_lines
from router.queries.sight import Sight
from router.queries.source import Row

LOOKED_AT_MAX = 1 << 14  # rows for one page; a page of a narrow filter may stay empty
TURNS_MAX = 64  # for one page

Text = Callable[[Slice, WordSource, Sight], pa.StringArray]  # of changes, a text each


class StreamSource(FeedSource, WordSource, LagSource, Protocol):
    """The durable records of one shard, as far as the stream concerns them."""


class Page(NamedTuple):
    text: bytes
    rows: int
    cursor: str  # behind everything that was looked at
    is_last: bool  # everything durable was looked at


class Follower:
    """Pages for one client."""

    def __init__(
        self, reader: ChangeReader, sources: Sequence[StreamSource], cursor: str | None, wanted: ChangeFilter,
        sight: Sight, text: Text = change_lines,
    ) -> None:  # fmt: skip
        """``reader`` reads COLUMNS of the sources. Raises CursorError."""
        self._sources = sources
        self._feed = Feed(reader, cursor)
        self._wanted = wanted
        self._sight = sight
        self._text = text

    def page(self, limit: int, goes_on: GoesOn = lambda: True) -> Page:
        """Up to ``limit`` changes that match; fewer also where many were looked at that do not, and where ``goes_on``,
        which is asked before each piece of work, says that it is enough."""
        assert limit > 0
        texts: list[Bytes] = []
        rows, looked_at, turns = 0, 0, 0
        while rows < limit and looked_at < LOOKED_AT_MAX and turns < TURNS_MAX and self._feed.has_news:
            turns += 1
            wide = limit - rows if self._wanted.is_open else LOOKED_AT_MAX - looked_at
            before = self._feed.places
            for part in self._feed.turn(wide, goes_on=goes_on):
                looked_at += part.changes.count
                found = self._wanted.matching(part.changes)
                if found.count > limit - rows:
                    found = found.slice(0, limit - rows)
                    self._feed.stop_behind(found)
                texts += self._texts_of(part, found)
                rows += found.count
                if rows == limit:
                    break
            if self._feed.places == before:
                break  # there was no time
        return Page(b"".join(texts), rows, self._feed.cursor, not self._feed.has_news)

    def lag(self, now_ms: int) -> Lag:
        return lag_of(self._feed.places, self._sources, now_ms)

    def _texts_of(self, part: Slice, found: Changes) -> Iterator[Bytes]:
        if found.count:
            source = self._sources[found.shard]
            offsets, text = string_parts(self._text(Slice(found, part.places), source, self._sight))
            yield text[offsets[0] : offsets[-1]].data


def stream(cursor: str | None, sources: Sequence[StreamSource], limit: int) -> tuple[list[Row], str]:
    """Up to ``limit`` changes after a cursor (None: from the beginning), and the cursor after the last of them.

    Fewer rows than ``limit`` mean that everything durable was shown; ask again later with the cursor.
    """
    follower = Follower(ChangeReader(sources, COLUMNS), sources, cursor, ChangeFilter(), Sight(internal=False))
    rows: list[Row] = []
    while True:
        page = follower.page(limit - len(rows))
        rows += map(msgspec.json.decode, page.text.splitlines())
        if page.is_last or len(rows) == limit:
            return rows, page.cursor


def end_cursor(sources: Sequence[FeedSource]) -> str:
    """The cursor behind everything durable now, for a reader that wants only what is new."""
    return cursor_text([(source.last_sequence(OUTCOME_PART) + 1, 0) for source in sources])
