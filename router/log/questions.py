"""Questions to the ledger: how one is known again, so that it is answered once and never with another one's answer.

An answer is found by (shard, sequence) in the log's ``by_batch``: the ledger's sequence and a digest of the question,
over what a shard derives again after a restart. The first folders kept the sequence alone.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import xxhash

from router.arrow.arrays import list_parts
from router.ids import string_parts
from router.log.kinds import QUESTIONS, Kind, form
from router.log.records import DamagedRecord, Record, read_batch

_HEAD = struct.Struct("<HHqQ")  # kind, version, tables version, rows of the first message
_SEQUENCE = struct.Struct("<Q")
DIGEST_BYTES = 16


class AskedBy(NamedTuple):
    """Who asked what."""

    shard: int
    sequence: int
    digest: bytes


class Answered(NamedTuple):
    """Where the answer to a question lies."""

    sequence: int
    digest: bytes  # of the question; empty where it was not kept


def pack_answered(sequence: int, digest: bytes) -> bytes:
    """Value of a ``by_batch`` entry."""
    return _SEQUENCE.pack(sequence) + digest


def unpack_answered(stored: bytes, where: str) -> Answered:
    if len(stored) not in (_SEQUENCE.size, _SEQUENCE.size + DIGEST_BYTES):
        raise DamagedRecord(f"an entry of by_batch has {len(stored)} bytes", where)
    return Answered(_SEQUENCE.unpack_from(stored)[0], stored[_SEQUENCE.size :])


def question_digest(kind: Kind, version: int, tables_version: int, messages: Sequence[pa.RecordBatch]) -> bytes:
    """xxh3-128 of a question by its content, whatever its arrays look like in memory; of the columns that a version of
    its kind had."""
    digest = xxhash.xxh3_128(_HEAD.pack(kind, version, tables_version, messages[0].num_rows))
    for number, batch in zip(QUESTIONS[kind], messages, strict=True):
        for field in form(kind, number, version):
            _feed(digest, batch.column(field.name), field.type)
    return digest.digest()


def digest_of(record: Record) -> bytes:
    """The digest of the question that a record answers."""
    messages = [read_batch(record, number) for number in QUESTIONS[record.kind]]
    return question_digest(record.kind, record.version, record.tables_version, messages)


def kept_digest(record: Record) -> bytes:
    """What the entry of a record's question has to say: nothing where it comes from before digests were kept."""
    return digest_of(record) if record.version else b""


def _feed(digest: xxhash.xxh3_128, array: pa.Array, kind: pa.DataType) -> None:
    if pa.types.is_list(kind):
        offsets, items = list_parts(array)
        digest.update(np.ascontiguousarray(offsets).view(np.uint8).data)
        _feed(digest, items, kind.value_type)
    elif pa.types.is_string(kind):
        ends, text = string_parts(array)
        digest.update(np.ascontiguousarray(ends - ends[0]).view(np.uint8).data)
        digest.update(text[ends[0] : ends[-1]].data)
    elif pa.types.is_struct(kind):
        for number in range(kind.num_fields):
            _feed(digest, array.field(kind.field(number).name), kind.field(number).type)
    else:
        digest.update(np.ascontiguousarray(array.to_numpy(zero_copy_only=True)).view(np.uint8).data)
