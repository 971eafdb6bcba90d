"""Events over the shards and back: turns, parts, and what is said of each, the same as JSON lines and as Arrow."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.arrow.arrays import from_message, to_message
from router.life.event_types import OrderEvent
from router.life.refusals import Refusal
from router.life.states import OrderState, PaymentState, Stage, pack_state
from router.log.columns import EVENT_ACK, EVENT_PAYLOAD, EVENTS, MONEY_SHOWN, EventResult
from router.shard.split_events import EventPart, merge_event_answers, split_events, turns_of
from router.wire.event_answer_arrow import EVENT_ANSWER, begin_event_arrow, encode_event_arrow, end_event_arrow
from router.wire.event_answer_json import encode_event_json
from router.wire.event_answers import refused_events
from router.wire.event_ndjson import decode_events
from router.wire.event_wire import EventWire
from tests.labs.event_cases import any_ack, plain_event, terms
from tests.labs.wire_cases import NASTY, TEXTS

SHORT = Refusal("units_short", "line {line_id} has {found} units, {wanted} were named")
SHIPPED = pack_state(OrderState.SHIPPED, PaymentState.PAID)


def wire_of(*events: dict[str, Any] | bytes) -> EventWire:
    lines = [event if isinstance(event, bytes) else json.dumps(event).encode() for event in events]
    return decode_events(b"\n".join(lines), terms())


def ack_of(*rows: dict[str, Any]) -> pa.RecordBatch:
    none = {"result": 0, "refusal": 0, "refused_line": -1, "wanted": 0, "found": 0, "state": SHIPPED, "version": 3}
    return pa.RecordBatch.from_pylist([{**none, "units": [], "money": [], **row} for row in rows], schema=EVENT_ACK)


def as_json(wire: EventWire, ack: pa.RecordBatch) -> list[dict[str, Any]]:
    return [json.loads(line) for line in bytes(encode_event_json(wire, ack, refused_events(wire, ack))).splitlines()]


def as_arrow(wire: EventWire, ack: pa.RecordBatch) -> list[dict[str, Any]]:
    body = begin_event_arrow() + bytes(encode_event_arrow(wire, ack, refused_events(wire, ack))) + end_event_arrow(None)
    return [without_nulls(row) for row in pa.ipc.open_stream(body).read_all().to_pylist()]


def without_nulls(row: dict[str, Any]) -> dict[str, Any]:
    counts = {name: dict(row[name]) for name in ("units", "money") if row[name] is not None}
    return {name: value for name, value in (row | counts).items() if value is not None}


# --- turns and parts ----------------------------------------------------------------------------------------


ASKING = {OrderEvent.SHORT_PICK, OrderEvent.REFUSE, OrderEvent.MOVE}
WAYS = (ASKING, {OrderEvent.REVERSE}, {OrderEvent.PICK, OrderEvent.SHIP})  # to be decided; a part does one of them
KINDS = st.sampled_from(sorted(set().union(*WAYS)))
NEEDS = {OrderEvent.MOVE: {"to_node": "BER"}, OrderEvent.REVERSE: {"reversed_event_id": "e-0"}}


@settings(deadline=None)  # a machine that others use, too
@given(st.lists(st.tuples(st.integers(0, 4), KINDS)), st.integers(1, 3))
def test_no_event_stands_behind_one_of_its_order_that_waits(rows: list[tuple[int, OrderEvent]], shards: int) -> None:
    events = [
        {"event_id": f"e-{at}", "order_id": f"o-{order}", "type": kind.name.lower(), **NEEDS.get(kind, {})}
        for at, (order, kind) in enumerate(rows)
    ]
    seen: dict[str, list[str]] = {}
    for parts in split_events(wire_of(*events), shards):
        for part in parts:
            taken, waiting = from_message(part.events, EVENTS).to_pylist(), set()
            assert any({event["event"] for event in taken} <= way for way in WAYS), "a part is decided in one way"
            for event in taken:
                assert event["order_id"] not in waiting
                if event["event"] in ASKING | {OrderEvent.REVERSE}:
                    waiting.add(event["order_id"])
                seen.setdefault(event["order_id"], []).append(event["event_id"])
    for order, ids in seen.items():
        assert ids == [event["event_id"] for event in events if event["order_id"] == order], "an order keeps its order"
    assert sum(map(len, seen.values())) == len(events)


def test_turns_are_as_few_as_may_be() -> None:
    many = [plain_event(number % 50, type="move", to_node="BER") for number in range(100)]
    turns = turns_of(wire_of(*many).events)
    assert turns is not None and len(set(turns[:50])) == len(set(turns[50:])) == 1 and turns[0] < turns[50]
    assert turns_of(wire_of(*many[:50]).events) is None and turns_of(wire_of(plain_event()).events) is None
    behind = turns_of(wire_of(plain_event(), many[0], plain_event(), plain_event(1), many[0], plain_event()).events)
    assert behind is not None and np.unique(behind, return_inverse=True)[1].tolist() == [0, 1, 2, 0, 3, 4]


@pytest.mark.parametrize("shards", [1, 2, 5])
def test_parts_hold_every_row_once_with_its_payload_and_document(shards: int) -> None:
    events = [plain_event(number, type="hold", hold=f"h-{number}", note=f"n-{number}") for number in range(60)]
    wire = wire_of(*events, plain_event(7, type="refuse"), plain_event(7))
    found = split_events(wire, shards)
    rows = []
    for parts in found:
        for part in parts:
            payload, documents = (
                from_message(part.payload, EVENT_PAYLOAD),
                pa.ipc.open_stream(part.documents).read_all(),
            )
            holds, notes = payload.column("hold").to_pylist(), documents.column("note").to_pylist()
            ids = from_message(part.events, EVENTS).column("event_id").to_pylist()
            assert all(
                hold[2:] == note[2:] == name[2:] for hold, note, name in zip(holds, notes, ids, strict=True) if hold
            )
            assert payload.num_rows == documents.num_rows
            rows += range(wire.events.num_rows) if part.rows is None else part.rows.tolist()
    assert sorted(rows) == list(range(wire.events.num_rows))
    assert sum(len(parts) for parts in found) == len(found) + 2, "one shard has a second and a third turn"
    assert all(part.documents is None for parts in split_events(wire_of(plain_event()), shards) for part in parts)


@pytest.mark.parametrize("shards", [1, 3])
def test_answers_come_back_in_the_order_of_the_rows(shards: int) -> None:
    wire = wire_of(
        *[plain_event(number) for number in range(40)], plain_event(3, type="move", to_node="BER"), plain_event(3)
    )

    def answer(part: EventPart) -> Any:
        rows = range(wire.events.num_rows) if part.rows is None else part.rows.tolist()
        return to_message(ack_of(*[{"version": row, "units": [row] * 3} for row in rows]))

    parts = [part for of_shard in split_events(wire, shards) for part in of_shard]
    merged = merge_event_answers(wire, parts, [answer(part) for part in parts])
    assert merged.column("version").to_pylist() == list(range(42))
    assert merged.column("units").to_pylist()[41] == [41] * 3
    nothing = wire_of(b"{")
    assert split_events(nothing, shards) == [] and merge_event_answers(nothing, [], []).num_rows == 0


# --- answers ------------------------------------------------------------------------------------------------


def test_what_was_applied_or_known_is_told_with_the_states_of_the_order() -> None:
    wire, ack = wire_of(plain_event(), plain_event(1)), ack_of({"version": 4}, {"result": EventResult.REPEATED})
    states = {"state": "shipped", "payment_state": "paid"}
    assert as_json(wire, ack) == [
        {"event_id": "e-0", "order_id": "ORD-000000", "status": "applied", **states, "version": 4},
        {"event_id": "e-1", "order_id": "ORD-000001", "status": "duplicate", **states, "version": 3},
    ]


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.wire.event_answers.REFUSALS", {2: SHORT})


@pytest.mark.usefixtures("_short")
def test_a_refusal_shows_the_books_of_its_order() -> None:
    wire = wire_of(plain_event(lines=[{"line_id": "L-7", "qty": 5}]))
    books = {"units": [0, 0, 2, 0, 0, 3, 0, 0, 0, 0], "money": [0, 900, 0, 100, 0, 900, 0, 0]}
    said = {"result": EventResult.REFUSED, "refusal": 2, "refused_line": 0, "wanted": 5, "found": 2}
    (answer,) = as_json(wire, ack_of(said | books))
    assert (answer["status"], answer["reason"], answer["state"]) == ("refused", "units_short", "shipped")
    assert answer["detail"] == "line L-7 has 2 units, 5 were named"
    assert answer["units"] == {stage.name.lower(): books["units"][stage] for stage in Stage}
    assert answer["money"] == dict(zip(MONEY_SHOWN, books["money"], strict=True))
    assert "version" not in answer and "line" not in answer


@pytest.mark.parametrize(
    ("lines", "line", "told"),
    [(["a"], 0, "a"), (["a", "4"], 1, "4"), ([], 3, "4"), (["a"], -1, "")],
)
@pytest.mark.usefixtures("_short")
def test_the_line_of_a_refusal_is_called_as_the_sender_calls_it(lines: list[str], line: int, told: str) -> None:
    wire = wire_of(plain_event(lines=[{"line_id": name} for name in lines])) if lines else wire_of(plain_event())
    (answer,) = as_json(wire, ack_of({"result": EventResult.REFUSED, "refusal": 2, "refused_line": line}))
    assert answer["detail"].startswith(f"line {told} has")


def test_an_unknown_order_and_an_id_used_twice_are_told_apart() -> None:
    results = (EventResult.UNKNOWN_ORDER, EventResult.CONFLICT)
    wire, ack = wire_of(plain_event(), plain_event()), ack_of(*({"result": result} for result in results))
    unknown, conflict = as_json(wire, ack)
    assert unknown == {
        "event_id": "e-0", "order_id": "ORD-000000", "status": "refused", "reason": "order_unknown",
        "detail": "no order has this order_id; send it first",
    }  # fmt: skip
    assert (conflict["reason"], conflict["state"]) == ("id_conflict", "shipped") and "units" not in conflict


def test_refusals_stand_in_their_places_between_the_answers() -> None:
    wire = wire_of(b"{", plain_event(), b"[]", plain_event(1), plain_event(2), b"")
    ack = ack_of({}, {"result": EventResult.UNKNOWN_ORDER}, {})
    for answers in (as_json(wire, ack), as_arrow(wire, ack)):
        assert [answer["status"] for answer in answers] == ["refused", "applied", "refused", "refused", "applied"]
        assert [answer.get("line") for answer in answers] == [1, None, 3, None, None]
    assert as_json(wire_of(b"{"), ack_of())[0]["event_id"] is None


@settings(deadline=None)  # a machine that others use, too
@given(st.randoms(use_true_random=False))
def test_json_lines_and_arrow_say_the_same(rng: random.Random) -> None:
    ids = TEXTS[1:] + NASTY
    events: list[dict[str, Any] | bytes] = [
        {"event_id": rng.choice(ids), "order_id": rng.choice(ids), "type": "pick"} for _ in range(rng.randrange(9))
    ]
    events += [b"{", plain_event(type="dance")]
    rng.shuffle(events)
    wire = wire_of(*events)
    ack = any_ack(rng, wire.events.num_rows)
    lines = [{name: value for name, value in row.items() if value is not None} for row in as_json(wire, ack)]
    assert lines == as_arrow(wire, ack) and len(lines) == wire.count
    good = [event for event in events if isinstance(event, dict) and event["type"] == "pick"]
    told = [line for line in lines if "line" not in line]
    assert [(line["event_id"], line["order_id"]) for line in told] == [(e["event_id"], e["order_id"]) for e in good]


def test_a_problem_is_the_last_row() -> None:
    body = begin_event_arrow() + end_event_arrow(("shard_unavailable", "send them again"))
    (row,) = pa.ipc.open_stream(body).read_all().to_pylist()
    assert without_nulls(row) == {"status": "error", "reason": "shard_unavailable", "detail": "send them again"}
    assert pa.ipc.open_stream(begin_event_arrow() + end_event_arrow(None)).read_all().schema == EVENT_ANSWER


def test_an_answer_of_nothing_is_nothing() -> None:
    wire = decode_events(b"", terms())
    assert bytes(encode_event_json(wire, ack_of(), [])) == b"" and np.all(wire.positions == [])
