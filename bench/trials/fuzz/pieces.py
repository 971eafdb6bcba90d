"""How an input says in which pieces its body arrives, shared by the targets that read streams."""

from __future__ import annotations

PIECE_BYTES_MAX = 61


def pieces_of(data: bytes) -> tuple[bytes, list[bytes], bool]:
    """(body, its pieces, whether the sender pauses after each); the first byte says how large a piece is."""
    said, body = data[:1], data[1:]
    number = said[0] if said else 0
    size = 1 + number % PIECE_BYTES_MAX
    return body, [body[at : at + size] for at in range(0, len(body), size)], number >= 128
