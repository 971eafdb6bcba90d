"""Ways an order can be bad. The first three can be said in columns too; the others only in text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.harness.arrays import I64

DAMAGES = (
    "unknown_sku",
    "negative_qty",
    "unknown_currency",
    "cut_off",
    "wrong_type",
    "not_a_number",
    "beyond_int64",
    "invalid_utf8",
)
COLUMN_DAMAGES = 3


def damaged(texts: Sequence[str], damage: I64) -> bytes:
    """JSON lines, those spoiled that have an index into DAMAGES (-1: none)."""
    bad = np.flatnonzero(damage >= 0).tolist()
    if not bad:
        return "".join(texts).encode()
    lines = [text.encode() for text in texts]
    for row in bad:
        lines[row] = damage_line(lines[row], DAMAGES[damage[row]])
    return b"".join(lines)


def damage_line(line: bytes, kind: str) -> bytes:
    """One JSON line, spoiled once; its newline stays."""
    if kind == "unknown_sku":
        return line.replace(b'"sku":"S', b'"sku":"X', 1)
    if kind == "negative_qty":
        return line.replace(b'"qty":', b'"qty":-', 1)
    if kind == "unknown_currency":
        at = line.index(b'"currency":"') + 12
        return line[:at] + b"ZZZ" + line[at + 3 :]
    if kind == "cut_off":
        return line[: len(line) // 2] + b"\n"
    if kind == "invalid_utf8":
        return line.replace(b'"name":"', b'"name":"\xff\xfe', 1)
    value = {"wrong_type": b'"many"', "not_a_number": b"NaN", "beyond_int64": b"9223372036854775808"}[kind]
    at = line.index(b'"qty":') + 6
    end = at
    while line[end : end + 1].isdigit():
        end += 1
    return line[:at] + value + line[end:]
