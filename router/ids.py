"""Hashes of string columns: keyed 128-bit ids, keyed 64-bit keys, and the content hash of whole rows."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kernels.rows import fingerprint as _fingerprint
from kernels.rows import text_keys as _text_keys
from kernels.rows.hash_ids import hash_ids

U8 = npt.NDArray[np.uint8]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]

Scope = Literal["global", "channel", "seller"]
_SCOPE_END = "\x1f"  # between the name of a scope and the id

_NO_TEXT = np.zeros(0, np.uint8)
_NO_OFFSETS = np.zeros(1, np.int32)


def hash_key(secret: bytes) -> U64:
    """The data folder's 16 secret bytes in the form the kernels take."""
    assert len(secret) == 16, "a hash key has 16 bytes"
    return np.frombuffer(secret, "<u8").astype(np.uint64)


def string_parts(array: pa.StringArray) -> tuple[I32, U8]:
    """Offsets (n+1) and text of a string or binary array, as views: sliced arrays too, without a copy.

    The offsets are absolute places in the whole text, so they need not start at 0.
    """
    assert pa.types.is_string(array.type) or pa.types.is_binary(array.type), f"want strings, got {array.type}"
    assert array.null_count == 0, "a column of the order model holds no nulls"
    offsets = _offsets_of(array)
    text = array.buffers()[2]
    return offsets, _NO_TEXT if text is None else np.frombuffer(text, np.uint8)


def given(array: pa.StringArray) -> npt.NDArray[np.bool_]:
    """Which strings are not empty: "" stands for none in the columns of an order."""
    offsets, _ = string_parts(array)
    return np.not_equal(offsets[1:], offsets[:-1])


def _offsets_of(array: pa.Array) -> I32:
    """A view of the offsets; only a buffer off its 4-byte boundary (foreign IPC) is copied."""
    if len(array) == 0:
        return _NO_OFFSETS
    offsets = np.frombuffer(array.buffers()[1], np.int32, len(array) + 1, array.offset * 4)
    return offsets if offsets.flags.aligned else offsets.copy()


def hash_strings(key: U64, array: pa.StringArray) -> tuple[U64, U64]:
    """(hi, lo) of every string, keyed."""
    assert key.shape == (2,), "a hash key is two words; see hash_key"
    offsets, text = string_parts(array)
    hi, lo = np.empty(len(array), np.uint64), np.empty(len(array), np.uint64)
    assert offsets[0] >= 0 and offsets[-1] <= text.size, "string offsets lie outside their text"
    hash_ids(key, offsets, text, hi, lo)
    return hi, lo


def scoped_ids(
    scope: Scope, order_id: pa.StringArray, channel: pa.StringArray, seller: pa.StringArray
) -> pa.StringArray:
    """What is hashed for the id of an order: the id within the scope that it is unique in."""
    if scope == "global":
        return order_id
    name = channel if scope == "channel" else seller
    return pc.binary_join_element_wise(pc.cast(pc.binary_length(name), pa.string()), name, order_id, _SCOPE_END)


def scoped_id(scope: Scope, order_id: str, channel: str, seller: str) -> str:
    """The same for one order. The name's length keeps names and ids apart, whatever they hold."""
    if scope == "global":
        return order_id
    name = channel if scope == "channel" else seller
    return _SCOPE_END.join((str(len(name.encode())), name, order_id))


def order_hashes(key: U64, scope: Scope, orders: pa.RecordBatch) -> tuple[U64, U64]:
    """(hi, lo) of the ids of orders, by their columns order_id, channel and seller."""
    names = ("order_id", "channel", "seller")
    return hash_strings(key, scoped_ids(scope, *(orders.column(name) for name in names)))


def hash_text(key: U64, text: str) -> tuple[int, int]:
    """(hi, lo) of one string, equal to what :func:`hash_strings` gives."""
    raw = text.encode()
    hi, lo = np.empty(1, np.uint64), np.empty(1, np.uint64)
    hash_ids(key, np.array([0, len(raw)], np.int32), np.frombuffer(raw, np.uint8) if raw else _NO_TEXT, hi, lo)
    return int(hi[0]), int(lo[0])


def key64(key: U64, array: pa.StringArray) -> U64:
    """Keyed 64-bit hash of every string: the lower half of its 128."""
    return hash_strings(key, array)[1]


def given_keys(key: U64, array: pa.StringArray) -> U64:
    """:func:`key64` of every string that is not empty, 0 for the others."""
    offsets, text = string_parts(array)
    assert key.shape == (2,) and offsets[0] >= 0 and offsets[-1] <= text.size
    out = np.zeros(len(array), np.uint64)
    if offsets[-1] > offsets[0]:
        _text_keys.text_keys(key, offsets, text, out)
    return out


def line_keys(key: U64, row_offsets: I32, line_ids: pa.StringArray) -> U64:
    """Keyed hash of the line_id of every line of every order; 0 = none, or the line's own number from 1."""
    offsets, text = string_parts(line_ids)
    assert key.shape == (2,) and offsets[0] >= 0 and offsets[-1] <= text.size
    assert row_offsets[0] == 0 and row_offsets[-1] == len(line_ids), "one line_id a line"
    out = np.zeros(len(line_ids), np.uint64)
    if offsets[-1] > offsets[0]:
        _text_keys.line_keys(key, row_offsets, offsets, text, out)
    return out


def plain_numbers(array: pa.StringArray) -> I32:
    """The number from 1 that each string writes in plain decimal, -1 where it writes none."""
    offsets, text = string_parts(array)
    assert offsets[0] >= 0 and offsets[-1] <= text.size
    out = np.empty(len(array), np.int32)
    _text_keys.plain_numbers(offsets, text, out)
    return out


def fingerprint_ragged_ints(state: U64, row_offsets: I32, values: I64) -> None:
    """Mix a column of int64 lists into every row's state."""
    assert row_offsets.size == state.size + 1, "one list a row"
    assert row_offsets[0] >= 0 and row_offsets[-1] <= values.size, "list offsets lie outside their values"
    _fingerprint.fingerprint_ragged_ints(state, row_offsets, values)


def fingerprint_ragged_strings(state: U64, row_offsets: I32, offsets: I32, text: U8) -> None:
    """Mix a column of string lists into every row's state."""
    assert row_offsets.size == state.size + 1, "one list a row"
    assert row_offsets[0] >= 0 and row_offsets[-1] <= offsets.size - 1, "list offsets lie outside their values"
    assert offsets[0] >= 0 and offsets[-1] <= text.size, "string offsets lie outside their text"
    _fingerprint.fingerprint_ragged_strings(state, row_offsets, offsets, text)
