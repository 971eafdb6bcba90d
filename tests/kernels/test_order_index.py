"""The order index finds every id it was given, in any process, through growth, checkpoints and restarts."""

from __future__ import annotations

import random

import numpy as np
import pytest

from kernels.rows.index import AHEAD, SEGMENT_SLOTS, find_ids, fold_rows, insert_ids, put_rows, split_segment
from router.arrow.arena import BlockBusy, PrivateArena
from router.log.index import NO_REFERENCE, OrderIndex, OrderIndexReader
from tests.reference.rows import index as twin

U64_MAX = 2**64 - 1


def _random_ids(rng: random.Random, count: int) -> list[twin.Id]:
    """Ids that share tags, halves and homes, some at the end of a segment, so that searches run into each other."""
    tops = (0, 1, rng.getrandbits(13), (1 << 13) - 1)
    return [
        (rng.choice(tops) << 51 | rng.getrandbits(3) << 32 | rng.getrandbits(1), rng.getrandbits(1))
        for _ in range(count)
    ]


def _halves(ids: list[twin.Id]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([hi for hi, _ in ids], np.uint64), np.array([lo for _, lo in ids], np.uint64)


class _Table:
    """The kernels over plain arrays, for a handful of segments."""

    def __init__(self, segments: int) -> None:
        self.segments, self.count = segments, 0
        self.slots = np.zeros((segments + 2) * SEGMENT_SLOTS, np.uint64)
        self.hi, self.lo = np.zeros(200, np.uint64), np.zeros(200, np.uint64)
        self.ahead, self.spare = np.zeros(AHEAD + 1, np.uint64), np.zeros(SEGMENT_SLOTS, np.uint64)

    def insert(self, ids: list[twin.Id]) -> tuple[list[int], list[int]]:
        rows, fresh = np.full(len(ids), -7, np.int64), np.full(len(ids), 7, np.uint8)
        self.count = insert_ids(
            *_halves(ids), self.segments, self.slots, self.hi, self.lo, self.count, self.ahead, rows, fresh
        )
        return rows.tolist(), fresh.tolist()

    def find(self, ids: list[twin.Id]) -> list[int]:
        rows = np.full(len(ids), -7, np.int64)
        find_ids(*_halves(ids), self.segments, self.slots, self.hi, self.lo, self.ahead, rows)
        return rows.tolist()

    def split(self) -> None:
        split_segment(self.segments, self.slots, self.spare)
        self.segments += 1

    def members(self) -> list[set[int]]:
        """Entries of every segment; entries are distinct, because rows are."""
        found = [part[part > 0].tolist() for part in self.slots.reshape(-1, SEGMENT_SLOTS)]
        assert all(len(set(part)) == len(part) for part in found)
        return [set(part) for part in found[: self.segments]]


def test_rows_equal_the_twin_on_random_batches_with_splits_between():
    rng = random.Random(18)
    for _ in range(2_000):
        table, index = _Table(rng.randint(1, 5)), {}
        for _ in range(rng.randint(0, 3)):
            ids = _random_ids(rng, rng.choice((0, 1, 5, AHEAD, AHEAD + 1)))
            assert table.insert(ids) == twin.insert_ids(ids, index)
            sought = ids + _random_ids(rng, 5)
            assert table.find(sought) == twin.find_ids(sought, index)
        assert table.count == len(index)
        members = table.members()
        assert all(twin.segment_of(slot, table.segments) == at for at, part in enumerate(members) for slot in part)
        for _ in range(2):
            members = twin.split_segment(table.segments, members)
            table.split()
            assert table.members() == members
            assert table.find(list(index)) == list(index.values())


def test_a_full_segment_ends_a_search_and_survives_its_split():
    table = _Table(1)
    table.hi, table.lo = np.zeros(SEGMENT_SLOTS, np.uint64), np.zeros(SEGMENT_SLOTS, np.uint64)
    ids = [(at % 2 << 32, at) for at in range(SEGMENT_SLOTS)]  # one home for all
    for at in range(0, SEGMENT_SLOTS, 1_024):
        table.insert(ids[at : at + 1_024])
    assert table.find([(0, 1), (0, SEGMENT_SLOTS + 2)]) == [-1, -1]
    assert table.find(ids[-3:]) == [SEGMENT_SLOTS - 3, SEGMENT_SLOTS - 2, SEGMENT_SLOTS - 1]
    table.split()
    assert table.find(ids[::500]) == list(range(0, SEGMENT_SLOTS, 500))


def test_the_fold_equals_the_twin_and_ignores_the_order_of_rows():
    rng = random.Random(19)
    for _ in range(2_000):
        tops = (64, 64, 64, 8, 32)
        rows = [tuple(rng.getrandbits(bits) for bits in tops) for _ in range(rng.randint(0, 6))]
        folded = []
        for order in (rows, rows[::-1]):
            columns = list(zip(*order, strict=True)) or [()] * 5
            kinds = (np.uint64, np.uint64, np.uint64, np.uint8, np.uint32)
            folded.append(int(fold_rows(*(np.array(c, kind) for c, kind in zip(columns, kinds, strict=True)))))
        assert folded == [twin.fold_rows(rows)] * 2


def test_rows_keep_what_was_put_last_as_the_twin_says():
    rng, kinds = random.Random(21), (np.uint64, np.uint8, np.uint32)
    for _ in range(2_000):
        count = rng.randint(1, 6)
        kept = [(rng.getrandbits(64), rng.getrandbits(8), rng.getrandbits(32)) for _ in range(count)]
        rows = [rng.randrange(count) for _ in range(rng.randint(0, 8))]
        given = [(rng.getrandbits(64), rng.getrandbits(8), rng.getrandbits(32)) for _ in rows]
        columns = [np.array([row[at] for row in kept], kind) for at, kind in enumerate(kinds)]
        values = [np.array([row[at] for row in given], kind) for at, kind in enumerate(kinds)]
        put_rows(np.array(rows, np.int64), *values, *columns)
        twin.put_rows(rows, given, kept)
        assert [tuple(row) for row in zip(*(column.tolist() for column in columns), strict=True)] == kept


def _random_halves(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return (
        rng.integers(0, U64_MAX, count, np.uint64, endpoint=True),
        rng.integers(0, U64_MAX, count, np.uint64, endpoint=True),
    )


def _filled(count: int, batch: int, arena: PrivateArena | None = None) -> OrderIndex:
    index = OrderIndex(arena or PrivateArena())
    hi, lo = _random_halves(20, count)
    for at in range(0, count, batch):
        rows, fresh = index.insert(hi[at : at + batch], lo[at : at + batch])
        assert fresh.all() and rows.tolist() == list(range(at, min(at + batch, count)))
        index.set_reference(rows, (rows + (5 << 16)).astype(np.uint64))
        index.set_state(rows, (rows % 7).astype(np.uint8), np.uint32(3))
    return index


def test_every_id_stays_findable_through_all_growth():
    index = _filled(200_000, 3_001)
    hi, lo = _random_halves(20, 200_000)
    assert index.count == 200_000
    assert index.find(hi, lo).tolist() == list(range(200_000))
    assert (index.find(lo, hi) == -1).all()
    rows, fresh = index.insert(hi[::-1].copy(), lo[::-1].copy())
    assert not fresh.any() and rows.tolist() == list(range(200_000))[::-1] and index.count == 200_000
    assert index.reference(rows[:1]).tolist() == [199_999 + (5 << 16)]
    assert index.state(rows[:1]).tolist() == [199_999 % 7] and index.version(rows[:1]).tolist() == [3]


def test_the_second_of_two_equal_ids_in_a_batch_is_not_fresh():
    index = OrderIndex(PrivateArena())
    rows, fresh = index.insert(np.array([1, 2, 1], np.uint64), np.array([5, 5, 5], np.uint64))
    assert rows.tolist() == [0, 1, 0] and fresh.tolist() == [1, 1, 0]
    assert index.reference(rows).tolist() == [NO_REFERENCE] * 3


def test_a_row_that_does_not_exist_is_refused():
    index = _filled(2, 2)
    for row in (-1, 2):
        with pytest.raises(AssertionError, match="not in the index"):
            index.reference(np.array([row]))


def test_what_is_put_in_several_rows_at_once_is_what_is_set_row_by_row():
    one, other = _filled(300, 300), _filled(300, 300)
    rows, values = np.array([5, 299, 5]), np.array([8, 9, 10])
    one.put(rows, values.astype(np.uint64), values.astype(np.uint8), values.astype(np.uint32))
    for row, value in zip(rows.tolist(), values.tolist(), strict=True):
        other.set_reference(np.array([row]), np.array([value], np.uint64))
        other.set_state(np.array([row]), np.uint8(value), np.uint32(value))
    assert one.state_hash() == other.state_hash()
    with pytest.raises(AssertionError, match="not in the index"):
        one.put(np.array([300]), np.zeros(1, np.uint64), np.zeros(1, np.uint8), np.zeros(1, np.uint32))


def test_the_state_hash_is_the_same_however_the_state_came_about():
    one, other = _filled(30_000, 8_192), _filled(30_000, 11)
    assert one.state_hash() == other.state_hash()
    other.set_state(np.array([7]), np.uint8(9), np.uint32(3))
    assert one.state_hash() != other.state_hash()


def test_memory_is_about_fifty_bytes_an_order():
    index = _filled(900_000, 65_536)
    assert index.nbytes <= 54 * index.count  # up to one step of rows and segments is empty


def test_a_dump_restores_and_stays_as_it_was_while_the_index_goes_on():
    index = _filled(40_000, 8_192)
    index.committed_sequence = 5
    dump, before = index.dump(), index.state_hash()
    index.set_state(np.arange(40_000), np.uint8(200), np.uint32(9))
    index.set_reference(np.arange(40_000), np.full(40_000, 9 << 16, np.uint64))
    index.insert(*_random_halves(21, 30_000))
    arena = PrivateArena()
    restored = OrderIndex(arena)
    restored.restore({name: column.copy() for name, column in dump.items()})
    assert restored.state_hash() == before and restored.count == 40_000
    hi, lo = _random_halves(20, 40_000)
    assert restored.find(hi, lo).tolist() == list(range(40_000))
    assert restored.insert(*_random_halves(22, 10_000))[1].all()
    with pytest.raises(BlockBusy):
        OrderIndexReader(arena).find(int(hi[0]), int(lo[0]))


def test_an_empty_dump_restores():
    restored = OrderIndex(PrivateArena())
    restored.restore(OrderIndex(PrivateArena()).dump())
    assert restored.count == 0 and restored.insert(*_random_halves(1, 10))[1].all()


def test_a_reader_sees_committed_orders_only():
    arena = PrivateArena()
    index, reader = OrderIndex(arena), OrderIndexReader(arena)
    rows, _ = index.insert(np.array([1, 2, 3], np.uint64), np.array([1, 1, 1], np.uint64))
    index.set_reference(rows[:2], np.array([1 << 16, (2 << 16) + 1], np.uint64))
    index.set_state(rows, np.array([4, 5, 6], np.uint8), np.uint16(1))
    with pytest.raises(BlockBusy):
        reader.find(1, 1)
    index.committed_sequence = 1
    assert reader.find(1, 1) == (1 << 16, 4, 1)
    assert reader.find(2, 1) is None and reader.find(3, 1) is None and reader.find(9, 9) is None
    index.committed_sequence = 2
    assert reader.find(2, 1) == ((2 << 16) + 1, 5, 1) and reader.committed_sequence() == 2


def test_a_reader_follows_blocks_that_grow():
    arena = PrivateArena()
    index = OrderIndex(arena)
    index.committed_sequence = 5
    reader = OrderIndexReader(arena)
    assert reader.find(1, 1) is None
    hi, lo = _random_halves(23, 300_000)
    rows, _ = index.insert(hi, lo)
    index.set_reference(rows, np.full(rows.size, 5 << 16, np.uint64))
    assert all(reader.find(int(hi[row]), int(lo[row])) == (5 << 16, 0, 0) for row in range(0, 300_000, 5_003))


def test_a_reader_never_answers_from_half_a_change():
    arena = PrivateArena()
    index = _filled(10, 10, arena)
    index.committed_sequence = 5
    reader, (hi, lo) = OrderIndexReader(arena), _random_halves(20, 10)
    index.begin_write()
    index.set_state(np.array([0]), np.uint8(77), np.uint16(4))  # nested: the outer end counts
    with pytest.raises(BlockBusy, match="ask again"):
        reader.find(int(hi[0]), int(lo[0]))
    index.end_write()
    assert reader.find(int(hi[0]), int(lo[0])) == (5 << 16, 77, 4)


class _ChangedWhileRead:
    """A reader's state column; its owner changes the order just after the reader took the reference."""

    def __init__(self, index: OrderIndex, reader: OrderIndexReader) -> None:
        self._index, self._reader, self._column = index, reader, reader._views["state"]
        self.size = self._column.size

    def __getitem__(self, row: int) -> np.uint8:
        self._reader._views["state"] = self._column  # once only
        self._index.set_reference(np.array([row]), np.array([4 << 16], np.uint64))
        self._index.set_state(np.array([row]), np.uint8(88), np.uint16(6))
        return self._column[row]


def test_a_reader_reads_again_what_changed_under_its_eyes():
    arena = PrivateArena()
    index = _filled(10, 10, arena)
    index.committed_sequence = 5
    reader, (hi, lo) = OrderIndexReader(arena), _random_halves(20, 10)
    assert reader.find(int(hi[3]), int(lo[3])) == (5 << 16 | 3, 3, 3)
    reader._views["state"] = _ChangedWhileRead(index, reader)
    assert reader.find(int(hi[3]), int(lo[3])) == (4 << 16, 88, 6)


def test_a_commit_is_not_taken_back():
    index = OrderIndex(PrivateArena())
    index.committed_sequence = 4
    with pytest.raises(AssertionError, match="not taken back"):
        index.committed_sequence = 3
