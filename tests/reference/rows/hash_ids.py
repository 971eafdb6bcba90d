"""Plain SipHash-2-4 with 128 bits of output, as its authors describe it."""

from __future__ import annotations

MASK = (1 << 64) - 1


def _turn(word: int, bits: int) -> int:
    return (word << bits | word >> (64 - bits)) & MASK


def _rounds(v: list[int], count: int) -> None:
    for _ in range(count):
        v[0] = (v[0] + v[1]) & MASK
        v[1] = _turn(v[1], 13) ^ v[0]
        v[0] = _turn(v[0], 32)
        v[2] = (v[2] + v[3]) & MASK
        v[3] = _turn(v[3], 16) ^ v[2]
        v[0] = (v[0] + v[3]) & MASK
        v[3] = _turn(v[3], 21) ^ v[0]
        v[2] = (v[2] + v[1]) & MASK
        v[1] = _turn(v[1], 17) ^ v[2]
        v[2] = _turn(v[2], 32)


def _fold(v: list[int]) -> int:
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def siphash_128(key: tuple[int, int], text: bytes) -> tuple[int, int]:
    """(hi, lo): bytes 8-15 and 0-7 of the published 16-byte result, little endian."""
    v = [
        key[0] ^ 0x736F6D6570736575,
        key[1] ^ 0x646F72616E646F6D ^ 0xEE,
        key[0] ^ 0x6C7967656E657261,
        key[1] ^ 0x7465646279746573,
    ]
    whole = len(text) // 8 * 8
    words = [int.from_bytes(text[at : at + 8], "little") for at in range(0, whole, 8)]
    words.append((len(text) & 0xFF) << 56 | int.from_bytes(text[whole:], "little"))
    for word in words:
        v[3] ^= word
        _rounds(v, 2)
        v[0] ^= word
    v[2] ^= 0xEE
    _rounds(v, 4)
    lo = _fold(v)
    v[1] ^= 0xDD
    _rounds(v, 4)
    return _fold(v), lo


def hash_ids(key: tuple[int, int], texts: list[bytes]) -> list[tuple[int, int]]:
    """(hi, lo) of every string."""
    return [siphash_128(key, text) for text in texts]
