"""Events off the wire: JSON lines and Arrow give the same columns; what is no event is refused in its place."""

from __future__ import annotations

import dataclasses
import json
import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.arrow.string_table import StringTable
from router.config import Limits
from router.ids import hash_strings, key64, scoped_ids
from router.life.event_types import EVENT_TYPES, NEEDS, TAKES
from router.life.states import DISPOSITIONS
from router.log.columns import EVENT_PAYLOAD, EVENTS
from router.log.event_fields import FIELDS, Form
from router.wire.batch import WireError
from router.wire.event_arrow import EventStreamDecoder
from router.wire.event_json import plain_event as careful
from router.wire.event_ndjson import decode_event_block, decode_events, on_one_line
from router.wire.event_wire import EventTerms, EventWire, Names
from router.wire.lines import LineSplitter
from tests.labs.event_cases import KEY, NOW_MS, events_to_arrow, plain_event, sound_event, terms
from tests.labs.wire_cases import spelled, stream

TERMS = terms()

OUT_OF_RANGE = "amount must be a whole number of minor units from 0 to 900000000000000; correct it"
UNNAMED = "lines.line_id is missing or empty; name each line as the order does, without one by its number from 1"
NO_UNITS = "lines.qty must be a whole number from 1 to 2147483647; leave it out where all units of the line are meant"
TWICE = "lines names line '1' twice; send one entry with the sum of its units"
TOO_MANY = "lines has more than 10000 entries; send several events"
NO_CURRENCY = "currency 'XXX' is no currency of the tables; write the order's, as an ISO 4217 code"
NO_DISPOSITION = (
    "disposition 'eat' is unknown; use one of restock, refurbish, scrap, missing, or leave it out until inspected"
)
NO_TIME = "at is not a time such as 2026-01-31T12:00:00Z; write it as RFC 3339 with an offset"


def decoded(*rows: dict[str, Any] | bytes, by: EventTerms = TERMS) -> EventWire:
    return decode_events(b"\n".join(row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows), by)


def from_arrow(*batches: pa.RecordBatch, by: EventTerms = TERMS) -> list[EventWire]:
    decoder = EventStreamDecoder(by)
    return [*decoder.feed([stream(*batches)]), *decoder.finish()]


def row_of(event: dict[str, Any]) -> dict[str, Any]:
    """EVENTS and EVENT_PAYLOAD of one sound event."""
    wire = decoded(event)
    assert not wire.refused, wire.refused
    return wire.events.to_pylist()[0] | {f"shown_{name}": value for name, value in wire.payload.to_pylist()[0].items()}


def refusal_of(event: dict[str, Any] | bytes, by: EventTerms = TERMS) -> str:
    """The sentence that refuses it; its neighbours go on, and Arrow says the same of it where it can be sent so."""
    good = plain_event(7)
    wire = decoded(good, event, good, by=by)
    (refused,) = wire.refused
    assert wire.positions.tolist() == [0, 2] and wire.count == 3
    assert (refused.position, refused.line_number) == (1, 2)
    assert refused.detail.startswith("line 2: ")
    return refused.detail.removeprefix("line 2: ")


# --- columns ----------------------------------------------------------------------------------------------


def test_an_event_becomes_a_row_of_what_decides_and_one_of_what_is_shown() -> None:
    event = plain_event(
        type="ship", at="2026-03-01T12:00:00.1239+01:00", source="wms", node="LEJ", shipment_id="P-1", carrier="dhl",
        service="express", tracking_number="JJD1", reason="ok", lines=[{"line_id": "2", "qty": 3}, {"line_id": "L-1"}],
    )  # fmt: skip
    row = row_of(event)
    hi, lo = hash_strings(KEY, pa.array(["ORD-000000"]))
    event_key, shipment, tracking, first, second = key64(KEY, pa.array(["e-0", "P-1", "JJD1", "2", "L-1"])).tolist()
    assert (row["hash_hi"], row["hash_lo"], row["event"]) == (int(hi[0]), int(lo[0]), EVENT_TYPES["ship"])
    assert (row["occurred_at_ms"], row["source"], row["event_key"]) == (1_772_362_800_123, "wms", event_key)
    assert (row["node"], row["to_node"], row["shipment"], row["tracking"]) == (1, -1, shipment, tracking)
    assert row["lines"] == [
        {"line_key": first, "line": 2, "qty": 3},
        {"line_key": second, "line": -1, "qty": -1},
    ]
    assert row["shown_line_ids"] == ["2", "L-1"] and row["shown_carrier"] == "dhl" and row["shown_type"] == ""
    assert [row[name] for name in ("payment", "amount_minor", "currency", "hold", "disposition", "reversed")] == [
        0, -1, -1, 0, -1, 0,
    ]  # fmt: skip


def test_the_least_an_event_says_gives_every_column_its_none() -> None:
    wire = decoded(plain_event())
    assert wire.events.schema.equals(EVENTS) and wire.payload.schema.equals(EVENT_PAYLOAD) and wire.documents is None
    row = wire.events.to_pylist()[0]
    assert row["occurred_at_ms"] == NOW_MS and row["fingerprint"] != 0 and row["lines"] == []
    shown = wire.payload.to_pylist()[0]
    assert shown.pop("line_ids") == [] and set(shown.values()) == {"", -1}


_OF_FORM: dict[Form, Any] = {
    Form.ID: "x", Form.TEXT: "x", Form.AMOUNT: 5, Form.COUNT: 1, Form.TIME: "2026-03-01T12:00:00Z", Form.FLAG: False,
    Form.LINES: [{"line_id": "1"}],
}  # fmt: skip
ONE_OF_EACH: dict[str, Any] = {name: _OF_FORM[field.form] for name, field in FIELDS.items()} | {
    "currency": "EUR", "node": "BER", "to_node": "LEJ", "disposition": "scrap",
}  # fmt: skip


@pytest.mark.parametrize("kind", list(EVENT_TYPES))
def test_every_type_takes_each_of_its_fields_and_no_other(kind: str) -> None:
    base = {"event_id": "e", "order_id": "o", "type": kind}
    needed = {name: ONE_OF_EACH[name] for name in NEEDS.get(EVENT_TYPES[kind], ())}
    for name, value in ONE_OF_EACH.items():
        event = base | needed | {name: value}
        if name in TAKES[EVENT_TYPES[kind]]:
            assert not decoded(event).refused, name
        else:
            assert refusal_of(event).startswith(f"{name} is no field of {kind}"), name


def test_what_people_wrote_lies_in_the_documents_alone() -> None:
    wire = decoded(
        plain_event(type="note", text="call me", public=True), plain_event(1, type="hold", hold="h", note="why")
    )
    assert wire.documents is not None
    assert wire.documents.to_pylist() == [{"note": "", "text": "call me"}, {"note": "why", "text": ""}]
    assert "text" not in wire.payload.schema.names and wire.payload.column("public").to_pylist() == [1, -1]


def test_dispositions_have_their_numbers() -> None:
    for name, number in DISPOSITIONS.items():
        assert row_of(plain_event(type="return", disposition=name))["disposition"] == number
    assert row_of(plain_event(type="return"))["disposition"] == -1


def test_an_eta_that_falls_on_the_sign_for_none_is_a_millisecond_earlier() -> None:
    row = row_of(plain_event(type="scan", eta="1969-12-31T23:59:59.999Z"))
    assert row["shown_eta_ms"] == -2


# --- JSON lines and Arrow ----------------------------------------------------------------------------------


@settings(deadline=None)  # a machine that others use, too
@given(st.randoms(use_true_random=False), st.booleans(), st.booleans())
def test_json_lines_and_arrow_give_the_same_columns(rng: random.Random, large: bool, dictionary: bool) -> None:
    events = [sound_event(rng, number, nasty=True) for number in range(rng.randrange(1, 8))]
    if rng.random() < 0.5:
        events.insert(rng.randrange(len(events)), sound_event(rng, 99) | {"amount": 5, "text": "x", "node": "nowhere"})
    wire = decode_events(b"\n".join(spelled(event, rng, unknown=False).encode() for event in events), TERMS)
    (other,) = from_arrow(events_to_arrow(events, large, dictionary))
    assert wire.events.equals(other.events) and wire.payload.equals(other.payload)
    assert (wire.documents is None) == (other.documents is None)
    assert wire.documents is None or wire.documents.equals(other.documents)
    assert wire.positions.tolist() == other.positions.tolist() and len(wire.events) >= len(events) - 1
    assert [refused.detail.replace("line", "row", 1) for refused in wire.refused] == [
        each.detail for each in other.refused
    ]


@settings(deadline=None)  # a machine that others use, too
@given(st.randoms(use_true_random=False))
def test_the_careful_reader_and_the_scanner_agree(rng: random.Random) -> None:
    event = sound_event(rng, 0, nasty=True)
    line = spelled(event, rng, unknown=False).encode()
    assert decoded(line).events.equals(decoded(careful(line.strip(), Limits())).events)


def test_how_a_body_is_cut_makes_no_difference() -> None:
    rng = random.Random(3)
    events = [sound_event(rng, number) for number in range(300)]
    body = b"".join(json.dumps(event).encode() + b"\n" for event in events)
    limits = Limits(batch_rows_max=64)
    splitter, whole = LineSplitter(limits), decode_events(body, TERMS)
    blocks = [block for at in range(0, len(body), 777) for block in splitter.feed(body[at : at + 777])]
    pieces = [decode_event_block(block, TERMS) for block in [*blocks, *splitter.finish()]]
    assert len(pieces) > 3
    assert pa.concat_batches([piece.events for piece in pieces]).equals(whole.events)
    arrow = from_arrow(*[events_to_arrow(events[at : at + 70]) for at in range(0, 300, 70)], by=terms(limits))
    assert pa.concat_batches([piece.events for piece in arrow]).equals(whole.events)


def test_columns_and_their_types_may_be_what_a_writer_has() -> None:
    columns = {
        "event_id": pa.array(["a"], pa.string_view()),
        "order_id": pa.array(["o"], pa.large_string()),
        "type": pa.array(["payment_captured"]).dictionary_encode(),
        "amount": pa.array([5], pa.uint8()),
        "at": pa.array([1_000], pa.timestamp("s", "Europe/Berlin")),
        "lines": pa.nulls(1),
        "public": pa.nulls(1),
    }
    (wire,) = from_arrow(pa.RecordBatch.from_pydict(columns))
    (row,) = wire.events.to_pylist()
    assert (row["amount_minor"], row["occurred_at_ms"], row["lines"]) == (5, 1_000_000, [])


# --- fingerprints -------------------------------------------------------------------------------------------


def fingerprint(**event: Any) -> int:
    return int(row_of(plain_event(**event))["fingerprint"])


def test_the_ids_of_an_event_are_no_part_of_its_fingerprint_and_every_field_is() -> None:
    rng = random.Random(5)
    assert fingerprint() == fingerprint(event_id="other", order_id="other")
    for number in range(300):
        event = sound_event(rng, number)
        same = int(row_of(event)["fingerprint"])
        for name in set(event) - {"event_id", "order_id", "type"} - set(NEEDS.get(EVENT_TYPES[event["type"]], ())):
            given = event[name] not in ("", None)
            without = int(row_of({key: value for key, value in event.items() if key != name})["fingerprint"])
            assert (without != same) == given, name


def test_fingerprints_tell_lists_of_lines_apart() -> None:
    one, two = {"line_id": "1"}, {"line_id": "2"}
    lists = [[one], [two], [one, two], [two, one], [{"line_id": "1", "qty": 1}], [{"line_id": "12"}]]
    assert len({fingerprint(lines=lines) for lines in lists} | {fingerprint()}) == len(lists) + 1
    beside = decoded(plain_event(), plain_event(1, lines=[one])).events.column("fingerprint").to_pylist()
    assert beside == [fingerprint(), fingerprint(lines=[one])], "a row's number has nothing to do with its neighbours"


def test_fingerprints_stand_in_logs_and_never_move() -> None:
    assert fingerprint() == 10_976_402_326_170_465_950
    full = {"type": "ship", "at": "2026-03-01T12:00:00Z", "node": "BER", "lines": [{"line_id": "1", "qty": 2}]}
    assert fingerprint(**full) == 17_233_364_293_495_877_749


# --- refusals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"event_id": None}, "event_id is missing or empty; every event needs event_id, order_id and type"),
        ({"event_id": ""}, "event_id is missing or empty; every event needs event_id, order_id and type"),
        ({"order_id": ""}, "order_id is missing or empty; every event needs event_id, order_id and type"),
        ({"type": None}, "type is missing or empty; every event needs event_id, order_id and type"),
        ({"event_id": "é" * 129}, "event_id has 129 characters, at most 128 are taken; shorten it"),
        ({"order_id": "o" * 129}, "order_id has 129 characters, at most 128 are taken; shorten it"),
        ({"reason": "r" * 4_097}, "reason has 4097 characters, at most 4096 are taken; shorten it"),
        ({"lines": [{"line_id": "l" * 129}]}, "lines.line_id has 129 characters, at most 128 are taken; shorten it"),
        ({"type": "dance"}, f"type must be one of: {', '.join(sorted(EVENT_TYPES))}"),
        ({"colour": "red"}, "colour is no field of an event; leave it out"),
        ({"colour": None}, "colour is no field of an event; leave it out"),
        ({"x" * 1_000: 1}, f"{'x' * 80} is no field of an event; leave it out"),
        ({"amount": 5}, "amount is no field of pick, which takes lines, node, shipment_id, reason; leave it out"),
        ({"type": "hold"}, "hold is missing; hold needs hold"),
        ({"type": "move", "node": "BER"}, "to_node is missing; move needs to_node"),
        ({"type": "credit"}, "amount is missing; credit needs amount"),
        ({"type": "note", "text": ""}, "text is missing; note needs text"),
        ({"type": "credit", "amount": -1}, OUT_OF_RANGE),
        ({"type": "credit", "amount": 9 * 10**14 + 1}, OUT_OF_RANGE),
        ({"type": "credit", "amount": 10**30}, "amount: the number does not fit 64 bits; correct the field"),
        ({"type": "credit", "amount": 1.5}, "amount: expected `int`, got `float`; correct the field"),
        ({"type": "credit", "amount": "5"}, "amount: expected `int`, got `str`; correct the field"),
        ({"type": "pack", "cartons": -2}, "cartons must be a whole number from 0 to 2147483647; correct it"),
        ({"type": "note", "text": "x", "public": 1}, "public: expected `bool`, got `int`; correct the field"),
        ({"lines": 7}, "lines: expected `array`, got `int`; correct the field"),
        ({"lines": {"line_id": "1"}}, "lines: expected `array`, got `object`; correct the field"),
        ({"lines": [7]}, "lines[0]: expected `object`, got `int`; correct the field"),
        ({"lines": []}, "lines is an empty list; leave it out where all units are meant, or name lines"),
        ({"lines": [{"qty": 1}]}, UNNAMED),
        ({"lines": [{"line_id": "1", "sku": "A"}]}, "lines[0].sku is no field of an event; leave it out"),
        ({"lines": [{"line_id": "1", "qty": 0}]}, NO_UNITS),
        ({"lines": [{"line_id": "1"}, {"line_id": "2"}, {"line_id": "1", "qty": 2}]}, TWICE),
        ({"lines": [{"line_id": str(line)} for line in range(10_001)]}, TOO_MANY),
        ({"node": "ATLANTIS"}, "node 'ATLANTIS' is no node of the tables; correct it, or load the node first"),
        ({"type": "move", "to_node": "X"}, "to_node 'X' is no node of the tables; correct it, or load the node first"),
        ({"type": "payment_captured", "currency": "XXX"}, NO_CURRENCY),
        ({"type": "return", "disposition": "eat"}, NO_DISPOSITION),
        ({"at": "2026-03-01T12:00:00"}, NO_TIME),
        ({"at": "yesterday"}, NO_TIME),
        ({"at": 5}, "at: expected `str`, got `int`; correct the field"),
        ({"type": "scan", "eta": "0001-01-01T00:00:00+05:00"}, "eta lies outside the years 1 to 9999; correct it"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_field_and_remedy(changes: dict[str, Any], sentence: str) -> None:
    assert refusal_of(plain_event(**changes)) == sentence


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"{", "Input data was truncated; correct the JSON; send one event a line"),
        (b"[]", "expected `object`, got `array`; correct the line"),
        (b"null", "expected `object`, got `null`; correct the line"),
        (b"\xff", "byte 1 is not UTF-8; send the line as UTF-8"),
        (b'{"event_id":"a","event_id":"a"}', "event_id: the key is given twice; correct the field"),
        (b'{"lines":[{"line_id":"a","line_id":"a"}]}', "lines[0].line_id: the key is given twice; correct the field"),
    ],
)
def test_a_line_that_is_no_event_is_told_what_is_wrong_with_it(line: bytes, sentence: str) -> None:
    assert refusal_of(line) == sentence


def test_a_line_beyond_its_limit_is_refused_while_it_arrives() -> None:
    limits = Limits(line_bytes_max=1_000)
    splitter = LineSplitter(limits)
    blocks = [
        *splitter.feed(b'{"event_id":"'),
        *splitter.feed(b"x" * 5_000),
        *splitter.feed(b'"}\n'),
        *splitter.finish(),
    ]
    (wire,) = [decode_event_block(block, terms(limits)) for block in blocks]
    (refused,) = wire.refused
    assert wire.count == 1 and "longer than 1000 bytes; split the event" in refused.detail


def test_a_refusal_names_the_ids_that_could_be_read() -> None:
    wire = decoded(
        {"event_id": "a", "order_id": "b", "type": "x"}, b'{"event_id":"a","order_id":7}', b"{", {"event_id": "e" * 500}
    )
    assert [(each.event_id, each.order_id) for each in wire.refused] == [
        ("a", "b"),
        ("a", None),
        (None, None),
        (None, None),
    ]
    assert [each.reason for each in wire.refused] == ["event_type_unknown", *["malformed_event"] * 3]


def test_a_row_of_arrow_is_refused_by_its_number_in_the_body() -> None:
    good, bad = plain_event(), plain_event(1, amount=5)
    first, second = from_arrow(*[events_to_arrow([good, good, bad])] * 2, by=terms(Limits(batch_rows_max=3)))
    assert [each.detail[:6] for wire in (first, second) for each in wire.refused] == ["row 3:", "row 6:"]
    assert second.positions.tolist() == [0, 1]


@pytest.mark.parametrize("value", [-(2**63), -(2**63) + 1, -1])
def test_the_smallest_number_is_a_number_and_not_a_field_left_out(value: int) -> None:
    """Read as left out, it would mean all that is due, all units, now."""
    ids = {"event_id": ["a"], "order_id": ["o"]}
    line = pa.list_(pa.struct([("line_id", pa.string()), ("qty", pa.int64())]))
    for kind, name, sent in (
        ("payment_captured", "amount", pa.array([value])),
        ("ship", "lines", pa.array([[{"line_id": "1", "qty": value}]], line)),
        ("pack", "cartons", pa.array([value])),
    ):
        (wire,) = from_arrow(pa.RecordBatch.from_pydict({**ids, "type": [kind], name: sent}))
        assert [refused.reason for refused in wire.refused] == ["malformed_event"], name
    far = pa.array([-(2**63)], pa.timestamp("ms", "UTC"))
    (wire,) = from_arrow(pa.RecordBatch.from_pydict({**ids, "type": ["pick"], "at": far}))
    assert [refused.reason for refused in wire.refused] == ["malformed_event"]


def test_a_field_of_a_line_that_stands_there_twice_is_named() -> None:
    item = pa.StructArray.from_arrays([pa.array(["1"]), pa.array([1]), pa.array([2])], ["line_id", "qty", "qty"])
    batch = pa.RecordBatch.from_pydict(
        {"event_id": ["a"], "order_id": ["o"], "type": ["ship"], "lines": pa.ListArray.from_arrays([0, 1], item)}
    )
    with pytest.raises(WireError, match=r"lines.qty stands there 2 times"):
        from_arrow(batch)


def test_a_schema_of_thousands_of_strange_columns_is_refused_in_a_short_sentence() -> None:
    ids = {name: pa.array(["a"]) for name in ("event_id", "order_id", "type")}
    strange = {f"{number}{'x' * 4_000}": pa.array([1]) for number in range(200)}
    with pytest.raises(WireError, match="and 180 faults more") as refused:
        from_arrow(pa.RecordBatch.from_pydict(ids | strange))
    assert len(refused.value.detail) < 5_000 and refused.value.detail.count("is no field of an event") == 20


def test_empty_lists_and_times_beyond_calendars_are_refused_in_arrow_too() -> None:
    line = pa.struct([("line_id", pa.string())])
    ids = {"event_id": ["a", "b", "c"], "order_id": ["o"] * 3, "type": ["pick"] * 3}
    batch = pa.RecordBatch.from_pydict(
        ids
        | {
            "lines": pa.array([[], None, [None]], pa.list_(line)),
            "at": pa.array([0, 2**61, 0], pa.timestamp("ms", "UTC")),
        }
    )
    (wire,) = from_arrow(batch)
    assert [each.detail.partition(";")[0] for each in wire.refused] == [
        "row 1: lines is an empty list",
        "row 2: at lies outside the years 1 to 9999",
        "row 3: lines.line_id is missing or empty",
    ]


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({"type": None}, "type is missing"),
        ({"colour": ["red"]}, "colour is no field of an event"),
        ({"node": [1]}, "node is int64, send a string"),
        ({"amount": [1.5]}, "amount is double, send an integer"),
        ({"public": ["x"]}, "public is string, send a boolean"),
        ({"at": pa.array([1], pa.timestamp("ms"))}, "at is timestamp[ms], send timestamp[ms, tz=UTC]"),
        ({"lines": [["a"]]}, "lines is list<item: string>, send list<struct<line_id: string, qty: int64>>"),
        ({"lines": [[{"qty": 1}]]}, "lines.line_id is missing"),
        ({"lines": [[{"line_id": "a", "sku": "b"}]]}, "lines.sku is no field of a line"),
        ({"lines": [[{"line_id": 7}]]}, "lines.line_id is int64, send a string"),
    ],
)
def test_a_schema_that_is_none_of_events_is_refused_as_a_whole(columns: dict[str, Any], fault: str) -> None:
    given = {"event_id": ["a"], "order_id": ["o"], "type": ["pick"]} | columns
    batch = pa.RecordBatch.from_pydict({name: column for name, column in given.items() if column is not None})
    with pytest.raises(WireError, match="not a schema of events") as refused:
        from_arrow(batch)
    assert refused.value.code == "arrow_schema" and fault in refused.value.detail


def test_lists_that_are_nothing_on_the_wire_take_no_memory() -> None:
    items = pa.StructArray.from_arrays([pa.nulls(2**31 - 1)], ["line_id"])
    lines = pa.ListArray.from_arrays(pa.array([0, 2**31 - 1], pa.int32()), items)
    batch = pa.RecordBatch.from_pydict({"event_id": ["a"], "order_id": ["o"], "type": ["pick"], "lines": lines})
    assert len(stream(batch)) < 2_000
    with pytest.raises(WireError, match="entries in its lists"):
        from_arrow(batch)


# --- what events are read by ----------------------------------------------------------------------------------


def test_a_name_that_is_not_found_is_looked_for_in_newer_tables() -> None:
    looks: list[bool] = []

    def names(again: bool) -> Names:
        looks.append(again)
        return Names(StringTable(["BER", "NEW"] if again else ["BER"]), StringTable(["EUR"]))

    by = EventTerms(KEY, "global", Limits(), names, lambda: NOW_MS)
    assert decoded(plain_event(node="BER"), by=by).events.column("node").to_pylist() == [0]
    assert looks == [False]
    assert decoded(plain_event(node="NEW"), by=by).events.column("node").to_pylist() == [1]
    assert looks == [False, False, True]


@pytest.mark.parametrize("form", ["json", "arrow"])
def test_a_reserved_source_is_refused_with_its_remedy_and_its_neighbours_go_on(form: str) -> None:
    rows = [plain_event(source=source) for source in ("pay", "payer", "wms")] + [plain_event()]
    by = dataclasses.replace(TERMS, reserved=("pay", "ship"))
    [wire] = [decoded(*rows, by=by)] if form == "json" else from_arrow(events_to_arrow(rows), by=by)
    [refused] = wire.refused
    assert (refused.position, refused.reason) == (0, "reserved")
    assert "source 'pay' is a partner of the configuration" in refused.detail and "leave it out" in refused.detail
    assert wire.events.column("source").to_pylist() == ["payer", "wms", ""]


@pytest.mark.parametrize("form", ["json", "arrow"])
def test_the_routers_own_source_is_nobody_elses(form: str) -> None:
    """What an order refuses of the desk's events raises no work item: nobody may borrow that silence."""
    rows = [plain_event(source=source) for source in ("desk", "desk:ada", "desktop", "front desk")]
    by = dataclasses.replace(TERMS, own_source="desk")
    [wire] = [decoded(*rows, by=by)] if form == "json" else from_arrow(events_to_arrow(rows), by=by)
    assert [(refused.position, refused.reason) for refused in wire.refused] == [(0, "reserved"), (1, "reserved")]
    assert "name another one" in wire.refused[0].detail
    assert wire.events.column("source").to_pylist() == ["desktop", "front desk"]


def test_an_id_is_hashed_within_its_scope() -> None:
    event = plain_event(channel="web", seller="s1")
    ids, channel, seller = pa.array(["ORD-000000"]), pa.array(["web"]), pa.array(["s1"])
    for scope, wanted in (
        ("global", "ORD-000000"),
        ("channel", "3\x1fweb\x1fORD-000000"),
        ("seller", "2\x1fs1\x1fORD-000000"),
    ):
        assert scoped_ids(scope, ids, channel, seller).to_pylist() == [wanted]  # type: ignore[arg-type]
        wire = decoded(event, by=terms(scope=scope))  # type: ignore[arg-type]
        assert wire.events.column("hash_lo").to_pylist() == hash_strings(KEY, pa.array([wanted]))[1].tolist()
    sentence = "channel is missing or empty; here the id of an order is unique within its channel"
    (refused,) = decoded(plain_event(), by=terms(scope="channel")).refused
    assert refused.detail == f"line 1: {sentence}"
    assert not decoded(plain_event(), by=terms(scope="seller")).refused, "most orders have no seller"


def test_blank_lines_are_counted_and_give_no_answer() -> None:
    body = b"\xef\xbb\xbf" + json.dumps(plain_event()).encode() + b"\r\n\n \t\n" + b"{\n"
    wire = decode_events(body, TERMS)
    assert wire.count == 2 and wire.refused[0].line_number == 4 and wire.refused[0].position == 1


def test_one_event_may_be_written_over_several_lines() -> None:
    body = json.dumps(plain_event(), indent=2).encode()
    assert decode_events(on_one_line(b"\n" + body + b"\n"), TERMS).count == 1
    lines = json.dumps(plain_event()).encode() + b"\n" + json.dumps(plain_event(1)).encode()
    assert on_one_line(lines) == lines and on_one_line(b"{\n") == b"{\n"


def test_sound_rows_cost_no_python_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream of sound events never reaches what is done row by row."""
    rng = random.Random(8)
    events = [sound_event(rng, number) for number in range(500)]
    monkeypatch.setattr("router.wire.event_wire._refusals", None)
    monkeypatch.setattr("router.wire.event_json._decoder", None)
    assert decoded(*events).events.num_rows == 500
    assert np.all(np.diff(decoded(*events).positions) == 1)
