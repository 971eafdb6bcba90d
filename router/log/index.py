"""Where every order is: 128-bit id hash -> place in the log, lifecycle state, version.

One writer, the order shard; any process on the machine may read through :class:`OrderIndexReader`. Columns by row,
appended only: hi, lo, reference (router/log/reference.py), state, version; beside them the hash table of
``kernels/rows/index.py``. About 50 bytes an order. All of it lives in blocks of an arena that grow at their ends.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels.rows.index import (
    AHEAD,
    SEGMENT_SLOTS,
    SEGMENTS_MAX,
    find_ids,
    fold_rows,
    insert_ids,
    put_rows,
    split_segment,
)
from router.arrow.arena import Arena, ArenaReader, BlockBusy, SequenceLock
from router.log.reference import sequence_of

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]

NO_REFERENCE = (1 << 64) - 1  # of a row whose order was not given its place yet; beyond every sequence

# Words of the header block.
_LOCK, _COUNT, _SEGMENTS, _COMMITTED = range(4)
_HEADER_WORDS = 8

_ROWS_PER_SEGMENT = SEGMENT_SLOTS * 3 // 8  # segments are 3/8 to 3/4 full; more rows: longer searches
_ROWS_STEP = 1 << 16  # memory is taken in steps that cost a millisecond or less
_SEGMENTS_STEP = 64
_RESTORE_ROWS = 1 << 18
_READ_TRIES = 300  # a few milliseconds
_RETRY_MS = 5

_COLUMNS: dict[str, type[np.unsignedinteger]] = {
    "hi": np.uint64,
    "lo": np.uint64,
    "reference": np.uint64,
    "state": np.uint8,
    "version": np.uint32,
}
_ROW_BYTES = sum(np.dtype(dtype).itemsize for dtype in _COLUMNS.values())


def _block(name: str) -> str:
    return f"index.{name}"


class OrderIndex:
    """The writer's side. Rows are numbered from 0 in the order in which their ids came."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._header: U64 = arena.allocate(_block("header"), _HEADER_WORDS * 8).view(np.uint64)
        self._lock = SequenceLock(self._header[_LOCK : _LOCK + 1])
        self._segments = 1
        self._header[_SEGMENTS] = 1
        self._slots: U64 = arena.allocate(_block("slots"), _SEGMENTS_STEP * SEGMENT_SLOTS * 8).view(np.uint64)
        self._capacity = _ROWS_STEP
        for name, dtype in _COLUMNS.items():
            self._take(name, arena.allocate(_block(name), self._capacity * np.dtype(dtype).itemsize))
        self._count = 0
        self._ahead = np.zeros(AHEAD + 1, np.uint64)
        self._spare = np.zeros(SEGMENT_SLOTS, np.uint64)

    _hi: U64
    _lo: U64
    _reference: U64
    _state: U8
    _version: U32

    def _take(self, name: str, block: U8) -> None:
        setattr(self, f"_{name}", block.view(_COLUMNS[name]))

    @property
    def count(self) -> int:
        """Rows, which is distinct ids."""
        return self._count

    @property
    def nbytes(self) -> int:
        """Memory taken for rows and table."""
        return self._capacity * _ROW_BYTES + self._slots.nbytes + self._header.nbytes

    @property
    def committed_sequence(self) -> int:
        """Newest sequence that readers may see, 0 = none. Setting it for the first time opens the index to readers."""
        return max(int(self._header[_COMMITTED]) - 1, 0)

    @committed_sequence.setter
    def committed_sequence(self, sequence: int) -> None:
        assert sequence >= self.committed_sequence, "a commit is not taken back"
        self._header[_COMMITTED] = sequence + 1

    def begin_write(self) -> None:
        """Hide what follows from readers until :meth:`end_write`; may be nested. Every change does it for itself."""
        self._lock.begin_write()

    def end_write(self) -> None:
        self._lock.end_write()

    def insert(self, hi: U64, lo: U64) -> tuple[I64, U8]:
        """(rows, fresh): the row of each id, appended where it is new; 1 = this occurrence brought it.

        A fresh row has no reference, so that readers do not see it before it is given one that is committed.
        """
        assert hi.shape == lo.shape and hi.ndim == 1, "two halves of one hash"
        rows, fresh = np.empty(hi.size, np.int64), np.empty(hi.size, np.uint8)
        self._make_room(self._count + hi.size)
        self.begin_write()
        self._grow_table(self._count + hi.size)
        count = insert_ids(
            hi, lo, self._segments, self._slots, self._hi, self._lo, self._count, self._ahead, rows, fresh
        )
        self._reference[self._count : count] = NO_REFERENCE
        self._count = count
        self._header[_COUNT] = count
        self.end_write()
        return rows, fresh

    def _make_room(self, rows: int) -> None:
        """Take memory for so many rows and their segments; nothing moves, so readers are not disturbed."""
        if rows > self._capacity:
            self._capacity = -(-rows // _ROWS_STEP) * _ROWS_STEP
            for name, dtype in _COLUMNS.items():
                self._take(name, self._arena.extend(_block(name), self._capacity * np.dtype(dtype).itemsize))
        segments = -(-rows // _ROWS_PER_SEGMENT)
        assert segments <= SEGMENTS_MAX, "an index holds at most 1.6 thousand million orders; use more shards"
        if segments * SEGMENT_SLOTS > self._slots.size:
            segments = -(-segments // _SEGMENTS_STEP) * _SEGMENTS_STEP
            self._slots = self._arena.extend(_block("slots"), segments * SEGMENT_SLOTS * 8).view(np.uint64)

    def _grow_table(self, rows: int) -> None:
        while self._segments * _ROWS_PER_SEGMENT < rows:
            split_segment(self._segments, self._slots, self._spare)
            self._segments += 1
        self._header[_SEGMENTS] = self._segments

    def find(self, hi: U64, lo: U64) -> I64:
        """The row of each id, -1 where it is not known."""
        assert hi.shape == lo.shape and hi.ndim == 1, "two halves of one hash"
        rows = np.empty(hi.size, np.int64)
        find_ids(hi, lo, self._segments, self._slots, self._hi, self._lo, self._ahead, rows)
        return rows

    def reference(self, rows: I64) -> U64:
        """Newest record of each order; NO_REFERENCE where none was set."""
        return self._reference[self._known(rows)]

    def state(self, rows: I64) -> U8:
        return self._state[self._known(rows)]

    def version(self, rows: I64) -> U32:
        return self._version[self._known(rows)]

    def set_reference(self, rows: I64, references: U64) -> None:
        self.begin_write()
        self._reference[self._known(rows)] = references
        self.end_write()

    def set_state(self, rows: I64, state: npt.ArrayLike, version: npt.ArrayLike) -> None:
        self.begin_write()
        self._state[self._known(rows)] = state
        self._version[rows] = version
        self.end_write()

    def put(self, rows: I64, references: U64, states: U8, versions: U32) -> None:
        """Newest record, state and version of orders; of one that is named more than once the last of them."""
        self.begin_write()
        put_rows(self._known(rows), references, states, versions, self._reference, self._state, self._version)
        self.end_write()

    def _known(self, rows: I64) -> I64:
        assert rows.size == 0 or (rows.min() >= 0 and rows.max() < self._count), "a row that is not in the index"
        return rows

    def state_hash(self) -> int:
        """Digest of ids, references, states and versions, whatever the order in which they came."""
        return int(fold_rows(*self._columns()))

    def hashes(self) -> tuple[U64, U64]:
        """Both halves of the hash of every row's id."""
        return self._hi[: self._count], self._lo[: self._count]

    def _columns(self) -> list[npt.NDArray[np.unsignedinteger]]:
        return [getattr(self, f"_{name}")[: self._count] for name in _COLUMNS]

    def dump(self) -> dict[str, npt.NDArray[np.unsignedinteger]]:
        """The state for a checkpoint; stays as it is while the index goes on.

        Hashes never change once written, so they are views; the rest is copied.
        """
        columns = dict(zip(_COLUMNS, self._columns(), strict=True))
        return {name: column if name in ("hi", "lo") else column.copy() for name, column in columns.items()}

    def restore(self, arrays: dict[str, npt.NDArray[np.unsignedinteger]]) -> None:
        """Take the state of a :meth:`dump` into an empty index; readers stay out until a sequence is committed."""
        assert self._count == 0, "restore wants an empty index"
        hi, lo = arrays["hi"], arrays["lo"]
        self._make_room(hi.size)
        self.begin_write()
        # An empty table needs no splitting to have any number of segments.
        self._segments = max(1, -(-hi.size // _ROWS_PER_SEGMENT))
        for start in range(0, hi.size, _RESTORE_ROWS):
            _, fresh = self.insert(hi[start : start + _RESTORE_ROWS], lo[start : start + _RESTORE_ROWS])
            assert fresh.all(), "an id stands twice in a checkpoint"
        for name, column in list(zip(_COLUMNS, self._columns(), strict=True))[2:]:
            column[:] = arrays[name]
        self.end_write()


class OrderIndexReader:
    """The index as other processes see it: committed orders only, never half a change."""

    def __init__(self, arena: ArenaReader) -> None:
        self._arena = arena
        self._version = -1
        self._views: dict[str, npt.NDArray[np.unsignedinteger]] = {}
        self._hi, self._lo = np.zeros(1, np.uint64), np.zeros(1, np.uint64)
        self._row = np.zeros(1, np.int64)
        self._ahead = np.zeros(AHEAD + 1, np.uint64)

    def find(self, hi: int, lo: int) -> tuple[int, int, int] | None:
        """(reference, state, version) of a committed order, or None; raises BlockBusy while its owner recovers."""
        self._hi[0], self._lo[0] = hi, lo
        for _ in range(_READ_TRIES):
            header = self._mapped()
            if header is None or header[_COMMITTED] == 0:
                break
            before = int(header[_LOCK])
            if before & 1 or not self._covers(header):
                continue
            found = self._look(header)
            if int(header[_LOCK]) == before:
                return found
        raise BlockBusy("The order index is being written or recovered; ask again in a moment.", _RETRY_MS)

    def committed_sequence(self) -> int:
        """Newest sequence a read may show, 0 = none or still recovering."""
        header = self._mapped()
        return 0 if header is None else max(int(header[_COMMITTED]) - 1, 0)

    def _mapped(self) -> U64 | None:
        """The header of the newest blocks, or None while not all of them are there."""
        version = self._arena.version()
        if version != self._version:
            blocks = {name: self._arena.view(_block(name)) for name in ("header", "slots", *_COLUMNS)}
            self._views = {
                name: block.view(_COLUMNS.get(name, np.uint64)) for name, block in blocks.items() if block is not None
            }
            self._version = version if len(self._views) == len(blocks) else -1
        return self._views["header"] if self._version >= 0 else None

    def _covers(self, header: U64) -> bool:
        """Whether the mapped blocks reach as far as the header says."""
        rows = min(self._views[name].size for name in _COLUMNS)
        return rows >= int(header[_COUNT]) and self._views["slots"].size >= int(header[_SEGMENTS]) * SEGMENT_SLOTS

    def _look(self, header: U64) -> tuple[int, int, int] | None:
        views = self._views
        find_ids(
            self._hi,
            self._lo,
            int(header[_SEGMENTS]),
            views["slots"],
            views["hi"],
            views["lo"],
            self._ahead,
            self._row,
        )
        row = int(self._row[0])
        if not 0 <= row < int(header[_COUNT]):  # beyond the count only when the owner writes meanwhile
            return None
        reference = int(views["reference"][row])
        if sequence_of(reference) > int(header[_COMMITTED]) - 1:
            return None
        return reference, int(views["state"][row]), int(views["version"][row])
