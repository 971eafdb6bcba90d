"""Where orders came from, for their later changes: channel and seller stand in an order's own record alone.

An event's outcome names the record of its order, so a reader looks there. What it finds is kept for whole records, as
numbers of a byte or two with the few names behind them: 2 to 4 bytes an order, so that the orders a busy shop has open
fit into a cache that is small. Adding both to every outcome instead would make the shard read old records, for every
event, so that some readers need not.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.feed.columns import RECALLED
from router.feed.runs import FeedSource
from router.log.kinds import Kind
from router.log.records import INPUT
from router.log.reference import row_of, sequence_of
from router.log.stored_columns import StoredColumns

I64 = npt.NDArray[np.int64]
KEPT_BYTES = 32 << 20  # some 10 million orders
_NARROW = ((1 << 7, pa.int8()), (1 << 15, pa.int16()))  # fewer names than that: numbers of this type


class Origins:
    """Channels and sellers of the orders of one shard. For one thread."""

    def __init__(self, source: FeedSource, kept_bytes: int = KEPT_BYTES) -> None:
        self._source = source
        self._kept_bytes = kept_bytes
        self._kept: OrderedDict[int, dict[str, pa.DictionaryArray]] = OrderedDict()  # by sequence
        self._bytes = 0

    def of(self, orders: I64) -> dict[str, pa.StringArray]:
        """Channel and seller by the references of ORDERS records, row for row."""
        sequences, rows = sequence_of(orders), row_of(orders)
        by_sequence = np.argsort(sequences, kind="stable")
        starts = np.flatnonzero(np.diff(sequences[by_sequence], prepend=-2))
        pieces: dict[str, list[pa.Array]] = {name: [pa.array([], pa.string())] for name in RECALLED}
        for at in np.split(by_sequence, starts[1:]) if len(orders) else ():
            for name, texts in self._of_record(int(sequences[at[0]]), rows[at]).items():
                pieces[name].append(texts)
        back = pa.array(np.argsort(by_sequence, kind="stable"))
        return {
            name: pa.concat_arrays(parts or [pa.array([], pa.string())]).take(back) for name, parts in pieces.items()
        }

    def _of_record(self, sequence: int, rows: I64) -> dict[str, pa.StringArray]:
        """Of rows of one record. An event that a rejected order refused names none."""
        if sequence < 0:
            return {name: pa.array([""] * len(rows), pa.string()) for name in RECALLED}
        found = self._record(sequence)
        return {name: names.take(pa.array(rows)).cast(pa.string()) for name, names in found.items()}

    def _record(self, sequence: int) -> dict[str, pa.DictionaryArray]:
        if sequence in self._kept:
            self._kept.move_to_end(sequence)
            return self._kept[sequence]
        record = self._source.read(sequence, INPUT)
        assert record is not None and record.kind is Kind.ORDERS, f"an outcome names record {sequence} as its order's"
        columns = StoredColumns([record])
        found = self._kept[sequence] = {name: _numbered(columns.column(name)) for name in RECALLED}
        self._bytes += _bytes_of(found)
        while self._bytes > self._kept_bytes and len(self._kept) > 1:
            self._bytes -= _bytes_of(self._kept.popitem(last=False)[1])
        return found


def _numbered(texts: pa.StringArray) -> pa.DictionaryArray:
    """The texts as numbers as narrow as their names allow; nothing of the record is kept alive."""
    encoded = texts.dictionary_encode()
    kind = next((kind for limit, kind in _NARROW if len(encoded.dictionary) <= limit), pa.int32())
    return pa.DictionaryArray.from_arrays(encoded.indices.cast(kind), encoded.dictionary)


def _bytes_of(record: dict[str, pa.DictionaryArray]) -> int:
    return sum(int(names.nbytes) for names in record.values())
