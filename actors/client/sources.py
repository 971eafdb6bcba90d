"""Files of orders as blocks: plain, gzip or Zstandard; JSON lines, Arrow or rows with a mapping."""

from __future__ import annotations

import functools
import gzip
import io
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, TextIO, cast

import pyarrow as pa

from actors.client.sheets import is_workbook, sheet_rows
from adapters.channels.csv.mapping import FileFormat
from adapters.channels.csv.rows import LINE_CHARACTERS_MAX, CellRows, Record, Rows, TextRows
from adapters.channels.csv.translate import ComposedOrder
from router.errors import Misconfigured

BLOCK_BYTES = 512 << 10
BLOCK_ORDERS = 4_096
STANDARD_INPUT = "-"  # as the name of a file
_GZIP, _ZSTANDARD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


@dataclass
class Block:
    """Orders that are sent together; ``rows`` says where each came from, as a person would count."""

    orders: list[bytes] | pa.RecordBatch
    rows: list[int] | range
    resent: bool = False
    records: list[list[Record]] | None = None  # of each order its rows of the file, where refused ones are written down

    def after(self, answered: int) -> Block:
        """The rest of the block, to be sent once more because its answers never came."""
        orders = self.orders[answered:] if isinstance(self.orders, list) else self.orders.slice(answered)
        records = None if self.records is None else self.records[answered:]
        return Block(orders, self.rows[answered:], resent=True, records=records)


@contextmanager
def open_bytes(path: str) -> Iterator[BinaryIO]:
    """A file for reading, unpacked on the way when its first bytes say that it is packed."""
    with _raw(path) as raw:
        magic = raw.peek(4)[:4]
        if magic.startswith(_GZIP):
            with gzip.open(raw) as unpacked, _whole(path):
                yield cast(BinaryIO, unpacked)
        elif magic == _ZSTANDARD:
            # buffered, because Arrow's own readlines() finds no lines in it
            with io.BufferedReader(pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")) as unpacked:
                yield cast(BinaryIO, unpacked)
        else:
            yield cast(BinaryIO, raw)


@contextmanager
def _whole(path: str) -> Iterator[None]:
    """What ``gzip`` raises for an archive that is cut or damaged is no fault of a system call, and names no file."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as fault:
        raise Misconfigured(f"{path} cannot be unpacked to its end: {fault}. Pack or fetch it again, whole.") from None


@contextmanager
def _raw(path: str) -> Iterator[io.BufferedReader]:
    if path == STANDARD_INPUT:
        yield cast(io.BufferedReader, sys.stdin.buffer)
    else:
        with open(path, "rb") as raw:
            yield raw


def rows_of(path: str, form: FileFormat, marks: Mapping[str, str]) -> Rows:
    """The rows of a file of text or of a workbook, read as they are asked for. The file is closed with its last row.

    ``marks``: of columns that are read as numbers the decimal mark; a workbook's numbers are written with it.
    """
    with open(path, "rb") as raw:
        magic = raw.read(4)
    if is_workbook(magic, path):
        with open(path, "rb") as raw:
            return CellRows(sheet_rows(raw, path, form.sheet), form, path, marks)
    return TextRows(_lines(path, form.encoding), form, path)


def _lines(path: str, encoding: str) -> Iterator[str]:
    """Text lines with their own line ends; bytes that are no text stay visible as lone surrogates.

    Where an encoding cannot show them so, because characters have several bytes there, the file is refused. Of a line
    that is too long to be a row comes no more than says so (rows.py).
    """
    with open_text(path, encoding) as text:
        try:
            yield from iter(functools.partial(text.readline, LINE_CHARACTERS_MAX + 1), "")
        except UnicodeError as fault:
            said = fault.reason if isinstance(fault, UnicodeDecodeError) else fault
            raise Misconfigured(
                f"{path} cannot be read as {encoding!r}, the encoding that the mapping names (file.encoding): {said}. "
                "Name the one that it has, or export the file again, to its end."
            ) from None


@contextmanager
def open_text(path: str, encoding: str) -> Iterator[TextIO]:
    with open_bytes(path) as raw:
        yield io.TextIOWrapper(raw, encoding, errors="surrogateescape", newline="")


def ndjson_blocks(path: str) -> Iterator[Block]:
    """Lines in blocks; empty lines are counted but not sent, for nobody answers them."""
    with open_bytes(path) as file:
        number = 1
        while lines := file.readlines(BLOCK_BYTES):
            kept = [(at, line.rstrip(b"\r\n")) for at, line in enumerate(lines, number) if line.strip()]
            number += len(lines)
            for start in range(0, len(kept), BLOCK_ORDERS):
                part = kept[start : start + BLOCK_ORDERS]
                yield Block([line for _, line in part], [at for at, _ in part])


def order_blocks(orders: Iterable[ComposedOrder]) -> Iterator[Block]:
    """Orders made of rows."""
    block, size = Block([], [], records=[]), 0
    for order in orders:
        assert isinstance(block.orders, list) and isinstance(block.rows, list) and block.records is not None
        block.orders.append(order.body)
        block.rows.append(order.row)
        block.records.append(order.records)
        size += len(order.body)
        if size >= BLOCK_BYTES or len(block.orders) == BLOCK_ORDERS:
            yield block
            block, size = Block([], [], records=[]), 0
    if block.orders:
        yield block


def arrow_blocks(path: str) -> Iterator[Block]:
    """Record batches of an Arrow IPC stream, cut to at most BLOCK_ORDERS rows; a row is counted from 1."""
    with open_bytes(path) as file:
        try:
            reader = pa.ipc.open_stream(file)
            first = 1
            for batch in reader:
                for start in range(0, batch.num_rows, BLOCK_ORDERS):
                    part = batch.slice(start, BLOCK_ORDERS)
                    yield Block(part, range(first, first + part.num_rows))
                    first += part.num_rows
        except pa.ArrowInvalid as fault:
            raise Misconfigured(f"{path} is no readable Arrow IPC stream: {fault}.") from None
