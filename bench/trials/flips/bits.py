"""Turning bits of a log's file: which bytes carry something, and what a reader says when one of them is changed."""

from __future__ import annotations

import os
import pathlib
import signal
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import lmdb
import xxhash

from actors.care.reading.apart import ReaderEnded, apart
from actors.care.reading.log_check import check_log, read_records
from actors.care.reading.page_format import META_BYTES, Layout
from actors.store.log_store import DATABASES, DATABASES_MAX, LogStore, log_folder
from router.errors import RouterError

Spans = list[tuple[int, int]]  # first byte and the one behind the last
Bit = tuple[int, int]  # byte of the file, bit of the byte
SAME, CHANGED = "same", "nothing said, and something else is read"
_CHUNK = 1_024  # turned by one process
_ALONE_S_MAX = 3
_PAGE_HEADER = struct.Struct("<QHHHH")


def values_of(layout: Layout) -> dict[str, tuple[int, int]]:
    """Place of every stored value, by what it is."""
    return {f"{name.decode()} {key.hex()}": place for name, found in layout.values.items() for key, place in found}


def carrying_nothing(content: bytes, layout: Layout) -> Spans:
    """Free pages, the rest of meta pages, the middle of tree pages, the rest of a value's last page, unused fields."""
    size = layout.page_bytes
    spans = [(page * size, (page + 1) * size) for page in layout.free_pages - layout.proof_pages]
    spans += [(page * size + META_BYTES, (page + 1) * size) for page in (0, 1)]
    for page in layout.tree_pages | layout.proof_pages:
        _, _, _, lower, upper = _PAGE_HEADER.unpack_from(content, page * size)
        spans.append((page * size + lower, page * size + upper))
    for start, length in values_of(layout).values():
        if start % size == _PAGE_HEADER.size and start // size not in layout.tree_pages:
            spans.append((start + length, -(-(start + length) // size) * size))
    spans.append((size * (layout.meta.last_page + 1), len(content)))
    return [(start, stop) for start, stop in spans if start < stop]


def whole_digest(owner: pathlib.Path) -> str:
    """Of everything that is stored, read through LMDB."""
    digest = xxhash.xxh3_128()
    folder = str(log_folder(owner))
    with lmdb.open(folder, max_dbs=DATABASES_MAX, readonly=True, lock=False) as environment:
        for name in DATABASES:
            with environment.begin(db=environment.open_db(name, create=False)) as reading, reading.cursor() as cursor:
                for key, value in cursor:
                    digest.update(struct.pack("<QQ", len(key), len(value)) + key + value)
    return digest.hexdigest()


def looked_at(owner: pathlib.Path, part_count: int, bits: Sequence[Bit], whole: str) -> Iterator[tuple[Bit, str]]:
    """What ``check_log`` says of the file with each of these bits turned, one at a time."""
    for first in range(0, len(bits), _CHUNK):
        chunk = bits[first : first + _CHUNK]
        try:
            told = apart(lambda _, chunk=chunk: [_look(owner, part_count, bit, whole) for bit in chunk], print)  # type: ignore[misc]
        except ReaderEnded:
            told = [_look_apart(owner, lambda bit=bit: _look(owner, part_count, bit, whole)) for bit in chunk]  # type: ignore[misc]
        yield from zip(chunk, told, strict=True)


def without_the_check(owner: pathlib.Path, part_count: int, bits: Sequence[Bit], whole: str) -> Counter[str]:
    """What LMDB and the records' checksums alone would have made of it."""
    became: Counter[str] = Counter()
    for bit in bits:
        told = _look_apart(owner, lambda bit=bit: _look_alone(owner, part_count, bit, whole))  # type: ignore[misc]
        became["found" if told.startswith("found") else told] += 1
    return became


def _look_apart(owner: pathlib.Path, look: Callable[[], str]) -> str:
    file = log_folder(owner) / "data.mdb"
    content = file.read_bytes()
    try:
        return apart(lambda _: look(), print)
    except ReaderEnded as ended:
        file.write_bytes(content)  # the turned bit is still in it
        return "hung" if "SIGALRM" in str(ended) else str(ended).partition(":")[0]


def _look(owner: pathlib.Path, part_count: int, bit: Bit, whole: str) -> str:
    with turned(log_folder(owner) / "data.mdb", bit):
        try:
            check_log(owner, part_count)
            return SAME if whole_digest(owner) == whole else CHANGED
        except (RouterError, lmdb.Error) as fault:
            return f"found: {fault}"


def _look_alone(owner: pathlib.Path, part_count: int, bit: Bit, whole: str) -> str:
    signal.alarm(_ALONE_S_MAX)
    folder = str(log_folder(owner))
    with turned(log_folder(owner) / "data.mdb", bit):
        try:
            with lmdb.open(folder, max_dbs=DATABASES_MAX, readonly=True, lock=False) as environment:
                read_records(LogStore(environment, part_count, folder, create=False))
            return SAME if whole_digest(owner) == whole else CHANGED
        except (RouterError, lmdb.Error, struct.error) as fault:  # struct: a key of another size
            return f"found: {fault}"
        finally:
            signal.alarm(0)


class turned:
    """``with turned(file, bit): …``: one bit of a file is another one."""

    def __init__(self, file: pathlib.Path, bit: Bit) -> None:
        self._file = os.open(file, os.O_RDWR)
        self._byte, self._mask = bit[0], 1 << bit[1]

    def _turn(self) -> None:
        (before,) = os.pread(self._file, 1, self._byte)
        os.pwrite(self._file, bytes([before ^ self._mask]), self._byte)

    def __enter__(self) -> None:
        self._turn()

    def __exit__(self, *_: object) -> None:
        self._turn()
        os.close(self._file)
