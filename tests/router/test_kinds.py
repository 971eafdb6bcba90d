"""Records of every version there was are read in the newest form; what they could not say has its default."""

from __future__ import annotations

import pyarrow as pa
import pytest

from router.arrow.packing import pack
from router.log import kinds
from router.log.columns import MOVES, since
from router.log.kinds import Kind, form, version_of, widened
from router.log.records import DamagedRecord, frame, parse, read_batch, row_batch, rows_of, seal

ITEM = pa.struct([pa.field("sku", pa.int32(), nullable=False), since(2, "lot", pa.int32(), -1)])
GROWN = pa.schema(
    [
        pa.field("order_id", pa.string(), nullable=False),
        pa.field("lines", pa.list_(pa.field("item", ITEM, nullable=False)), nullable=False),
        since(1, "amount_minor", pa.int64(), -1),
        since(2, "reason", pa.string()),
        since(2, "parts", pa.list_(pa.field("item", pa.int16(), nullable=False))),
    ]
)


@pytest.fixture
def grown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind whose messages have grown twice."""
    monkeypatch.setitem(kinds.MESSAGES, Kind.EVENTS, (GROWN,))
    for cached in (version_of, form):
        cached.cache_clear()
    yield
    for cached in (version_of, form):
        cached.cache_clear()


def record(kind: Kind, batch: pa.RecordBatch, version: int) -> bytearray:
    """As the version wrote it."""
    raw = frame(kind, 0, 1, [batch.serialize()], tables_version=0, now_ms=0)
    raw[5] = version
    seal(raw, 1, 0)
    return raw


def test_an_older_form_is_the_columns_of_its_time(grown: None) -> None:
    assert version_of(Kind.EVENTS) == 2
    assert form(Kind.EVENTS, 0, 0).names == ["order_id", "lines"]
    assert form(Kind.EVENTS, 0, 1).names == ["order_id", "lines", "amount_minor"]
    assert form(Kind.EVENTS, 0, 1).field("lines").type.value_type.get_field_index("lot") == -1
    assert form(Kind.EVENTS, 0, 2).equals(GROWN)


@pytest.mark.parametrize("version", [0, 1, 2])
def test_records_of_every_version_read_as_the_newest_form(grown: None, version: int) -> None:
    whole = {
        "order_id": "A", "lines": [{"sku": 3, "lot": 9}, {"sku": 4, "lot": 9}], "amount_minor": 7, "reason": "late",
        "parts": [1, 2],
    }  # fmt: skip
    stored = form(Kind.EVENTS, 0, version)
    kept = [
        {name: whole[name] for name in stored.names} | {"lines": [_cut(line, stored) for line in whole["lines"]]}
    ] * 2
    read = read_batch(parse(record(Kind.EVENTS, pa.RecordBatch.from_pylist(kept, stored), version), "here"))
    assert read.schema.equals(GROWN)
    expected = {
        0: {"lines": [{"sku": 3, "lot": -1}, {"sku": 4, "lot": -1}], "amount_minor": -1, "reason": "", "parts": []},
        1: {"lines": [{"sku": 3, "lot": -1}, {"sku": 4, "lot": -1}], "reason": "", "parts": []},
        2: {},
    }
    assert read.to_pylist() == [whole | expected[version]] * 2


def _cut(line: dict[str, int], stored: pa.Schema) -> dict[str, int]:
    item = stored.field("lines").type.value_type
    return {item.field(number).name: line[item.field(number).name] for number in range(item.num_fields)}


@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.parametrize("version", [0, 1])
def test_a_single_row_of_an_older_form_says_the_defaults(grown: None, version: int, is_packed: bool) -> None:
    stored = form(Kind.EVENTS, 0, version)
    given = [{"order_id": str(n), "lines": [{"sku": n}] * n, "amount_minor": n} for n in range(3)]
    batch = pa.RecordBatch.from_pylist([{name: row[name] for name in stored.names} for row in given], stored)
    raw = frame(Kind.EVENTS, 0, 1, [pack(batch) if is_packed else batch.serialize()], tables_version=0, now_ms=0)
    raw[5] = version
    seal(raw, 1, 0)
    read = parse(raw, "here")
    for number, row in enumerate(given):
        lines = [{"sku": number, "lot": -1}] * number
        wanted = [row["order_id"], lines, number if version else -1, "", []]
        assert [rows_of(read).value(name, number) for name in GROWN.names] == wanted
        assert row_batch(read, number).to_pylist() == [dict(zip(GROWN.names, wanted, strict=True))]
        assert row_batch(read, number).schema.equals(GROWN)


def test_a_sliced_batch_is_widened_from_its_own_rows(grown: None) -> None:
    rows = [{"order_id": str(n), "lines": [{"sku": n}] * n} for n in range(4)]
    batch = pa.RecordBatch.from_pylist(rows, form(Kind.EVENTS, 0, 0)).slice(2, 2)
    assert [row["lines"] for row in widened(batch, GROWN).to_pylist()] == [[{"sku": n, "lot": -1}] * n for n in (2, 3)]


def test_a_version_from_the_future_is_refused_in_words() -> None:
    batch = pa.RecordBatch.from_pylist([], MOVES)
    with pytest.raises(DamagedRecord, match="kind 17 version 9 is not known to this version"):
        parse(record(Kind.MOVES, batch, 9), "here")


def test_nulls_of_the_first_stock_moves_read_as_none() -> None:
    row = {"kind": 2, "sku": 1, "node": 0, "qty": 5, "ship_day": None}
    stored = form(Kind.MOVES, 0, 0)
    assert stored.field("ship_day").nullable and not MOVES.field("ship_day").nullable
    batch = pa.RecordBatch.from_pylist([row, row | {"ship_day": 7}], stored)
    read = read_batch(parse(record(Kind.MOVES, batch, 0), "here"))
    assert read.column("ship_day").to_pylist() == [-1, 7] and read.column("ship_day").null_count == 0
