"""Row rules that recognise the known keys of a line: two words compared, no byte looked at twice.

    slot = top byte of (first word ^ level * LEVEL_MIX) * mixer[0] + second word * mixer[1]

The key tables are a perfect hash: router/wire/key_table.py chooses ``mixer`` so that every known key has a slot of
its own. A key longer than two words is found by its first two, and the rest is compared where the colon is missed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels._jit import inlined_rule, rule
from kernels.rows.read_words import word_at
from kernels.text.json_text import COLON, HIGHS, ONES, QUOTES, past_space, skip_string

Array = npt.NDArray[Any]
Int = Any  # int64, see kernels/text/json_text.py
U = np.uint64

KEY_SLOTS = 256
KEY_BYTES = 16  # of a key and its closing quote that two words compare
TAILS = 4 * (KEY_SLOTS + 1)  # place in ``keys`` where the rests of longer keys begin
NO_SLOT = KEY_SLOTS  # of keys nobody reads; its words fit no sound text, its action is 0
LEVEL_MIX = U(0x9E3779B97F4A7C15)


@inlined_rule
def key_slot(low: np.uint64, high: np.uint64, level: Int, mixer: Array) -> Int:
    return np.int64(((low ^ U(level) * LEVEL_MIX) * mixer[0] + high * mixer[1]) >> U(56))


@inlined_rule
def key_words(text: Array, position: Int) -> tuple[np.uint64, np.uint64]:
    """A key and its closing quote as two words; the first sixteen bytes of a longer one."""
    low = word_at(text, U(position))
    quote = low ^ QUOTES
    marks = (quote - ONES) & ~quote & HIGHS
    if marks != U(0):
        lowest = (marks & (~marks + U(1))) >> U(7)
        return low & ((lowest << U(8)) - U(1)), U(0)
    high = word_at(text, U(position + 8))
    quote = high ^ QUOTES
    marks = (quote - ONES) & ~quote & HIGHS
    if marks == U(0):
        return low, high
    lowest = (marks & (~marks + U(1))) >> U(7)
    return low, high & ((lowest << U(8)) - U(1))


@inlined_rule
def find_key(text: Array, position: Int, level: Int, keys: Array, key_action: Array, mixer: Array) -> Int:
    """Slot of the known key behind the quote at the position, NO_SLOT for any other."""
    low, high = key_words(text, position + 1)
    slot = key_slot(low, high, level, mixer)
    known = keys[4 * slot] == low and keys[4 * slot + 1] == high and (key_action[slot] >> 24 & 7) == level
    return slot if known and low != U(0) else NO_SLOT


@rule
def past_tail(text: Array, position: Int, slot: Int, keys: Array) -> Int:
    """Behind the rest of a long key and its quote, with the position behind its first sixteen bytes; -1 where the key
    is not long or goes on differently."""
    mask = keys[TAILS + 2 * slot + 1]
    if mask == U(0) or (word_at(text, U(position)) ^ keys[TAILS + 2 * slot]) & mask != U(0):
        return -1
    while mask != U(0):
        position, mask = position + 1, mask >> U(8)
    return position


@inlined_rule
def read_key(
    text: Array,
    position: Int,
    level: Int,
    last: Int,
    keys: Array,
    key_action: Array,
    mixer: Array,
    follower: Array,
) -> tuple[Int, Int]:
    """(place of the value, slot) of the key whose quote is at the position; place -1 when it is not sound.

    Senders write their keys in one order, so the key that followed ``last`` before is tried first: then the
    processor need not wait for the end of one key before it looks at the next.
    """
    slot = np.int64(follower[last * 8 + level])
    low, high = word_at(text, U(position + 1)), word_at(text, U(position + 9))
    if ((low ^ keys[4 * slot]) & keys[4 * slot + 2]) | ((high ^ keys[4 * slot + 1]) & keys[4 * slot + 3]) != U(0):
        slot = find_key(text, position, level, keys, key_action, mixer)
        follower[last * 8 + level] = slot
    if slot == NO_SLOT:
        position = skip_string(text, position)
        if position < 0:
            return -1, slot
    else:
        position += (key_action[slot] >> 27) + 2
    behind = past_space(text, position)
    if text[U(behind)] != COLON:
        behind = past_tail(text, position, slot, keys)
        if behind < 0:
            return -1, slot
        behind = past_space(text, behind)
        if text[U(behind)] != COLON:
            return -1, slot
    return past_space(text, behind + 1), slot
