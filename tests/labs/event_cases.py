"""Random events for the tests of the wire: the same event as JSON in many spellings, and as an Arrow row."""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from router.arrow.string_table import StringTable
from router.config import Limits
from router.ids import Scope, hash_key
from router.life.event_types import EVENT_TYPES, NEEDS, TAKES
from router.life.refusals import REFUSALS
from router.life.states import OrderState, PaymentState, Stage, pack_state
from router.log.columns import EVENT_ACK, MONEY_SHOWN, EventResult
from router.log.event_fields import COMMON, FIELDS, Form
from router.wire.event_wire import EventTerms, Names
from tests.labs.wire_cases import NASTY, TEXTS, TIMES

KEY = hash_key(bytes(range(16)))
NOW_MS = 1_772_400_000_000
NODES, CURRENCIES = ("BER", "LEJ", "東京"), ("EUR", "GBP")
LINE_IDS = ("1", "2", "10", "01", "L-1", "Zoë", "9" * 30)


def terms(limits: Limits | None = None, scope: Scope = "global") -> EventTerms:
    names = Names(StringTable(NODES), StringTable(CURRENCIES))
    return EventTerms(KEY, scope, limits or Limits(), lambda again: names, lambda: NOW_MS)


def plain_event(number: int = 0, **fields: Any) -> dict[str, Any]:
    return {"event_id": f"e-{number}", "order_id": f"ORD-{number:06d}", "type": "pick", **fields}


def any_event(rng: random.Random, nasty: bool = False) -> dict[str, Any]:
    """An event with any fields at all, absent, null or given, of the right JSON types; mostly no sound one."""
    makers = _makers(rng, nasty)
    names = [name for name in makers if rng.random() < 0.4]
    return {name: None if rng.random() < 0.1 else makers[name]() for name in names}


def sound_event(rng: random.Random, number: int, nasty: bool = False) -> dict[str, Any]:
    """An event that is one: its type's fields, each given or not."""
    makers, kind = _makers(rng, nasty), rng.choice(list(EVENT_TYPES))
    takes = [name for name in TAKES[EVENT_TYPES[kind]] if rng.random() < 0.6]
    needs = NEEDS.get(EVENT_TYPES[kind], ())
    event = {"event_id": f"e-{number}", "order_id": f"o-{rng.randrange(50)}", "type": kind}
    event |= {name: makers[name]() for name in ("at", "source", "channel", "seller") if rng.random() < 0.5}
    event |= {name: makers[name]() for name in dict.fromkeys((*takes, *needs))}
    return {name: value or "x" if name in needs and isinstance(value, str) else value for name, value in event.items()}


def _makers(rng: random.Random, nasty: bool) -> dict[str, Callable[[], Any]]:
    """A maker for every field that events may have, by its form; of some only few values are right."""
    makers = form_makers(rng, TEXTS + NASTY if nasty else TEXTS)
    return {name: makers[field.form] for name, field in (COMMON | FIELDS).items()} | {
        "currency": lambda: rng.choice(CURRENCIES),
        "node": lambda: rng.choice(NODES),
        "to_node": lambda: rng.choice(NODES),
        "disposition": lambda: rng.choice(("restock", "scrap", "missing", "refurbish")),
    }


def form_makers(rng: random.Random, texts: Sequence[str]) -> dict[Form, Callable[[], Any]]:
    """Values of each form that a field may have."""

    def lines() -> list[dict[str, Any]]:
        names = rng.sample(LINE_IDS, rng.choice((1, 1, 2, 3)))
        return [
            {"line_id": name} | ({"qty": rng.choice((1, 7, 2**31 - 1))} if rng.random() < 0.6 else {}) for name in names
        ]

    return {
        Form.ID: lambda: rng.choice(texts),
        Form.TEXT: lambda: rng.choice(texts),
        Form.AMOUNT: lambda: rng.choice((0, 1, 1999, 10**12)),
        Form.COUNT: lambda: rng.choice((0, 3)),
        Form.TIME: lambda: rng.choice(TIMES),
        Form.FLAG: lambda: rng.random() < 0.5,
        Form.LINES: lines,
    }


def events_to_arrow(events: list[dict[str, Any]], large: bool = False, dictionary: bool = False) -> pa.RecordBatch:
    """The events as a record batch with every column."""
    string = pa.large_string() if large else pa.string()
    line = pa.struct([("line_id", string), ("qty", pa.int64())])
    columns: dict[str, pa.Array] = {}
    plain = {Form.LINES: pa.list_(line), Form.FLAG: pa.bool_(), Form.AMOUNT: pa.int64(), Form.COUNT: pa.int64()}
    for name, field in (COMMON | FIELDS).items():
        given = [event.get(name) for event in events]
        if field.form is Form.TIME:
            columns[name] = pa.array(list(map(_ms, given)), pa.int64()).cast(pa.timestamp("ms", tz="UTC"))
        elif field.form in plain:
            columns[name] = pa.array(given, plain[field.form])
        else:
            column = pa.array(given, string)
            columns[name] = column.dictionary_encode() if dictionary else column
    return pa.RecordBatch.from_arrays(list(columns.values()), list(columns))


def _ms(text: str | None) -> int | None:
    if text is None:
        return None
    moment = datetime.datetime.fromisoformat(text.replace(".1239Z", ".123900Z"))
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return (moment - epoch) // datetime.timedelta(milliseconds=1)


def any_ack(rng: random.Random, rows: int) -> pa.RecordBatch:
    """EVENT_ACK rows as a shard may give them."""
    return pa.RecordBatch.from_pylist([_ack_row(rng) for _ in range(rows)], schema=EVENT_ACK)


def _ack_row(rng: random.Random) -> dict[str, Any]:
    result = rng.choice((0, 0, 1, 2, 3, 4))
    is_refused = result == EventResult.REFUSED
    return {
        "result": result,
        "refusal": rng.choice(list(REFUSALS)) if is_refused else 0,
        "refused_line": rng.choice((-1, 0)),
        "wanted": rng.choice((-1, 0, 7, 2**62)),
        "found": rng.choice((0, 3)),
        "state": pack_state(rng.choice(list(OrderState)), rng.choice(list(PaymentState))),
        "version": rng.choice((1, 9, 10, 70_000, 2**31 - 1)),
        "units": [rng.randrange(5) for _ in Stage] if is_refused else [],
        "money": [rng.choice((0, 4_493, -5)) for _ in MONEY_SHOWN] if is_refused else [],
    }
