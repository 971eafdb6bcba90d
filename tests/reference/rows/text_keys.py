"""Keys of texts that may be absent, in Python's own integers."""

from __future__ import annotations

from tests.reference.rows.hash_ids import siphash_128

NO_NUMBER = -1


def plain_number(text: bytes) -> int:
    written = text.decode("utf-8", "replace")
    if 1 <= len(text) <= 9 and written.isascii() and written.isdigit() and not written.startswith("0"):
        return int(written)
    return NO_NUMBER


def text_keys(key: tuple[int, int], texts: list[bytes]) -> list[int]:
    return [siphash_128(key, text)[1] if text else 0 for text in texts]


def line_keys(key: tuple[int, int], orders: list[list[bytes]]) -> list[int]:
    return [
        0 if text in (b"", str(number).encode()) else siphash_128(key, text)[1]
        for order in orders
        for number, text in enumerate(order, 1)
    ]


def plain_numbers(texts: list[bytes]) -> list[int]:
    return [plain_number(text) for text in texts]
