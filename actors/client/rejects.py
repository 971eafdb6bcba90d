"""Writes down what was refused, each with its reason, in a file of the same form that can be sent again.

A file of rows keeps its columns, with two more; JSON lines keep their orders with a key more, Arrow with two columns.
"""

from __future__ import annotations

import abc
import collections
import csv
from collections.abc import Iterable, Iterator
from typing import BinaryIO, TextIO

import msgspec
import pyarrow as pa

from actors.client.sources import Block
from actors.client.wire import Answer
from adapters.channels.csv.mapping import FileFormat
from adapters.channels.csv.report import REJECT_DETAIL as DETAIL
from adapters.channels.csv.report import REJECT_REASON as REASON
from adapters.channels.csv.report import Reject
from router.errors import Misconfigured


class Refusals:
    """Writes what is refused of orders as they are answered, in the order in which they went out."""

    def __init__(self, writer: RejectsWriter | None) -> None:
        self._writer = writer
        self._unanswered: collections.deque[tuple[Block, int]] = collections.deque()  # an order is a place of a block

    def watch(self, blocks: Iterable[Block]) -> Iterator[Block]:
        for block in blocks:
            if self._writer is not None:
                self._unanswered.extend((block, at) for at in range(len(block.rows)))
            yield block

    def answered(self, answer: Answer) -> None:
        if self._writer is None:
            return
        block, at = self._unanswered.popleft()
        if answer.status == "rejected":
            self._writer.refused(block, at, answer)


class RejectsWriter(abc.ABC):
    """A file of refused orders; it is made anew by every run, so that an empty one says that nothing was refused."""

    @abc.abstractmethod
    def refused(self, block: Block, at: int, answer: Answer) -> None:
        """Write the order at this place of the block, in the form it came in, with the reason."""

    def finish(self) -> None:  # noqa: B027 - most forms need nothing
        """What the form of the file needs at its end."""


class RowRejects(RejectsWriter):
    """Rows of a file of text or of a workbook, as text in the format of the mapping.

    Behind the file's own columns stand reason and detail; behind these the further cells of a row that has too many.
    """

    def __init__(self, file: TextIO, form: FileFormat) -> None:
        self._file, self._form = file, form
        self._delimiter = form.delimiter
        self._header: list[str] = []

    def begin(self, header: list[str], preamble: list[str], delimiter: str) -> None:
        if not self._header:
            self._header, self._delimiter = header, delimiter
            self._file.writelines(preamble)
            self._put([*header, REASON, DETAIL])
        elif header != self._header:
            raise Misconfigured(
                "The files have other columns, and one file of rejects cannot hold both: send one a run."
            )

    def put(self, reject: Reject) -> None:
        width, cells, encoding = len(self._header), reject.record.cells, self._form.encoding
        detail = " ".join(reject.detail.splitlines()).encode(encoding, "backslashreplace").decode(encoding)
        missing = [""] * (width - len(cells))
        self._put([*cells[:width], *missing, reject.reason, detail, *cells[width:]])

    def refused(self, block: Block, at: int, answer: Answer) -> None:
        assert block.records is not None
        for record in block.records[at]:
            self.put(Reject(answer.order_id or "", *_said(answer), record))

    def _put(self, cells: list[str]) -> None:
        quote, delimiter = self._form.quote, self._delimiter
        if quote:
            csv.writer(self._file, delimiter=delimiter, quotechar=quote).writerow(cells)
            return
        plain = [" ".join(cell.replace(delimiter, " ").splitlines()) for cell in cells]
        self._file.write(delimiter.join(plain) + "\r\n")


class JsonRejects(RejectsWriter):
    """Order lines with a key more; a line that is no JSON object stands in one as a text."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def refused(self, block: Block, at: int, answer: Answer) -> None:
        assert isinstance(block.orders, list)
        line = block.orders[at]
        reason, detail = _said(answer)
        said = msgspec.json.encode({"reason": reason, "detail": detail})
        try:
            is_object = isinstance(msgspec.json.decode(line), dict)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            is_object = False
        if not is_object:
            line = b'{"unreadable":' + msgspec.json.encode(line.decode(errors="replace")) + b"}"
        body = line.rstrip().removesuffix(b"}").rstrip()
        comma = b"" if body.endswith(b"{") else b","
        self._file.write(body + comma + b'"rejected":' + said + b"}\n")


class ArrowRejects(RejectsWriter):
    """Rows of an Arrow stream with two columns more."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._writer: pa.RecordBatchStreamWriter | None = None

    def refused(self, block: Block, at: int, answer: Answer) -> None:
        assert isinstance(block.orders, pa.RecordBatch)
        row = block.orders.slice(at, 1)
        kept = [name for name in row.schema.names if name not in (REASON, DETAIL)]
        columns = {name: row.column(name) for name in kept}
        told = {name: pa.array([text], pa.string()) for name, text in zip((REASON, DETAIL), _said(answer), strict=True)}
        batch = pa.RecordBatch.from_pydict({**columns, **told})
        if self._writer is None:
            self._writer = pa.ipc.new_stream(self._file, batch.schema)
        self._writer.write_batch(batch)

    def finish(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _said(answer: Answer) -> tuple[str, str]:
    return ", ".join(answer.reasons) or "no_reason", answer.detail or ""
