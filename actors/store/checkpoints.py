"""Checkpoints: an owner's arrays at one sequence, so that a start reads the tail of its log instead of all.

A checkpoint is never the only copy of anything: a damaged one is passed over for the one before it, and
without any the log is replayed from its beginning.

    bytes 0-7     magic "ORCKPT01"
    8-15          u64 length of the header
    16-31         xxh3-128 of the header
    32-           header: JSON of sequence, chains and, for each array, name, dtype, shape, place and checksum
    then          the arrays, each at a multiple of 64 bytes
"""

from __future__ import annotations

import math
import os
import pathlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BufferedReader
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import xxhash

from actors.store.private import sync_folder
from actors.store.unbuffered import UnbufferedFile

Arrays = Mapping[str, npt.NDArray[Any]]

_MAGIC = b"ORCKPT01"
_LENGTH = struct.Struct("<Q")
_HEADER_AT = 32
_ALIGNMENT = 64
_KEEP = 2


class _Stored(msgspec.Struct, frozen=True):
    name: str
    dtype: str
    shape: list[int]
    place: int  # from the end of the header, rounded up
    checksum: str


class _Header(msgspec.Struct, frozen=True):
    sequence: int
    chains: list[int]
    arrays: list[_Stored]


@dataclass(frozen=True)
class Checkpoint:
    sequence: int
    chains: list[int]  # of every part after ``sequence``: the tail of the log must continue them
    arrays: dict[str, npt.NDArray[Any]]


def write_checkpoint(folder: pathlib.Path, sequence: int, chains: Sequence[int], arrays: Arrays) -> pathlib.Path:
    """Write one durably under a name that appears only when it is whole, then drop all but the newest two."""
    final = folder / f"checkpoint-{sequence}.bin"
    unfinished = final.with_suffix(".bin.tmp")
    flat = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    with UnbufferedFile(unfinished) as file:
        _write(file, _header(sequence, chains, flat), flat)
        file.sync()
    os.rename(unfinished, final)
    sync_folder(folder)
    _drop_old(folder)
    return final


def read_latest(folder: pathlib.Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest whole checkpoint, or None; and a sentence for each newer one that had to be passed over."""
    passed_over: list[str] = []
    for path in _newest_first(folder):
        try:
            return _read(path), passed_over
        except (OSError, ValueError) as fault:
            passed_over.append(f"{path.name} is damaged ({fault}) and was passed over")
    return None, passed_over


def _header(sequence: int, chains: Sequence[int], arrays: Arrays) -> bytes:
    stored, place = [], 0
    for name, array in arrays.items():
        checksum = xxhash.xxh3_128_hexdigest(_bytes_of(array))
        stored.append(_Stored(name, array.dtype.str, list(array.shape), place, checksum))
        place += _rounded_up(array.nbytes)
    return msgspec.json.encode(_Header(sequence, list(chains), stored))


def _write(file: UnbufferedFile, header: bytes, arrays: Arrays) -> None:
    file.write(_MAGIC + _LENGTH.pack(len(header)) + xxhash.xxh3_128_digest(header) + header)
    for array in arrays.values():
        file.write(bytes(-file.written % _ALIGNMENT))
        file.write(_bytes_of(array))


def _read(path: pathlib.Path) -> Checkpoint:
    with open(path, "rb") as file:
        start = file.read(_HEADER_AT)
        if len(start) < _HEADER_AT or start[:8] != _MAGIC:
            raise ValueError("it does not begin like a checkpoint")
        raw = file.read(min(_LENGTH.unpack(start[8:16])[0], os.fstat(file.fileno()).st_size))
        if xxhash.xxh3_128_digest(raw) != start[16:32]:
            raise ValueError("its header does not fit its checksum")
        header = msgspec.json.decode(raw, type=_Header)
        base = _rounded_up(_HEADER_AT + len(raw))
        arrays = {stored.name: _read_array(file, base, stored) for stored in header.arrays}
    return Checkpoint(header.sequence, header.chains, arrays)


def _read_array(file: BufferedReader, base: int, stored: _Stored) -> npt.NDArray[Any]:
    array = np.empty(stored.shape, np.dtype(stored.dtype))
    file.seek(base + stored.place)
    file.readinto(_bytes_of(array))
    if xxhash.xxh3_128_hexdigest(_bytes_of(array)) != stored.checksum:
        raise ValueError(f"array {stored.name} does not fit its checksum")
    return array


def _bytes_of(array: npt.NDArray[Any]) -> memoryview:
    return array.reshape(math.prod(array.shape)).view(np.uint8).data


def _rounded_up(size: int) -> int:
    return size + -size % _ALIGNMENT


def _newest_first(folder: pathlib.Path) -> list[pathlib.Path]:
    numbered = [path for path in folder.glob("checkpoint-*.bin") if _sequence_of(path) >= 0]
    return sorted(numbered, key=_sequence_of, reverse=True)


def _sequence_of(path: pathlib.Path) -> int:
    digits = path.stem.removeprefix("checkpoint-")
    return int(digits) if digits.isdecimal() else -1


def _drop_old(folder: pathlib.Path) -> None:
    for path in [*_newest_first(folder)[_KEEP:], *folder.glob("checkpoint-*.bin.tmp")]:
        path.unlink()
