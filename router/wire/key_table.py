"""The known keys of a form of JSON lines, as the scanner takes them: a perfect hash with an action a key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kernels.text.read_key import KEY_BYTES, KEY_SLOTS, LEVEL_MIX, NO_SLOT, TAILS

_TAIL_BYTES = 8
_LONG = KEY_BYTES - 1  # as length of a longer key: the scanner then stands behind its first sixteen bytes


class Key(NamedTuple):
    """A key and what the scanner does with its value; see the actions of kernels/text/scan_form.py."""

    level: int
    name: str
    bit: int
    kind: int
    field: int


class KeyTable:
    """Every key alone in its slot, so that one comparison decides; ``texts`` and ``numbers`` count the fields,
    ``unknown`` is the action of every other key."""

    def __init__(self, keys: Sequence[Key], texts: int, numbers: int, unknown: int = 0) -> None:
        self.texts, self.numbers = texts, numbers
        words = np.zeros((KEY_SLOTS + 1, 4), np.uint64)
        words[:, 2:] = np.uint64(2**64 - 1)  # an empty slot fits no sound key
        tails = np.zeros((KEY_SLOTS + 1, 2), np.uint64)
        self.action = np.zeros(KEY_SLOTS + 1, np.int32)
        self.action[NO_SLOT] = unknown
        known = [(key.level, *_words(key.name)[:2], key) for key in keys]
        self.mixer = next(mixer for mixer in map(_mixer, range(1, 10_000)) if _is_perfect(known, mixer))
        for level, low, high, key in known:
            slot = _slot(level, low, high, self.mixer)
            length, mask, rest = len(key.name), 256 ** min(len(key.name) + 1, KEY_BYTES) - 1, _words(key.name)[2]
            words[slot] = (low, high, mask % 2**64, mask >> 64)
            tails[slot] = (rest, 256 ** max(0, length + 1 - KEY_BYTES) - 1)
            self.action[slot] = key.bit | key.kind << 8 | key.field << 16 | level << 24 | min(length, _LONG) << 27
        self.words = np.concatenate([words.reshape(-1), tails.reshape(-1)])
        assert self.words.size == TAILS + tails.size

    def followers(self) -> npt.NDArray[np.int32]:
        """Fresh memory of which key came after which."""
        return np.full(8 * (KEY_SLOTS + 1), NO_SLOT, np.int32)


def _words(key: str) -> tuple[int, int, int]:
    """A key and its closing quote: two words, and what is left of it."""
    raw = key.encode() + b'"'
    assert 1 < len(raw) <= KEY_BYTES + _TAIL_BYTES - 1, "a key and its closing quote are compared as three words"
    low, high, rest = raw[:8], raw[8:KEY_BYTES], raw[KEY_BYTES:]
    return int.from_bytes(low, "little"), int.from_bytes(high, "little"), int.from_bytes(rest, "little")


def _mixer(seed: int) -> npt.NDArray[np.uint64]:
    """Two odd multipliers that differ from seed to seed."""
    return np.array([(seed * 0xD6E8FEB86659FD93) % 2**64 | 1, (seed * 0xA0761D6478BD642F) % 2**64 | 1], np.uint64)


def _slot(level: int, low: int, high: int, mixer: npt.NDArray[np.uint64]) -> int:
    """The scanner's ``key_slot`` in Python's integers."""
    mixed = (low ^ level * int(LEVEL_MIX) % 2**64) * int(mixer[0]) + high * int(mixer[1])
    return mixed % 2**64 >> 56


def _is_perfect(known: list[tuple[int, int, int, Key]], mixer: npt.NDArray[np.uint64]) -> bool:
    return len({_slot(level, low, high, mixer) for level, low, high, _ in known}) == len(known)
