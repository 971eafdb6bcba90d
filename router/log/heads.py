"""What stands at the beginning of a record, unchecked: enough to say how much lies ahead of a reader.

Nothing is decided by it. A head that cannot be read counts no rows; reading its record says what is wrong with it.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import pyarrow as pa

from router.arrow.arrays import Bytes
from router.arrow.packing import packed_rows
from router.log.kinds import VERSION_SHIFT, Kind, form
from router.log.records import HEADER_BYTES

_STAMP, _NOW_MS, _LENGTH = struct.Struct("<H"), struct.Struct("<q"), struct.Struct("<Q")
_STAMP_AT, _NOW_MS_AT = 4, 32


class Head(NamedTuple):
    now_ms: int
    rows: int


def head_of(raw: Bytes) -> Head:
    """Of a record in bytes that may go away afterwards: nothing of them is kept."""
    view = memoryview(raw).cast("B")
    if view.nbytes < HEADER_BYTES + _LENGTH.size:
        return Head(0, 0)
    (stamp,), (now_ms,) = _STAMP.unpack_from(view, _STAMP_AT), _NOW_MS.unpack_from(view, _NOW_MS_AT)
    (length,) = _LENGTH.unpack_from(view, HEADER_BYTES)
    message = view[HEADER_BYTES + _LENGTH.size :][:length]
    rows = packed_rows(message)
    return Head(now_ms, _rows_in(bytes(message), stamp) if rows is None else rows)


def _rows_in(message: bytes, stamp: int) -> int:
    kind, version = stamp & (1 << VERSION_SHIFT) - 1, stamp >> VERSION_SHIFT
    try:
        return int(pa.ipc.read_record_batch(pa.py_buffer(message), form(Kind(kind), 0, version)).num_rows)
    except (pa.ArrowException, OSError, EOFError, ValueError):
        return 0
