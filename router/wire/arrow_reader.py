"""Messages of an Arrow stream to record batches, which wait to be decoded together and take a known amount of memory.

Whatever waits is counted unpacked: record batches, and dictionaries that were replaced or grew while batches that have
been put beside them wait. A dictionary is put together once for all batches that name it.
"""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa

from router.wire.arrow_codes import NONE, Coded, attached, checked, coded_columns
from router.wire.arrow_frames import Message
from router.wire.batch import WireError
from router.wire.dictionaries import TOO_LARGE
from router.wire.flatbuffer import damaged

_COLUMN_BYTES = 1_024  # of a column that waits, beside its buffers


class Dictionaries:
    """What the numbers of a stream name: pieces as they came, put together when they are asked for."""

    def __init__(self, columns: list[Coded], bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._values: dict[int, Coded] = {}
        for column in columns:
            self._know(column)
        self._pieces: dict[int, list[pa.Array]] = {number: [] for number in self._values}
        self._whole: dict[int, pa.Array] = {}
        self.length = dict.fromkeys(self._values, 0)
        self.nbytes = dict.fromkeys(self._values, 0)

    def _know(self, coded: Coded) -> None:
        if coded.dictionary != NONE and self._values.setdefault(coded.dictionary, coded.inside[0]) != coded.inside[0]:
            raise damaged(f"dictionary {coded.dictionary} has values of two types")
        for inside in coded.inside:
            self._know(inside)

    def learn(self, message: Message) -> None:
        """Another piece of a dictionary, or another one in its place."""
        number = message.dictionary
        if number not in self._values:
            raise damaged(f"no column has the dictionary {number}")
        size = message.nbytes + (self.nbytes[number] if message.is_delta else 0)
        if sum(self.nbytes.values()) - self.nbytes[number] + size > self._bytes_max:
            raise WireError(
                TOO_LARGE,
                f"the dictionaries grew beyond {self._bytes_max} bytes; replace them now and then",
            )
        coded = self._values[number]
        values = _record_batch(message, pa.schema([pa.field("values", coded.stored)])).column(0)
        checked(values, coded, self.length)
        if not message.is_delta:
            self._pieces[number], self.length[number] = [], 0
        self._pieces[number].append(values)
        self.length[number] += len(values)
        self.nbytes[number] = size
        self._whole.clear()  # a dictionary may stand in another one's values

    def of(self, number: int) -> pa.Array:
        """All values of a dictionary; none of one that never came."""
        if number not in self._whole:
            coded, pieces = self._values[number], self._pieces[number]
            if len(pieces) != 1:
                pieces = [pa.concat_arrays(pieces) if pieces else pa.nulls(0, coded.stored)]
                self._pieces[number] = pieces
            self._whole[number] = attached(pieces[0], coded, self.of, safe=True)
        return self._whole[number]


class Sent(NamedTuple):
    """A record batch as it was sent."""

    rows: int
    nbytes: int  # on the wire, with the dictionaries since the one before
    unpacked: int


class Waiting(NamedTuple):
    """Record batches of one time as one."""

    batch: pa.RecordBatch
    sent: list[Sent]


class ArrowReader:
    """A stream whose schema came. What it reads waits until it is taken."""

    def __init__(self, message: Message, dictionary_bytes_max: int) -> None:
        self.schema = pa.ipc.read_schema(pa.py_buffer(message.raw))
        self._columns = coded_columns(message.header, self.schema)
        stored = [field.with_type(coded.stored) for field, coded in zip(self.schema, self._columns, strict=True)]
        self._stored = pa.schema(stored)
        self._dictionaries = Dictionaries(self._columns, dictionary_bytes_max)
        self._newest: list[pa.RecordBatch] = []  # of the dictionaries as they are now, their numbers
        self._sent: list[Sent] = []  # of those
        self._learned_bytes = 0  # on the wire, since the last one of those
        self._older: list[Waiting] = []  # of dictionaries as they were, which they keep
        self._kept: set[int] = set()  # dictionaries that are still as the older ones have them
        self.rows = 0  # that wait
        self.nbytes = 0  # of all that waits

    @property
    def dictionary_bytes(self) -> int:
        """Of all dictionaries as they are now, unpacked."""
        return sum(self._dictionaries.nbytes.values())

    def learn(self, message: Message) -> None:
        """A dictionary, or more of it. What waits has the former one, and a longer one is as good."""
        if not message.is_delta:
            self._settle()
        number = message.dictionary
        self._learned_bytes += len(message.raw)
        former_bytes = self._dictionaries.nbytes.get(number, 0)
        self._dictionaries.learn(message)
        if number in self._kept:
            self._kept.discard(number)
            self.nbytes += former_bytes

    def add(self, message: Message) -> None:
        """A record batch, checked whole."""
        batch = _record_batch(message, self._stored)
        for column, coded in zip(batch.columns, self._columns, strict=True):
            checked(column, coded, self._dictionaries.length)
        self._newest.append(batch)
        self._sent.append(Sent(batch.num_rows, self._learned_bytes + len(message.raw), message.nbytes))
        self._learned_bytes = 0
        self.rows += batch.num_rows
        self.nbytes += message.nbytes + _COLUMN_BYTES * batch.num_columns

    def take(self) -> list[Waiting]:
        """All that waits: together, but for those whose dictionaries would outgrow the type of their numbers."""
        self._settle()
        waiting, self._older = self._older, []
        self._kept.clear()
        self.rows = self.nbytes = 0
        if len(waiting) < 2:
            return waiting
        try:
            batch = pa.concat_batches([each.batch for each in waiting])
        except pa.ArrowException:
            return waiting
        return [Waiting(batch, [sent for each in waiting for sent in each.sent])]

    def _settle(self) -> None:
        """Put the dictionaries beside the numbers."""
        if not self._newest:
            return
        newest, sent, self._newest, self._sent = self._newest, self._sent, [], []
        together = newest[0] if len(newest) == 1 else pa.concat_batches(newest)
        columns = [
            attached(column, coded, self._dictionaries.of)
            for column, coded in zip(together.columns, self._columns, strict=True)
        ]
        batch = pa.RecordBatch.from_arrays(columns, schema=self.schema)
        self._older.append(Waiting(batch, sent))
        self._kept.update(self._dictionaries.nbytes)


def _record_batch(message: Message, schema: pa.Schema) -> pa.RecordBatch:
    batch = pa.ipc.read_record_batch(pa.py_buffer(message.raw), schema)
    batch.validate()
    return batch
