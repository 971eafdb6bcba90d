"""The parts of ``make attack`` by themselves: bodies are what they seem, bounds are judged, a breach ends it with 1."""

from __future__ import annotations

import io
import json
import pathlib
from collections.abc import Callable

import pyarrow as pa
import pytest

from bench.harness.server import disk_bytes
from bench.harness.streaming import ARROW, NDJSON
from bench.trials.attack import __main__ as command
from bench.trials.attack import arrow_bombs, event_bombs, json_bombs, long_orders, table_bombs
from bench.trials.attack.attack import statuses
from bench.trials.attack.campaign import Bounds, Row, as_line, breaches
from bench.trials.attack.ground import STOCKED, order_line, tables
from bench.trials.attack.neighbour import Waits, requests
from router.config import Limits
from router.tables.compile import accept, compile_tables, empty_tables
from router.tables.row_types import TableRows
from router.tables.rows import Rows, parse_rows
from router.wire.arrow_stream import ArrowStreamDecoder
from router.wire.ndjson import decode_lines


def unpacked(body: bytes) -> list[pa.RecordBatch]:
    return list(pa.ipc.open_stream(io.BytesIO(body)))


def taken(body: bytes) -> int:
    """Orders that the router reads out of an Arrow body; all its rows, or it would raise."""
    decoder = ArrowStreamDecoder(Limits())
    wires = [*decoder.feed([body]), *decoder.finish()]
    assert not any(wire.refused for wire in wires)
    return sum(wire.count for wire in wires)


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (arrow_bombs.behind_deltas(20, 2_000, 7), 20),
        (arrow_bombs.behind_deltas(20, 2_000, 7, "lz4"), 20),
        (arrow_bombs.replaced(30, 2_000, 7), 30),
        (arrow_bombs.nested(20, 200, 7), 20),
        (arrow_bombs.one_order_many_rows(3_000, 1_000), 3_000),
        (arrow_bombs.long_documents(3, 4, 5_000, 7), 12),
        (arrow_bombs.many_columns(200), 1),
        (long_orders.many_lines(3, 40), 3),
        (long_orders.many_lines(3, 40, STOCKED), 3),
    ],
)
def test_arrow_bodies_are_legal(body: bytes, rows: int) -> None:
    assert taken(body) == rows


def test_each_row_stands_behind_a_piece_of_its_dictionary() -> None:
    batches = unpacked(arrow_bombs.behind_deltas(20, 2_000, 0))
    assert [len(batch["note"].dictionary) for batch in batches] == list(range(1, 21))
    assert len(arrow_bombs.behind_deltas(20, 200_000, 0)) < 100_000, "a piece is packed"
    first, second = (batch["note"].dictionary for batch in unpacked(arrow_bombs.replaced(2, 100, 0)))
    assert len(first) == len(second) == 1 and first != second


def test_rows_of_no_width_are_a_number() -> None:
    body = arrow_bombs.rows_of_no_width(10**9)
    assert len(body) < 1_000 and sum(batch.num_rows for batch in unpacked(body)) == 10**9


def test_small_bodies_stand_for_much() -> None:
    documents, lines = arrow_bombs.long_documents(4, 16, 1 << 20, 0), long_orders.many_lines(160, 5_000)
    assert sum(batch.nbytes for batch in unpacked(documents)) > 64 << 20 > 1_000 * len(documents)
    (rows,) = unpacked(lines)
    assert len(rows["lines"].flatten()) == 800_000 and len(lines) < 60_000
    assert {len(one) for one in rows["lines"].to_pylist()[:2]} == {5_000}


def test_schemas_name_what_nobody_knows() -> None:
    assert len(unpacked(arrow_bombs.many_columns(300, "events"))[0].schema) == 303
    (batch,) = unpacked(arrow_bombs.lines_of_many_fields(300))
    assert batch.schema.field("lines").type.value_type.num_fields == 300


def test_lines_have_exactly_the_length_that_is_wanted() -> None:
    lines = json_bombs.long_lines(10_000, 3_000).splitlines()
    assert [len(line) for line in lines] == [3_000] * 3
    for size, refused in ((3_000, 0), (3_001, 1)):
        limits = Limits(line_bytes_max=3_000)
        assert len(decode_lines(json_bombs.long_lines(size + 1, size), 1, limits).refused) == refused


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_what_is_nested_is_json(opening: str) -> None:
    line = json_bombs.deep("d", 50, opening)
    assert str(json.loads(line)["attributes"]["a"]).count(opening[0]) == 50
    assert not decode_lines(line, 1, Limits()).refused
    assert json_bombs.deep("d", 1_000_000).count(b"[") == 1_000_001


def test_fields_and_lines_of_events() -> None:
    assert len(json.loads(json_bombs.many_fields(100))) == 104
    json.loads(json_bombs.deep_event(20))
    lines = event_bombs.of_many_lines(50_000, "o", 500).splitlines()
    assert len(lines) > 2 and all(len(json.loads(line)["lines"]) == 500 for line in lines)
    notes = event_bombs.longest_notes(50_000, "o").splitlines()
    assert {len(json.loads(line)["text"]) for line in notes} == {4_096}
    assert len({json.loads(line)["event_id"] for line in (*lines, *notes)}) == len(lines) + len(notes)


def read(table: str, body: bytes, media_type: str = NDJSON) -> Rows:
    return parse_rows(table, body, media_type)


def test_the_ground_is_taken_and_its_bundles_are_as_many_as_are_taken() -> None:
    now_ms, rows = 1_767_614_400_000, TableRows()
    built = empty_tables(now_ms)
    for name, body in tables().items():
        if name != "stock":
            rows = accept(read(name, body), rows, built)
    assert len(rows.nodes) == 400 and len(rows.skus) == 6_001
    compile_tables(1, rows, built, now_ms)
    uploaded = read("skus", table_bombs.bundles(2, 10))
    bundles = [row for row in uploaded.rows if getattr(row, "bundle", None)]
    assert not uploaded.findings.count and len(bundles) == 3
    assert not read("promotions", long_orders.promotions(20)).findings.count


def test_circles_and_csv_bombs() -> None:
    body = table_bombs.circles(30, 5)
    rows = [json.loads(line) for line in body.splitlines()]
    assert rows[-1]["bundle"][0]["sku"] == rows[0]["sku"] and len(rows[20]["bundle"]) == 6
    (row,) = read("skus", table_bombs.long_field(400), table_bombs.CSV).rows
    assert len(row.name) == 300  # type: ignore[union-attr]
    assert read("skus", table_bombs.open_quote(40), table_bombs.CSV).findings.count
    assert table_bombs.columns(30).splitlines()[0].count(b",c") == 30
    assert read("skus", table_bombs.empty_rows(30), table_bombs.CSV).findings.count == 30
    assert len(read("skus", table_bombs.line_ends(30), table_bombs.CSV).rows) == 6_001
    (named,) = table_bombs.long_names(1, 99).splitlines()
    assert set(map(len, json.loads(named))) >= {99} and len(json.loads(named)["currency"]) == 99


@pytest.mark.parametrize(
    "make",
    [
        lambda size: table_bombs.movements(size).body,
        table_bombs.templates,
        json_bombs.short_lines,
    ],
)
def test_bodies_are_as_large_as_they_may_be(make: Callable[[int], bytes]) -> None:
    body = make(30_000)
    assert 28_000 < len(body) <= 30_000 and body.endswith(b"\n")


def test_a_neighbour_orders_something_new_and_reads_the_first() -> None:
    asked = requests(("127.0.0.1", 1), "key", "n")
    first, second, read = (next(asked) for _ in range(3))
    assert b'"order_id":"n-0"' in first and b'"order_id":"n-1"' in second
    assert read.startswith(b"GET /v1/orders/n-0 ")


def test_answers_are_counted_by_what_they_say() -> None:
    body = b'{"status":"allocated"}\n' * 3 + b'{"status":"error","code":"stream_malformed"}\n'
    assert statuses(body, NDJSON) == {"allocated": 3, "stream_malformed": 1}
    sink = io.BytesIO()
    batch = pa.RecordBatch.from_pydict({"status": ["allocated", "error"], "reasons": [[], ["arrow_too_large"]]})
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    assert statuses(sink.getvalue(), ARROW) == {"allocated": 1, "['arrow_too_large']": 1}


def row(**changes: object) -> Row:
    given = {
        "kind": "k", "name": "n", "body_bytes": 1_000, "seconds": 1.0,
        "extra_parts_mib": {"gateway": 600.0, "ray": 400.0},
        "kept_parts_mib": {"gateway": 500.0}, "neighbour": Waits(50, 900.0, 1_200.0, {"200": 50}), "disk_bytes": 2_500,
        "problem_bytes": 60_000, "answered": {"allocated": 2}, "load": 1.0,
        "available_gib": 8.0, "breaches": [],
    }  # fmt: skip
    return Row(**given | changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"extra_parts_mib": {"gateway": 600.0, "ray": 425.0}}, "1,025 MiB more memory"),
        ({"kept_parts_mib": {"shards": 513.0}}, "513 MiB were not given back"),
        ({"neighbour": Waits(50, 1_001.0, 1_200.0, {"200": 50})}, "waited 1,001 ms"),
        ({"neighbour": Waits(50, 9.0, 12.0, {"200": 49, "503": 1})}, "was answered {'200': 49, '503': 1}"),
        ({"neighbour": Waits(50, 9.0, 12.0, {"200": 50}, "no answer within 60 s")}, "and no answer within 60 s"),
        ({"neighbour": Waits()}, "was answered"),
        ({"problem_bytes": 65_537}, "a refusal of 65,537 bytes"),
    ],
)
def test_each_bound_is_judged(changes: dict[str, object], words: str) -> None:
    assert breaches(row(), Bounds(), keeps=False) == []
    (found,) = breaches(row(**changes), Bounds(), keeps=False)
    assert words in found


def test_rows_of_tables_may_stay_in_memory() -> None:
    assert breaches(row(kept_parts_mib={"shards": 900.0}), Bounds(), keeps=True) == []


@pytest.mark.parametrize(("found", "code"), [([], 0), (["too much"], 1)])
def test_a_breach_ends_the_campaign_with_1(
    found: list[str],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(command, "compile_kernels", lambda: None)
    monkeypatch.setattr(command, "_on_one_router", lambda *_: [row(breaches=found)])
    report = tmp_path / "report.json"
    assert command.main(["--only", "row1", "--json", str(report)]) == code
    (told,) = json.loads(report.read_bytes())["rows"]
    assert told["breaches"] == found and told["extra_parts_mib"]["gateway"] == 600.0
    text = capsys.readouterr().out
    assert as_line(row(breaches=found)) in text
    assert ("1 bounds broken" if found else "every bound held") in text


def test_every_kind_has_its_row_and_names_are_told_apart() -> None:
    assert {attack.kind for attack in command.ATTACKS} <= set(command.KINDS)
    assert all(set(kinds) <= set(command.KINDS) for kinds in command.ROWS.values())
    assert len({attack.name for attack in command.ATTACKS}) == len(command.ATTACKS)


def test_disk_is_counted_by_blocks_and_links_are_not_followed(tmp_path: pathlib.Path) -> None:
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "data"
    elsewhere.mkdir()
    folder.mkdir()
    (elsewhere / "large").write_bytes(bytes(1 << 20))
    (folder / "link").symlink_to(elsewhere)
    with (folder / "sparse").open("wb") as file:
        file.truncate(1 << 30)
    (folder / "log").write_bytes(b"x" * 100_000)
    assert 100_000 <= disk_bytes(folder) < 200_000


def test_an_order_of_the_ground_is_one() -> None:
    assert not decode_lines(order_line("a", [{"sku": "S00000", "qty": 1}]), 1, Limits()).refused
