"""Cursors of the status stream as clients send them back: exactly what was given out, or refused."""

from __future__ import annotations

from bench.trials.fuzz.targets import Examine
from router.log.cursor import CursorError, cursor_text, parse_cursor

SHARDS_MAX = 4
WORDS = (b"0:", b"1:", b"2:0.0", b",", b".", b"65536", b"999999999999999999", b"00", b"-1", "٣".encode())


def examples(_: str) -> list[bytes]:
    return [b"\x000:0.0", b"\x010:123.0,1:98.17", b"\x020:1.2,1:3.4,2:5.65536", b"\x000:01.0"]


def examine(_: str) -> Examine:
    return one


def one(data: bytes) -> None:
    shards = 1 + (data[0] if data else 0) % SHARDS_MAX
    text = data[1:].decode("utf-8", "surrogateescape")
    try:
        places = parse_cursor(text, shards)
    except CursorError as refusal:
        assert len(str(refusal)) > 20
        return
    assert len(places) == shards and cursor_text(places) == text, "a cursor that is taken is one that was given out"
