"""Files of orders as blocks: plain, gzip or Zstandard; JSON lines, Arrow or CSV with a mapping."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, TextIO, cast

import pyarrow as pa

from adapters.channels.csv.translate import CsvTranslator
from router.errors import Misconfigured

BLOCK_BYTES = 512 << 10
BLOCK_ORDERS = 4_096
_GZIP, _ZSTANDARD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


@dataclass
class Block:
    """Orders that are sent together; ``rows`` says where each came from, as a person would count."""

    orders: list[bytes] | pa.RecordBatch
    rows: list[int] | range
    resent: bool = False

    def after(self, answered: int) -> Block:
        """The rest of the block, to be sent once more because its answers never came."""
        if isinstance(self.orders, list):
            return Block(self.orders[answered:], self.rows[answered:], resent=True)
        return Block(self.orders.slice(answered), self.rows[answered:], resent=True)


@contextmanager
def open_bytes(path: str) -> Iterator[BinaryIO]:
    """A file for reading, unpacked on the way when its first bytes say that it is packed."""
    with open(path, "rb") as raw:
        magic = raw.read(4)
        raw.seek(0)
        if magic.startswith(_GZIP):
            with gzip.open(raw) as unpacked:
                yield cast(BinaryIO, unpacked)
        elif magic == _ZSTANDARD:
            # buffered, because Arrow's own readlines() finds no lines in it
            with io.BufferedReader(pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")) as unpacked:
                yield cast(BinaryIO, unpacked)
        else:
            yield cast(BinaryIO, raw)


@contextmanager
def open_text(path: str, encoding: str) -> Iterator[TextIO]:
    """Text lines with their own line ends; bytes that are no text stay visible as lone surrogates."""
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


def csv_blocks(path: str, encoding: str, translator: CsvTranslator) -> Iterator[Block]:
    with open_text(path, encoding) as lines:
        block, size = Block([], []), 0
        for order in translator.orders(lines):
            assert isinstance(block.orders, list) and isinstance(block.rows, list)
            block.orders.append(order.body)
            block.rows.append(order.row)
            size += len(order.body)
            if size >= BLOCK_BYTES or len(block.orders) == BLOCK_ORDERS:
                yield block
                block, size = Block([], []), 0
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
