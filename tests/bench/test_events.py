"""``bench events`` in small, and what it knows of its orders and their answers."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from bench.harness.answers import EventAnswers
from bench.harness.event_load import DELIVER, LIFE
from bench.harness.stored import Stored
from bench.harness.workload import CHUNK_ORDERS, Workload
from bench.speed import event_path, events

ROWS = [
    {"event_id": "a", "status": "applied", "state": "shipped", "reason": None, "version": 2},
    {"event_id": "b", "status": "duplicate", "state": "held", "reason": None, "version": 7},
    {"event_id": "c", "status": "refused", "state": None, "reason": "id_conflict", "version": None},
]


def as_arrow(rows: list[dict[str, object]]) -> bytes:
    table = pa.Table.from_pylist(rows)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def test_answers_to_events_are_counted_with_their_reasons_and_have_one_checksum_in_both_forms() -> None:
    lines = b"".join(json.dumps({k: v for k, v in row.items() if v is not None}).encode() + b"\n" for row in ROWS)
    found = []
    for stream_format, body in (("ndjson", lines), ("arrow", as_arrow(ROWS))):
        answers = EventAnswers()
        assert answers.add(stream_format, body).to_pylist() == ["shipped", "held", None]
        found.append((answers.by_status, answers.checksum))
    assert found[0] == found[1] and found[0][0] == {"applied": 1, "duplicate": 1, "id_conflict": 1}
    other = EventAnswers()
    other.add("arrow", as_arrow([*ROWS[:2], ROWS[2] | {"event_id": "d"}]))
    assert other.checksum != found[0][1]


def test_what_is_known_of_orders_is_what_they_were_last_told() -> None:
    sent = ((4, "allocated", 90), (2, "held", 70), (4, "rejected", None), (5, "allocated", 1))
    placed = [
        {"order_id": f"w1-{number:010d}", "status": status, "total": total, "currency": "EUR", "duplicate": not total}
        for number, status, total in sent
    ]
    stored = Stored(6)
    stored.placed(as_arrow(placed))
    assert stored.by_state() == {"allocated": 2, "held": 1}
    assert stored.allocated(np.array([0, 2, 4, 5])).tolist() == [4], "one minor unit cannot be paid in halves"
    assert stored.due.amount_minor.tolist() == [0, 0, 70, 0, 90, 1]
    stored.told(np.array([4, 2, 4, 5]), pa.array(["picking", "held", "packed"]))
    assert stored.by_state() == {"allocated": 1, "held": 1, "packed": 1}


def test_unpaid_orders_are_those_that_the_workload_sends_as_authorized() -> None:
    unpaid = set(Workload().unpaid_numbers(300, CHUNK_ORDERS).tolist())
    rows = [json.loads(line) for chunk in Workload().ndjson(300, CHUNK_ORDERS) for line in chunk.splitlines()]
    said = {row["order_id"] for row in rows if row["payment"]["status"] == "authorized"}
    assert {Workload().order_id(number) for number in unpaid} == said and 50 < len(said) < 250


@pytest.mark.parametrize("parts", [False, True])
def test_every_step_of_an_event_has_a_cost_and_both_forms_the_same_answers(parts: bool) -> None:
    arrow, ndjson = (event_path.run(name, CHUNK_ORDERS, 3_000, parts) for name in ("arrow", "ndjson"))
    assert arrow["checksum"] == ndjson["checksum"] and arrow["events"] == ndjson["events"] == 3_000
    for run in (arrow, ndjson):
        assert set(run["processor_us_per_event"]) == {*event_path.STEPS, "log_threads"}
        assert all(us > 0 for us in run["processor_us_per_event"].values())


@pytest.mark.soak
@pytest.mark.ray
def test_the_bench_finds_every_order_in_the_state_that_was_told() -> None:
    """It ends by itself where an event is refused, or where the folder says otherwise."""
    found = events.run(CHUNK_ORDERS, 2_400, 1)
    assert found["verify_ok"] and found["orders_by_state"]["delivered"] > 1_000
    for name in ("whole_arrow", "whole_ndjson", "parts_arrow", "parts_ndjson"):
        assert found[name]["events"] == len(LIFE) * (2_400 // len(LIFE)) and found[name]["p99_ms"] > 0
    assert found["whole_lives"]["lives_per_s"] > 0 and found["single_events_alone"]["events"] > DELIVER
    for name in ("whole_arrow_beside", "parts_arrow_beside", "single_events_beside"):
        assert found[name]["orders_per_s"] > 0 and found[name]["events"] > 0
