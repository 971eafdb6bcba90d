"""Files of rows: a table as JSON lines, packed.

checksum, 16 bytes     of all that follows
length, 8 bytes        of the lines together, little-endian
zstd                   one JSON object a line, each with its end
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

import msgspec
import pyarrow as pa
import xxhash

from router.errors import Damaged
from router.tables.row_types import ROW_TYPES
from router.tables.table_bytes import DIGEST_BYTES, sealed, unsealed

_LENGTH_BYTES = 8
_PIECE_BYTES = 256 << 10  # that are read at a time


def pack_rows(rows: list[Any]) -> bytes:
    """The bytes of a file."""
    lines = b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
    return sealed(len(lines).to_bytes(_LENGTH_BYTES, "little") + pa.compress(lines, codec="zstd", asbytes=True))


def unpack_rows(table: str, stored: bytes) -> list[Any]:
    """All rows of a file at once; raises Damaged."""
    packed = unsealed(stored)
    length = int.from_bytes(packed[:_LENGTH_BYTES], "little")
    lines: bytes = pa.decompress(packed[_LENGTH_BYTES:], length, codec="zstd", asbytes=True)
    decode = msgspec.json.Decoder(ROW_TYPES[table]).decode
    return [decode(line) for line in lines.splitlines()]


def lines_in(path: pathlib.Path) -> Iterator[list[bytes]]:
    """Lines of a file, some thousand at a time; it is read twice, the checksum first: raises Damaged before any."""
    try:
        with path.open("rb") as file:
            digest, read = file.read(DIGEST_BYTES), xxhash.xxh3_128()
            while piece := file.read(_PIECE_BYTES):
                read.update(piece)
    except FileNotFoundError:
        raise Damaged(f"{path} is missing; restore it from a copy") from None
    if read.digest() != digest:
        raise Damaged(f"{path} is damaged (the checksum is wrong); restore it from a copy")
    return _unpacked_lines(path)


def _unpacked_lines(path: pathlib.Path) -> Iterator[list[bytes]]:
    with pa.OSFile(str(path)) as file:
        file.seek(DIGEST_BYTES + _LENGTH_BYTES)
        with pa.CompressedInputStream(file, "zstd") as unpacked:
            rest = b""
            while piece := unpacked.read(_PIECE_BYTES):
                *lines, rest = (rest + piece).split(b"\n")
                yield lines
    assert not rest, "every line has its end"
