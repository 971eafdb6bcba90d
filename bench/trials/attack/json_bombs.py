"""JSON at its bounds: lines just below the longest, packed bodies, nesting a million deep, names by the thousands."""

from __future__ import annotations

import gzip
import http.client
from collections.abc import Sequence

from bench.trials.attack.attack import Attack, Body, Target, Told, at_once, events, orders, single_order
from bench.trials.attack.ground import order_line, sku, up_to
from router.config import Limits

MIB = 1 << 20
_ONE = [{"sku": sku(0), "qty": 1}]
DEPTH = 1_000_000


def long_lines(bytes_max: int, line_bytes: int) -> bytes:
    """Orders whose lines have exactly so many bytes, their ends not counted."""

    def line(number: int) -> bytes:
        bare = len(order_line(f"long-{line_bytes}-{number}", _ONE, attributes={"note": ""})) - 1
        return order_line(f"long-{line_bytes}-{number}", _ONE, attributes={"note": "x" * (line_bytes - bare)})

    return up_to(bytes_max, line)


def deep(order_id: str, depth: int = DEPTH, opening: str = "[") -> bytes:
    """An order with something nested in its attributes, well-formed."""
    closing = {"[": "]", '{"a":': "}"}[opening]
    inside = opening * depth + "1" + closing * depth
    return order_line(order_id, _ONE, attributes={"a": "HERE"}).replace(b'"HERE"', inside.encode())


def deep_event(depth: int = DEPTH) -> bytes:
    return b'{"event_id":"e","order_id":"o","type":"note","text":%b}\n' % (b"[" * depth + b"]" * depth)


def many_fields(count: int) -> bytes:
    """An event with fields that no event has."""
    names = b",".join(b'"field_%d_%b":1' % (at, b"x" * 60) for at in range(count))
    return b'{"event_id":"e","order_id":"o","type":"note","text":"a",%b}\n' % names


def short_lines(bytes_max: int) -> bytes:
    """As many rows as a body can have, each answered with what is wrong with it."""
    return b"{}\n" * (bytes_max // 3)


def gzipped(target: Target, bodies: Sequence[Body]) -> Told:
    """Content-Encoding, which is not taken; the client lets go of the connection when it is told so."""
    told = Told()
    for given in bodies:
        connection = http.client.HTTPConnection(*target.server.address, timeout=60)
        headers = {"Authorization": f"Bearer {target.keys[given.role]}", "Content-Type": given.media_type}
        connection.request(given.method, given.path, given.body, {**headers, "Content-Encoding": "gzip"})
        answer = connection.getresponse()
        told.sent(len(given.body), f"{answer.status}")
        connection.close()
    return told


_LONGEST = Limits().line_bytes_max

ATTACKS = (
    Attack("documents", "64 MiB of JSON lines of 4 MiB", lambda: [orders(long_lines(64 * MIB, _LONGEST))]),
    Attack(
        "documents",
        "single orders of 4 MiB, 16 at once",
        lambda: [single_order(long_lines(_LONGEST + 1, _LONGEST - at)) for at in range(16)],
        at_once,
    ),
    Attack("documents", "gzip of 256 MB of zeros", lambda: [orders(gzip.compress(bytes(256 * MIB), 1))], gzipped),
    Attack(
        "nesting",
        "a million deep: stream, single, event",
        lambda: [
            orders(deep("d-1") + deep("d-2", DEPTH // 2, '{"a":')),
            single_order(deep("d-3")),
            events(deep_event()),
        ],
    ),
    Attack("nesting", "30,000 fields of an event", lambda: [events(many_fields(30_000))]),
    Attack("nesting", "700,000 lines of {}", lambda: [orders(short_lines(2_100_000))]),
)
