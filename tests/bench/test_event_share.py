"""The events that benches send are sound ones, the same in both forms, and the bench walks them."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from bench.harness.event_load import DELIVER, LIFE, PAID, STAGES, Due, EventLoad, event_pieces, lives, mixed
from bench.speed import event_share
from router.life.event_types import EVENT_TYPES
from router.wire.event_arrow import EventStreamDecoder
from router.wire.event_ndjson import decode_events
from tests.labs.event_cases import terms
from tests.labs.wire_cases import stream


@pytest.mark.parametrize("parts", [False, True])
def test_the_load_is_the_same_as_json_lines_and_as_arrow(parts: bool) -> None:
    load, (numbers, stages) = EventLoad(Due.all_alike(1_000), parts=parts), mixed(1_000, 400)
    lines = decode_events("".join(load.lines(numbers, stages).to_pylist()).encode(), terms())
    (arrow,) = EventStreamDecoder(terms()).feed([stream(load.arrow(numbers, stages))])
    assert not lines.refused and lines.events.equals(arrow.events) and lines.payload.equals(arrow.payload)
    assert lines.events.column("event").to_pylist() == [EVENT_TYPES[STAGES[stage]] for stage in stages]
    named = np.diff(lines.events.column("lines").offsets.to_numpy()) > 0
    assert named.any() == parts


def test_the_load_takes_the_amounts_that_it_is_given() -> None:
    load = EventLoad(Due(np.array([5, 7]), np.array([0, 2], np.int8)))
    rows = load.arrow(np.array([1, 0, 1]), np.array([0, 0, 1])).to_pylist()
    assert [(row["amount"], row["currency"]) for row in rows] == [(7, "USD"), (5, "GBP"), (None, None)]


def test_a_life_has_every_stage_in_turn_amid_those_of_others() -> None:
    numbers, stages = lives(np.arange(100, 400))
    for number in (100, 237, 399):
        assert stages[numbers == number].tolist() == list(LIFE)
    assert (np.diff(numbers) != 0).mean() > 0.9 and (stages[:100] == PAID).any() and (stages[-100:] == DELIVER).any()


@pytest.mark.parametrize("stream_format", ["arrow", "ndjson"])
def test_pieces_are_the_events_one_after_the_other(stream_format: str) -> None:
    numbers, stages = mixed(1_000, 10_000)
    pieces = event_pieces(EventLoad(Due.all_alike(1_000)), stream_format, numbers, stages)
    assert [piece.rows for piece in pieces] == [8_192, 1_808]
    body = b"".join(piece.body for piece in pieces)
    if stream_format == "ndjson":
        ids = [json.loads(line)["order_id"] for line in body.splitlines()]
    else:
        ids = pa.ipc.open_stream(body).read_all()["order_id"].to_pylist()
    assert ids == [f"w1-{number:010d}" for number in numbers]


@pytest.mark.parametrize("stream_format", ["arrow", "ndjson"])
def test_the_bench_says_what_each_step_takes(stream_format: str) -> None:
    once, again = (event_share.run(stream_format, 3_000, False, shards) for shards in (1, 2))
    assert once["checksum"] == again["checksum"] and once["events"] == 3_000
    assert set(once["processor_us_per_event"]) == set(event_share.STEPS) and once["all_us_per_event"] > 0
    assert pa.__version__ == once["conditions"]["packages"]["pyarrow"]
