"""Blocks in shared memory: whole for every reader, alive through growth, restarts and a full disk."""

from __future__ import annotations

import errno
import multiprocessing
import os
import pathlib
import signal
import time

import numpy as np
import pytest

from actors.store import mapped
from actors.store.mapped import SharedArena, SharedArenaReader
from router.arrow.arena import ALIGNMENT, BlockBusy, PrivateArena
from router.errors import Misconfigured
from router.log.index import OrderIndex, OrderIndexReader

SPAWN = multiprocessing.get_context("spawn")
BATCH = 2_048


@pytest.fixture(params=["private", "shared"])
def arena(request, tmp_path):
    return PrivateArena() if request.param == "private" else SharedArena(tmp_path / "arena")


def test_blocks_are_zeroed_aligned_and_keep_what_they_held_when_extended(arena):
    block = arena.allocate("a", 100)
    assert block.size == 100 and not block.any() and block.ctypes.data % ALIGNMENT == 0
    block[:] = 7
    longer = arena.extend("a", 1_000_000)
    assert longer.size == 1_000_000 and (longer[:100] == 7).all() and not longer[100:].any()
    assert longer.ctypes.data % ALIGNMENT == 0
    assert (arena.extend("a", 1_000_001)[:100] == 7).all()


def test_allocating_a_name_again_gives_a_fresh_block(arena):
    old = arena.allocate("a", 100)
    old[:] = 7
    fresh = arena.allocate("a", 200)
    assert fresh.size == 200 and not fresh.any() and (old == 7).all()


def test_a_block_does_not_shrink(arena):
    arena.allocate("a", 100)
    with pytest.raises(AssertionError, match="only grows"):
        arena.extend("a", 99)


def test_a_reader_sees_writes_growth_and_new_blocks(tmp_path):
    reader = SharedArenaReader(tmp_path)
    assert reader.view("a") is None and reader.generation == 0
    arena = SharedArena(tmp_path)
    block = arena.allocate("a", 4_096)
    view, version = reader.view("a"), reader.version()
    block[5] = 9
    assert view[5] == 9 and not view.flags.writeable and reader.generation == 1
    assert reader.version() == version
    longer = arena.extend("a", 1 << 20)
    longer[1 << 19] = 3
    assert reader.version() != version
    assert reader.view("a")[1 << 19] == 3 and view[5] == 9
    assert reader.view("none") is None


def test_a_restarted_owner_starts_empty_and_readers_keep_the_old_pages_until_they_look(tmp_path):
    first = SharedArena(tmp_path)
    first.allocate("a", 1 << 20)[:] = 1
    reader = SharedArenaReader(tmp_path)
    view = reader.view("a")
    second = SharedArena(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"directory"}
    assert (view == 1).all()
    assert reader.view("a") is None and reader.generation == 2
    second.allocate("a", 64)[:] = 2
    assert (reader.view("a")[:64] == 2).all() and (view == 1).all()


def test_removing_the_folder_leaves_mapped_pages_alone(tmp_path):
    arena = SharedArena(tmp_path / "arena")
    arena.allocate("a", 1 << 20)[:] = 1
    reader = SharedArenaReader(tmp_path / "arena")
    view = reader.view("a")
    arena.remove()
    assert not (tmp_path / "arena").exists()
    assert (view == 1).all() and reader.view("a") is None
    SharedArena(tmp_path / "arena").allocate("a", 8)[:] = 2
    assert reader.view("a").tolist() == [2] * 8


def test_a_second_owner_of_a_folder_stops_the_first(tmp_path):
    first = SharedArena(tmp_path)
    SharedArena(tmp_path)
    with pytest.raises(AssertionError, match="another owner"):
        first.allocate("a", 8)


def test_files_left_by_a_killed_owner_are_cleared(tmp_path):
    (tmp_path / "a.17").write_bytes(b"left")
    (tmp_path / "directory.new").write_bytes(b"{half")
    SharedArena(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"directory"}


@pytest.mark.parametrize("grow", [False, True])
def test_full_memory_is_a_sentence_and_leaves_the_blocks_as_they_were(tmp_path, monkeypatch, grow):
    arena = SharedArena(tmp_path)
    block = arena.allocate("a", 4_096)
    block[:] = 1

    def refuse(*_arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(mapped.os, "posix_fallocate", refuse)
    with pytest.raises(Misconfigured, match="--shm-size"):
        _ = arena.extend("a", 8_192) if grow else arena.allocate("b", 8_192)
    monkeypatch.undo()
    assert {path.name for path in tmp_path.iterdir()} == {"directory", "a.2"}
    assert (arena.extend("a", 8_192)[:4_096] == 1).all()


def _ids_of(sequence: int) -> tuple[np.ndarray, np.ndarray]:
    """Ids that a reader can make up again from the sequence alone."""
    numbers = np.arange(sequence * BATCH, (sequence + 1) * BATCH, dtype=np.uint64)
    return numbers * np.uint64(0x9E3779B97F4A7C15), numbers * np.uint64(0xC2B2AE3D27D4EB4F)


def _write_for_ever(folder: str) -> None:
    index = OrderIndex(SharedArena(pathlib.Path(folder)))
    index.committed_sequence = 0
    for sequence in range(1, 1 << 20):
        rows, fresh = index.insert(*_ids_of(sequence))
        assert fresh.all()
        index.set_reference(rows, np.uint64(sequence << 16) + np.arange(BATCH, dtype=np.uint64))
        index.set_state(rows, np.uint8(sequence % 100), np.uint16(sequence))
        index.committed_sequence = sequence
        time.sleep(0.001 if sequence < 400 else 0.02)  # leaves the reader time to meet every size


def _find(reader: OrderIndexReader, hi: int, lo: int, deadline: float) -> tuple[int, int, int] | None:
    while True:
        try:
            return reader.find(hi, lo)
        except BlockBusy:
            assert time.monotonic() < deadline, "the owner never let a reader in"
            time.sleep(0.001)


def _check_reads(reader: OrderIndexReader, until: int, deadline: float) -> None:
    """Read while the owner writes, until it has committed ``until``; every committed order must be there."""
    rng, reads = np.random.default_rng(24), 0
    while reader.committed_sequence() < until or reads < 200:
        assert time.monotonic() < deadline, "the owner stopped"
        committed = reader.committed_sequence()
        if committed == 0:
            continue
        sequence, row = int(rng.integers(1, committed + 1)), int(rng.integers(0, BATCH))
        hi, lo = (int(half[row]) for half in _ids_of(sequence))
        expected = (sequence << 16 | row, sequence % 100, sequence)
        assert _find(reader, hi, lo, deadline) == expected
        assert _find(reader, lo ^ 1, hi, deadline) is None
        reads += 1


def test_a_reader_is_right_while_another_process_writes_grows_is_killed_and_starts_again(tmp_path):
    folder = pathlib.Path("/dev/shm") / f"order-router-test-{os.getpid()}" if os.path.isdir("/dev/shm") else tmp_path
    reader, deadline = OrderIndexReader(SharedArenaReader(folder)), time.monotonic() + 60
    try:
        for _start in range(2):
            writer = SPAWN.Process(target=_write_for_ever, args=(str(folder),))
            writer.start()
            _check_reads(reader, 150, deadline)
            os.kill(writer.pid, signal.SIGKILL)
            writer.join()
            reader.committed_sequence()  # pages of a dead owner are still there to be read
            SharedArena(folder)
    finally:
        SharedArena(folder).remove()
