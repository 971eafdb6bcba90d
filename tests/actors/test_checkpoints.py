from __future__ import annotations

import errno
import os

import numpy as np
import pytest

from actors.store.checkpoints import read_latest, write_checkpoint
from actors.store.unbuffered import BLOCK_BYTES, UnbufferedFile

ARRAYS = {
    "rows": np.arange(1000, dtype=np.uint64),
    "cells": np.arange(60, dtype=np.int64).reshape(3, 4, 5),
    "nothing": np.empty((0, 7), np.int16),
    "strided": np.arange(20, dtype=np.int32)[::2],
}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_checkpoint_reads_back_array_for_array(tmp_path):
    write_checkpoint(tmp_path, 12, [5, 2**64 - 1], ARRAYS)
    checkpoint, passed_over = read_latest(tmp_path)
    assert (checkpoint.sequence, checkpoint.chains, passed_over) == (12, [5, 2**64 - 1], [])
    assert list(checkpoint.arrays) == list(ARRAYS)
    for name, array in checkpoint.arrays.items():
        assert array.dtype == ARRAYS[name].dtype and np.array_equal(array, ARRAYS[name])
        assert array.flags.writeable


def test_the_newest_two_are_kept_by_number_not_by_name(tmp_path):
    for sequence in (8, 9, 10, 11):
        write_checkpoint(tmp_path, sequence, [sequence], {"a": np.full(3, sequence)})
    assert names(tmp_path) == ["checkpoint-10.bin", "checkpoint-11.bin"]
    assert read_latest(tmp_path)[0].sequence == 11


def test_without_a_checkpoint_there_is_none(tmp_path):
    assert read_latest(tmp_path) == (None, [])


def test_any_flipped_bit_makes_the_older_one_count(tmp_path):
    write_checkpoint(tmp_path, 1, [1], {"a": np.arange(3)})
    newest = write_checkpoint(tmp_path, 2, [2], {"a": np.arange(3, dtype=np.int64)})
    whole = newest.read_bytes()
    padding = range(whole.rindex(b"}") + 1, len(whole) - 24)
    for byte in range(len(whole)):
        torn = bytearray(whole)
        torn[byte] ^= 1 << byte % 8
        newest.write_bytes(torn)
        checkpoint, passed_over = read_latest(tmp_path)
        assert checkpoint.sequence == (2 if byte in padding else 1)
        assert len(passed_over) == 2 - checkpoint.sequence
    newest.write_bytes(whole)
    assert read_latest(tmp_path)[0].sequence == 2


@pytest.mark.parametrize("length", [0, 1, 31, 32, 100, 300])
def test_a_cut_checkpoint_is_passed_over_in_words(tmp_path, length):
    newest = write_checkpoint(tmp_path, 2, [2], ARRAYS)
    os.truncate(newest, length)
    checkpoint, passed_over = read_latest(tmp_path)
    assert checkpoint is None
    assert passed_over[0].startswith("checkpoint-2.bin is damaged")


def test_a_crash_while_writing_leaves_the_last_one_in_place(tmp_path, monkeypatch):
    write_checkpoint(tmp_path, 1, [1], ARRAYS)

    def no_space(_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", no_space)
        with pytest.raises(OSError, match="No space left"):
            write_checkpoint(tmp_path, 2, [2], ARRAYS)
    assert read_latest(tmp_path)[0].sequence == 1
    assert "checkpoint-2.bin.tmp" in names(tmp_path)
    write_checkpoint(tmp_path, 3, [3], ARRAYS)
    assert names(tmp_path) == ["checkpoint-1.bin", "checkpoint-3.bin"]


def test_a_file_past_the_cache_holds_every_byte_whatever_the_pieces(tmp_path):
    path, sizes = tmp_path / "file", [1, 63, BLOCK_BYTES - 64, 0, 5, 2 * BLOCK_BYTES + 7, BLOCK_BYTES - 12, 3]
    pieces = [np.random.default_rng(size).bytes(size) for size in sizes]
    with UnbufferedFile(path) as file:
        for piece in pieces:
            file.write(memoryview(piece))
        file.sync()
        assert file.written == sum(sizes)
    assert path.read_bytes() == b"".join(pieces) and path.stat().st_mode & 0o777 == 0o600


def test_a_file_system_without_that_is_written_like_any_other(tmp_path, monkeypatch):
    opened = os.open

    def refusing(path, flags, mode=0o777):
        if flags & os.O_DIRECT:
            raise OSError(errno.EINVAL, "not here")
        return opened(path, flags, mode)

    monkeypatch.setattr(os, "open", refusing)
    with UnbufferedFile(tmp_path / "file") as file:
        file.write(b"all of it")
        file.sync()
    assert (tmp_path / "file").read_bytes() == b"all of it"
