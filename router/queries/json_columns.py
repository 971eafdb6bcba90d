"""JSON text as columns: pieces of a line, each a column, joined row for row by Arrow."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from router.arrow.arrays import I32, I64
from router.ids import given, string_parts

_BACKSLASH = ord("\\")
_SHORT = {0x08: "\\b", 0x09: "\\t", 0x0A: "\\n", 0x0C: "\\f", 0x0D: "\\r", ord('"'): '\\"', _BACKSLASH: "\\\\"}
_ESCAPES = {byte: _SHORT.get(byte, f"\\u{byte:04x}") for byte in (_BACKSLASH, ord('"'), *range(0x20))}
_IS_ESCAPED = np.zeros(256, np.bool_)
_IS_ESCAPED[list(_ESCAPES)] = True
_CALENDAR_ENDS_MS = 253_402_300_800_000  # of RFC 3339, which has years of four digits
_TIME_AT = 10  # between date and time


def joined(*parts: pa.StringArray | str) -> pa.StringArray:
    """Pieces of each row behind each other; a plain text stands in every row."""
    return pc.binary_join_element_wise(*parts, "")


def escaped(texts: pa.StringArray) -> pa.StringArray:
    """What stands between the quotes of JSON strings; hardly any text needs a change."""
    offsets, text = string_parts(texts)
    found = text[offsets[0] : offsets[-1]]
    marked = set(found[_IS_ESCAPED[found]].tolist())
    for byte, escape in _ESCAPES.items():  # the backslash first, as the others bring some
        if byte in marked:
            texts = pc.replace_substring(texts, chr(byte), escape)
    return texts


def texts_or_null(texts: pa.StringArray) -> pa.StringArray:
    """Texts as JSON strings, empty ones as null."""
    return where(given(texts), joined('"', escaped(texts), '"'), "null")


def times_or_null(ms: I64) -> pa.StringArray:
    """Times as JSON strings, RFC 3339 in UTC with milliseconds; null for "none" and for what no calendar holds."""
    there = (ms >= 0) & (ms < _CALENDAR_ENDS_MS)
    moments = pa.array(np.where(there, ms, 0), pa.timestamp("ms")).cast(pa.string())
    return where(there, joined('"', pc.binary_replace_slice(moments, _TIME_AT, _TIME_AT + 1, "T"), 'Z"'), "null")


def numbers_text(numbers: npt.NDArray[np.integer[Any]]) -> pa.StringArray:
    return pa.array(numbers).cast(pa.string())


def distinct(numbers: npt.NDArray[np.integer[Any]]) -> tuple[list[int], I64]:
    """The different numbers, and for each row which of them it is."""
    encoded = pa.array(numbers).dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int64)


def where(mask: npt.NDArray[np.bool_], texts: pa.StringArray | str, other: pa.StringArray | str = "") -> pa.StringArray:
    """The texts where a mask holds, else others."""
    return pc.if_else(pa.array(mask), texts, other)


def lists(offsets: I32, items: pa.StringArray) -> pa.StringArray:
    """JSON arrays of items that are JSON already."""
    return joined("[", pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), items), ","), "]")
