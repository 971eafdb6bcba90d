"""Random orders for the tests of the wire: the same order as JSON in many spellings, and as an Arrow row."""

from __future__ import annotations

import datetime
import json
import random
from collections.abc import Callable
from typing import Any

import pyarrow as pa

TEXTS = ("", "A", "GB", "Zoë", "12 High Street", "O'Neil & Söhne", "東京都", "a" * 40, "🎁 gift", "ünï" * 9)
NASTY = ('quote"', "back\\slash", "tab\there", "line\nbreak", "bell\x07", "nul\x00", "slash/", "\x7f")
ADDRESS = ("name", "line1", "line2", "city", "region", "postcode", "country")
TIMES = ("2026-03-01T12:00:00Z", "2024-02-29T23:59:59.999+05:30", "1969-12-31T23:59:59.1239Z", "0001-01-01T00:00:00Z")


def plain_order(number: int = 0) -> dict[str, Any]:
    """The order of the documentation: everything required, nothing unusual."""
    return {
        "order_id": f"ORD-{number:06d}",
        "channel": "shop-eu",
        "placed_at": "2026-03-01T12:00:00Z",
        "currency": "EUR",
        "customer": {"id": "C1", "name": "Maria Garcia", "email": "maria@example.com"},
        "ship_to": {"name": "Maria Garcia", "line1": "12 High Street", "city": "Leeds", "country": "GB"},
        "lines": [{"sku": "SKU-1", "qty": 2, "unit_price": 1999}, {"sku": "SKU-2", "qty": 1}],
    }


def any_order(rng: random.Random, nasty: bool = False) -> dict[str, Any]:
    """An order with any of its known fields, absent, null or given, of the right types."""
    texts = TEXTS + NASTY if nasty else TEXTS

    def text() -> Any:
        return rng.choice(texts)

    def maybe(make: Callable[[], Any]) -> dict[str, Any]:
        return {} if rng.random() < 0.4 else {"value": None if rng.random() < 0.1 else make()}

    def number() -> int:
        return rng.choice((0, 1, -1, 7, 1999, 2**31, 2**63 - 1, 1 - 2**63))

    def part(names: tuple[str, ...]) -> dict[str, Any]:
        return {name: got["value"] for name in names if (got := maybe(text))}

    def line() -> dict[str, Any]:
        said = {k: g["value"] for k in ("qty", "unit_price", "discount", "tax") if (g := maybe(number))}
        return {**part(("sku", "line_id")), **(part(("node",)) if rng.random() < 0.3 else {}), **said}

    def shipping() -> dict[str, Any]:
        fee = {"fee": rng.choice((None, 0, 499))} if rng.random() < 0.4 else {}
        return {**part(("service",)), **({"promise_by": rng.choice(TIMES)} if rng.random() < 0.5 else {}), **fee}

    def lines(count: int) -> list[dict[str, Any]]:
        """No two are called the same: that is refused, and a test of its own."""
        made = [line() for _ in range(count)]
        for place, one in enumerate(made):
            if one.get("line_id") in [other.get("line_id") for other in made[:place]]:
                one["line_id"] = None
        return made

    makers: dict[str, Callable[[], Any]] = {
        "order_id": lambda: f"ORD-{rng.randrange(10_000)}",
        **dict.fromkeys(("channel", "seller", "currency"), text),
        "placed_at": lambda: rng.choice(TIMES),
        "customer": lambda: part(("id", "name", "email", "phone")),
        "ship_to": lambda: part(ADDRESS),
        "bill_to": lambda: part(ADDRESS),
        "payment": lambda: part(("method", "status", "reference")),
        "shipping": shipping,
        "lines": lambda: lines(rng.choice((0, 1, 1, 2, 3, 9))),
        "coupons": lambda: [text() for _ in range(rng.choice((0, 1, 2)))],
        "priority": lambda: rng.choice((0, 1, -1, 100)),
        **dict.fromkeys(("total", "discount", "tax"), number),
    }
    return {name: got["value"] for name, make in makers.items() if (got := maybe(make))}


def spelled(value: Any, rng: random.Random, unknown: bool = True) -> str:
    """JSON of the value with keys in any order, white space anywhere, and unknown keys strewn in."""

    def space() -> str:
        return rng.choice(("", "", "", " ", "\t ", "\r")) if rng.random() < 0.3 else ""

    if isinstance(value, dict):
        items = [(key, spelled(item, rng, unknown)) for key, item in value.items()]
        if unknown and rng.random() < 0.3:
            items.append((rng.choice(("attributes", "x", "qty2", "", "order_idx")), rng.choice(UNKNOWN)))
        rng.shuffle(items)
        inside = ",".join(f"{space()}{json.dumps(key)}{space()}:{space()}{item}{space()}" for key, item in items)
        return f"{{{space()}{inside}{space()}}}"
    if isinstance(value, list):
        return f"[{space()}{','.join(space() + spelled(item, rng, unknown) + space() for item in value)}{space()}]"
    return json.dumps(value, ensure_ascii=rng.random() < 0.3)


UNKNOWN = (
    "null",
    "true",
    "false",
    '"text"',
    "-0.5e+10",
    "123456789012345678901234567890",
    '{"a":[1,{"b":[]},[[]],"x"],"c":{}}',
    "[]",
    '{"order_id":"not this one"}',
    "[1,2,[3,[4]]]",
)


def mutated(line: bytes, rng: random.Random) -> bytes:
    """The line with one small damage: a byte or a piece changed, removed, doubled or put in."""
    at, kind = rng.randrange(len(line) + 1), rng.randrange(5)
    if kind == 0:
        return line[:at] + line[at + 1 :]
    if kind == 1:
        return line[:at] + bytes([rng.randrange(256)]) + line[at + 1 :]
    if kind == 2:
        return line[:at] + rng.choice(PIECES) + line[at:]
    if kind == 3:
        return line[:at]
    end = min(len(line), at + rng.randrange(30))
    return line[:end] + line[at:end] + line[end:]


PIECES = tuple(
    piece.encode("latin-1")
    for piece in (
        *(
            '"',
            ",",
            "}",
            "{",
            "]",
            "[",
            ":",
            "\\",
            "\xff",
            "\xc3",
            "\x00",
            "0",
            "-",
            "1.5",
            "e3",
            "null",
            "NaN",
            " ",
            "true",
        ),
        *("\\u00e9", "\\ud800", "\\n", '"qty":1,', '"order_id":"x",', "99999999999999999999"),
    )
)


def rows_to_arrow(orders: list[dict[str, Any]], dictionary: bool = False, large: bool = False) -> pa.RecordBatch:
    """The orders as a record batch of the contract's schema, with every column."""
    string = pa.large_string() if large else pa.string()
    columns: dict[str, pa.Array] = {}
    for name in ("order_id", "channel", "seller", "currency"):
        columns[name] = pa.array([order.get(name) for order in orders], string)
    parts = {
        "customer": ("id", "name", "email", "phone"),
        "ship_to": ADDRESS,
        "bill_to": ADDRESS,
        "payment": ("method", "status", "reference"),
        "shipping": ("service",),
    }
    for owner, names in parts.items():
        for name in names:
            given = [(order.get(owner) or {}).get(name) for order in orders]
            columns[f"{owner}_{name}"] = pa.array(given, string)
    columns["placed_at"] = _times([order.get("placed_at") for order in orders])
    columns["shipping_promise_by"] = _times([(order.get("shipping") or {}).get("promise_by") for order in orders])
    columns["priority"] = pa.array([order.get("priority") for order in orders], pa.int32())
    for name in ("total", "discount", "tax"):
        columns[name] = pa.array([order.get(name) for order in orders], pa.int64())
    columns["shipping_fee"] = pa.array([(order.get("shipping") or {}).get("fee") for order in orders], pa.int64())
    columns["coupons"] = pa.array([order.get("coupons") for order in orders], pa.list_(pa.string()))
    columns["lines"] = _lines([order.get("lines") for order in orders], dictionary)
    return pa.RecordBatch.from_arrays(list(columns.values()), list(columns))


def _lines(lines: list[Any], dictionary: bool) -> pa.ListArray:
    amounts = [(name, pa.int64()) for name in ("qty", "unit_price", "discount", "tax")]
    item = [("sku", pa.string()), *amounts, ("line_id", pa.string()), ("node", pa.string())]
    array = pa.array(lines, pa.list_(pa.struct(item)))
    if not dictionary:
        return array
    children = array.values.flatten()
    children[0] = children[0].dictionary_encode()
    struct = pa.StructArray.from_arrays(children, [name for name, _ in item])
    return pa.ListArray.from_arrays(array.offsets, struct, mask=array.is_null())


def _times(texts: list[str | None]) -> pa.Array:
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    moments = [
        None
        if text is None
        else (datetime.datetime.fromisoformat(_short(text)) - epoch) // datetime.timedelta(milliseconds=1)
        for text in texts
    ]
    return pa.array(moments, pa.int64()).cast(pa.timestamp("ms", tz="UTC"))


def _short(text: str) -> str:
    """Six digits of a fraction at most: what Python's reader takes."""
    return text.replace(".1239Z", ".123900Z")


def stream(*batches: pa.RecordBatch, **options: Any) -> bytes:
    """An Arrow IPC stream of the batches."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batches[0].schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())
