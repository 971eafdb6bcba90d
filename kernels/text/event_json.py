"""Write what became of events as JSON lines, byte after byte into one buffer.

    line = pieces[0] + event_id + pieces[1] + order_id + pieces[said] + version + "}" + newline

A piece holds everything that a result and a state say, so a row is three copies and two texts. Rows without a piece
(those that were refused) are left out: their lines are made elsewhere.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import I64, IN_I32, IN_U8, OUT_I64, OUT_U8, kernel
from kernels.text.json_write import CLOSE_OBJECT, NEWLINE, put, put_int, put_piece, put_text

Array = npt.NDArray[Any]
Int = Any  # int64, see kernels/text/json_text.py

LEFT_OUT = -1
AT_EVENT_ID, AT_ORDER_ID = 0, 1


@kernel(I64, IN_I32, IN_U8, IN_I32, IN_U8, IN_I32, IN_I32, IN_I32, IN_U8, OUT_I64, OUT_U8)
def event_json(
    event_offsets: Array,
    event_text: Array,
    order_offsets: Array,
    order_text: Array,
    said: Array,
    version: Array,
    piece_offsets: Array,
    piece_text: Array,
    row_end: Array,
    out: Array,
) -> Int:
    """Write one JSON line a row that has a piece; the form is the module's.

    event, order       texts of each event's id and its order's: offsets (n + 1) int32 and UTF-8 text uint8   IN
    said       (n)     int32  piece of each row, LEFT_OUT for none                                          IN
    version    (n)     int32  of the order afterwards                                                       IN
    piece              texts that need no escapes; 8 readable bytes behind the last                         IN
    row_end    (n)     int64  byte behind each row's newline                                                OUT
    out        (any)   uint8  the lines; 8 bytes of room behind the last                                    OUT

    Returns the bytes written. Cost: about 50 ns a row.
    """
    at: Int = 0
    for row in range(said.size):
        if said[row] != LEFT_OUT:
            at = put_piece(piece_offsets, piece_text, AT_EVENT_ID, out, at)
            at = put_text(event_offsets, event_text, row, out, at)
            at = put_piece(piece_offsets, piece_text, AT_ORDER_ID, out, at)
            at = put_text(order_offsets, order_text, row, out, at)
            at = put_piece(piece_offsets, piece_text, said[row], out, at)
            at = put_int(out, at, version[row])
            at = put(out, put(out, at, CLOSE_OBJECT), NEWLINE)
        row_end[row] = at
    return at
