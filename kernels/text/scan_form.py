"""What the JSON scanner is told of keys, and where it puts what it reads: bits, rows and places (scan_json.py)."""

from __future__ import annotations

import numpy as np

U = np.uint64

# What an action says about a key: bit 0-7 its own bit, 8-15 its kind, 16-23 its field (row of the output),
# 24-26 the level it belongs to, 27-30 its length. Of a key that is not known: 0 = its value is stepped over, REFUSED.
UNKNOWN, TEXT, TIME, NUMBER, OBJECT, COUPONS, LINES, LINE_TEXT, LINE_NUMBER, FLAG, SOME_LINES = range(11)
TOP_LEVEL, LINE_LEVEL = 0, 6  # 1-5: objects of an order
LINE_BIT = 53  # first bit of the keys of one line; they are cleared at its start
LINE_BITS = U(0x7F) << U(LINE_BIT)
REFUSED = 60  # a bit that is set from the start, so that such a key is one given twice

ABSENT = -(1 << 63)
NOT_UNDERSTOOD, UNDERSTOOD = 0, 1
FULL = -2  # an item list has no room: scan again with larger ones

# Rows of ``place``: the line's first byte, the byte behind its newline, its number, was it understood?
BEGIN, END, LINE_NUMBER_AT, SOUND = 0, 1, 2, 3
# Rows of ``runs``.
LINES_FIRST, LINES_COUNT, COUPONS_FIRST, COUPONS_COUNT = 0, 1, 2, 3
# Rows of ``line_text``: start and length of each text of a line.
SKU_START, SKU_LENGTH, LINE_ID_START, LINE_ID_LENGTH, NODE_START, NODE_LENGTH = 0, 1, 2, 3, 4, 5
LINE_TEXTS = 6
QTY, UNIT_PRICE, LINE_DISCOUNT, LINE_TAX = 0, 1, 2, 3
# Places of ``cursor``.
LINES_USED, COUPONS_USED, SPILL_USED, SPILL_BASE = 0, 1, 2, 3
