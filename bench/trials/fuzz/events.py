"""Lines of events: every line is answered once, in its place, and what is refused says where and why."""

from __future__ import annotations

from bench.trials.fuzz.targets import Examine
from router.ids import hash_key
from router.life.events import events_batch, read_events
from router.log.columns import EVENTS

KEY = hash_key(bytes(16))
NOW_MS = 1_763_758_800_000
WORDS = (
    *(b'"event_id"', b'"order_id"', b'"type"', b'"at"', b'"source"', b'"ship"', b'"payment_captured"', b"null"),
    *(b'"2026-11-21T20:00:00Z"', b'"0001-01-01T00:00:00+23:59"', b"\n", b"{", b"}", b"\\ud800", b"-0", b"1e999"),
)


def examples(_: str) -> list[bytes]:
    good = b'{"event_id":"e1","order_id":"o1","type":"ship","at":"2026-11-21T20:00:00Z","source":"dhl"}'
    return [
        good,
        good + b"\n\n" + good.replace(b"e1", b"e2").replace(b'"ship"', b'"nothing"') + b"\r\n{}\n[1]",
        b'{"event_id":"","order_id":"o","type":"x"}\n{"event_id":1}\n{"order_id":"o","type":"pick","event_id":"\\u00e9"}',
        b'{"event_id":"a","order_id":"b","type":"c","at":"9999-12-31T23:59:59.999999-23:59"}',
    ]


def examine(_: str) -> Examine:
    return one


def one(data: bytes) -> None:
    rows, refused, places = read_events(data)
    numbers = [number for number, line in enumerate(data.split(b"\n"), 1) if line.strip()]
    assert len(rows) == len(places)
    answered = sorted([*places, *(refusal["place"] for refusal in refused)])
    assert answered == list(range(len(numbers))), "every line is answered once"
    for refusal in refused:
        assert refusal["line"] == numbers[refusal["place"]], "a refusal names its line"
        assert refusal["status"] == "refused" and len(refusal["detail"]) > 20
    if rows:
        batch = events_batch(rows, KEY, NOW_MS)
        assert batch.num_rows == len(rows) and batch.schema.equals(EVENTS)
        assert batch.column("event_id").to_pylist() == [row.event_id for row in rows]
