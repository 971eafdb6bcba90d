"""Every known field of an order, in one place: its name in JSON, in Arrow, and its number in the columns."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels.text import scan_orders as scan
from kernels.text.read_key import KEY_SLOTS, LEVEL_MIX, NO_SLOT

ADDRESS = ("name", "line1", "line2", "city", "region", "postcode", "country")

# Objects of an order whose fields are all text, and their level in the scanner.
OBJECTS: dict[str, tuple[str, ...]] = {
    "customer": ("id", "name", "email", "phone"),
    "ship_to": ADDRESS,
    "bill_to": ADDRESS,
    "payment": ("method", "status", "reference"),
    "shipping": ("service", "promise_by"),
}
TIME_FIELDS = ("placed_at", "shipping.promise_by")
NUMBER_FIELDS = (*TIME_FIELDS, "priority", "total")
TEXT_FIELDS = (
    "order_id",
    "channel",
    "seller",
    "currency",
    *(
        f"{name}.{field}"
        for name, fields in OBJECTS.items()
        for field in fields
        if f"{name}.{field}" not in TIME_FIELDS
    ),
)
LINE_FIELDS = ("sku", "qty", "unit_price", "line_id")

TEXT = {name: number for number, name in enumerate(TEXT_FIELDS)}
PLACED_AT, PROMISE_BY, PRIORITY, TOTAL = range(4)

# Text of a person's own making; every other text is a code or an id and has the shorter limit.
LONG_TEXTS = frozenset(
    name
    for name in TEXT_FIELDS
    if name.rsplit(".", 1)[-1] in ("name", "line1", "line2", "city", "email", "phone", "reference")
)


def arrow_name(name: str) -> str:
    """``ship_to.country`` is the column ``ship_to_country``."""
    return name.replace(".", "_")


def _keys() -> list[tuple[int, str, int]]:
    """(level, key, action) of every key the scanner knows."""
    bits = iter(range(60))
    keys = []
    for name in (*TEXT_FIELDS, *NUMBER_FIELDS, "coupons", "lines", *OBJECTS):
        owner, _, key = name.rpartition(".")
        level = 1 + list(OBJECTS).index(owner) if owner else scan.ORDER_LEVEL
        kind, field = _kind(name)
        keys.append((level, key, next(bits) | kind << 8 | field << 16 | level << 24 | len(key) << 27))
    for bit, (key, kind, field) in enumerate(
        (
            ("sku", scan.LINE_TEXT, scan.SKU_START),
            ("line_id", scan.LINE_TEXT, scan.LINE_ID_START),
            ("qty", scan.LINE_NUMBER, scan.QTY),
            ("unit_price", scan.LINE_NUMBER, scan.UNIT_PRICE),
        )
    ):
        action = 60 + bit | kind << 8 | field << 16 | scan.LINE_LEVEL << 24 | len(key) << 27
        keys.append((scan.LINE_LEVEL, key, action))
    return keys


def _kind(name: str) -> tuple[int, int]:
    if name in TEXT:
        return scan.TEXT, TEXT[name]
    if name in NUMBER_FIELDS:
        return (scan.TIME if name in TIME_FIELDS else scan.NUMBER), NUMBER_FIELDS.index(name)
    if name in OBJECTS:
        return scan.OBJECT, 1 + list(OBJECTS).index(name)
    return (scan.COUPONS if name == "coupons" else scan.LINES), 0


class KeyTable:
    """The known keys as a perfect hash: every key alone in its slot, so that one comparison decides."""

    def __init__(self) -> None:
        self.words = np.zeros((KEY_SLOTS + 1, 4), np.uint64)
        self.words[:, 2:] = np.uint64(2**64 - 1)  # an empty slot fits no sound key
        self.action = np.zeros(KEY_SLOTS + 1, np.int32)
        known = [(level, *_words(key), len(key), action) for level, key, action in _keys()]
        self.mixer = next(mixer for mixer in map(_mixer, range(1, 10_000)) if _is_perfect(known, mixer))
        for level, low, high, length, action in known:
            slot = _slot(level, low, high, self.mixer)
            mask = 256 ** (length + 1) - 1
            self.words[slot] = (low, high, mask % 2**64, mask >> 64)
            self.action[slot] = action

    def followers(self) -> npt.NDArray[np.int32]:
        """Fresh memory of which key came after which."""
        return np.full(8 * (KEY_SLOTS + 1), NO_SLOT, np.int32)


def _words(key: str) -> tuple[int, int]:
    raw = key.encode() + b'"'
    assert 1 < len(raw) <= 16, "a key and its closing quote are compared as two words"
    return int.from_bytes(raw[:8], "little"), int.from_bytes(raw[8:], "little")


def _mixer(seed: int) -> npt.NDArray[np.uint64]:
    """Two odd multipliers that differ from seed to seed."""
    return np.array([(seed * 0xD6E8FEB86659FD93) % 2**64 | 1, (seed * 0xA0761D6478BD642F) % 2**64 | 1], np.uint64)


def _slot(level: int, low: int, high: int, mixer: npt.NDArray[np.uint64]) -> int:
    """The scanner's ``key_slot`` in Python's integers."""
    mixed = (low ^ level * int(LEVEL_MIX) % 2**64) * int(mixer[0]) + high * int(mixer[1])
    return mixed % 2**64 >> 56


def _is_perfect(known: list[tuple[int, int, int, int, int]], mixer: npt.NDArray[np.uint64]) -> bool:
    return len({_slot(level, low, high, mixer) for level, low, high, *_ in known}) == len(known)


KEYS = KeyTable()
