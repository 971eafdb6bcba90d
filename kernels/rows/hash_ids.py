"""Keyed 128-bit hash of identifiers: SipHash-2-4 with 128 bits of output.

    v = key ^ constants
    each 8-byte word m, the last one holding length and tail:  v3 ^= m, two rounds, v0 ^= m
    v2 ^= 0xee, four rounds, low  = v0 ^ v1 ^ v2 ^ v3
    v1 ^= 0xdd, four rounds, high = v0 ^ v1 ^ v2 ^ v3

The key is a secret of the data folder, so nobody outside can choose ids that fall into one slot.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels._jit import IN_I32, IN_U8, IN_U64, OUT_U64, VOID, inlined_rule, kernel, rule
from kernels.rows.read_words import EIGHT, tail_of, word_at

_V0 = np.uint64(0x736F6D6570736575)
_V1 = np.uint64(0x646F72616E646F6D)
_V2 = np.uint64(0x6C7967656E657261)
_V3 = np.uint64(0x7465646279746573)
_WIDE = np.uint64(0xEE)
_SECOND = np.uint64(0xDD)

_State = tuple[np.uint64, np.uint64, np.uint64, np.uint64]


@rule
def _turn(word: np.uint64, bits: np.uint64) -> np.uint64:
    return (word << bits) | (word >> (np.uint64(64) - bits))


@rule
def _round(v0: np.uint64, v1: np.uint64, v2: np.uint64, v3: np.uint64) -> _State:
    v0 += v1
    v1 = _turn(v1, np.uint64(13)) ^ v0
    v0 = _turn(v0, np.uint64(32))
    v2 += v3
    v3 = _turn(v3, np.uint64(16)) ^ v2
    v0 += v3
    v3 = _turn(v3, np.uint64(21)) ^ v0
    v2 += v1
    v1 = _turn(v1, np.uint64(17)) ^ v2
    v2 = _turn(v2, np.uint64(32))
    return v0, v1, v2, v3


@rule
def _absorb(v0: np.uint64, v1: np.uint64, v2: np.uint64, v3: np.uint64, word: np.uint64) -> _State:
    v3 ^= word
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    return v0 ^ word, v1, v2, v3


@rule
def _four_rounds(v0: np.uint64, v1: np.uint64, v2: np.uint64, v3: np.uint64) -> _State:
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    return _round(v0, v1, v2, v3)


@inlined_rule
def absorb_id(key: npt.NDArray[np.uint64], text: npt.NDArray[np.uint8], first: np.uint64, last: np.uint64) -> _State:
    """The state after a whole string, before its last rounds."""
    v0 = _V0 ^ key[0]
    v1 = _V1 ^ key[1] ^ _WIDE
    v2 = _V2 ^ key[0]
    v3 = _V3 ^ key[1]
    at = first
    for _ in range((last - first) // EIGHT):
        v0, v1, v2, v3 = _absorb(v0, v1, v2, v3, word_at(text, at))
        at += EIGHT
    final = (last - first) << np.uint64(56) | tail_of(text, first, last)
    return _absorb(v0, v1, v2, v3, final)


@inlined_rule
def lower_half(
    key: npt.NDArray[np.uint64], text: npt.NDArray[np.uint8], first: np.uint64, last: np.uint64
) -> np.uint64:
    """Bytes 0-7 of a string's hash."""
    v0, v1, v2, v3 = absorb_id(key, text, first, last)
    v0, v1, v2, v3 = _four_rounds(v0, v1, v2 ^ _WIDE, v3)
    return v0 ^ v1 ^ v2 ^ v3


@kernel(VOID, IN_U64, IN_I32, IN_U8, OUT_U64, OUT_U64)
def hash_ids(
    key: npt.NDArray[np.uint64],
    offsets: npt.NDArray[np.int32],
    text: npt.NDArray[np.uint8],
    hi: npt.NDArray[np.uint64],
    lo: npt.NDArray[np.uint64],
) -> None:
    """(hi, lo) = SipHash-2-4-128 of every string.

    key (2) uint64 secret, first and second half, little endian IN
    offsets (n+1) int32 byte where each string starts in text, ascending IN
    text (any) uint8 UTF-8 of all strings IN
    hi (n) uint64 bytes 8-15 of the hash, little endian OUT
    lo (n) uint64 bytes 0-7 OUT

    Invariant: equal strings have equal hashes whatever their neighbours and their place in text.
    Cost: two rounds per 8 bytes plus ten per string; about 25 ns for 16 bytes.
    """
    for row in range(hi.size):
        v0, v1, v2, v3 = absorb_id(key, text, np.uint64(offsets[row]), np.uint64(offsets[row + 1]))
        v0, v1, v2, v3 = _four_rounds(v0, v1, v2 ^ _WIDE, v3)
        lo[row] = v0 ^ v1 ^ v2 ^ v3
        v0, v1, v2, v3 = _four_rounds(v0, v1 ^ _SECOND, v2, v3)
        hi[row] = v0 ^ v1 ^ v2 ^ v3
