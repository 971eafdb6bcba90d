"""What fuzzing found, each kept as the input that broke a promise; and that the targets themselves still work.

``FOUND`` goes through the very functions that the fuzzers run; the tests behind it say in words what was mended.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import orjson
import pyarrow as pa
import pytest

from adapters.channels.csv.load_mapping import load_mapping
from adapters.channels.csv.translate import CsvTranslator
from bench.trials.fuzz.corpus_files import FOLDER
from bench.trials.fuzz.csv_rows import HEADER, MAPPING
from bench.trials.fuzz.targets import TARGETS, examine, examples
from router.config import Limits
from router.errors import Misconfigured
from router.log.cursor import CursorError, parse_cursor
from router.log.documents import document_of, presentable
from router.wire.arrow_stream import ArrowStreamDecoder
from router.wire.batch import WireError
from router.wire.lines import LineSplitter
from router.wire.ndjson import decode_block, decode_lines
from tests.labs.wire_cases import plain_order, rows_to_arrow, stream

ROOT = pathlib.Path(__file__).parents[2]
BOM = b"\xef\xbb\xbf"

FOUND = [
    # A byte order mark, a carriage return or blanks made a line too long only when it came in pieces.
    ("splitter", b"\x00" + BOM + b"fi" + b"\x00" * 17 + b"rs\xa6t\n" + b"x" * 14 + b"asz\r\n\n\n\nzzyt\n"),
    ("splitter", b"\xfbone\n\x00\x00ycccc\n\x009yccc\xff\xff\xbfccy" + b"\r" * 28 + b"\nfoyc"),
    ("splitter", b"\x80" + b" " * 60 + b"\nlast"),
    ("splitter", b"\x87" + BOM),
    # Digits of other scripts were taken for a cursor's.
    ("cursors", "\x010:1.0,1:98.17٣".encode()),
    # A quote in the wrong place of the first row.
    ("csv", b'\x02"No"x,Sku\n'),
    # A time format that cannot be read back.
    ("mapping", MAPPING.replace(b"GROUP", b"all").replace(b"%d.%m.%Y", b"%Y %Y")),
    # A number of more digits than decimals are reckoned with by default, to be rounded.
    ("csv", b"\x03" + HEADER + b"1,A,3," + b"1" * 90 + b"0.00,1772442000,,s\n"),
    # An event's amount in a currency that there is not, of an order without any price.
    ("csv", b"\x03" + HEADER + b"1,A,3,,1772442000,xEUR,s\n"),
    # A constant that no order can hold.
    ("mapping", MAPPING.replace(b"GROUP", b"all").replace(b'"priority":1', b'"priority":111111111111111111111')),
]


@pytest.mark.parametrize(("target", "data"), FOUND)
def test_an_input_that_once_broke_a_promise_keeps_it_now(target: str, data: bytes) -> None:
    examine(target)(data)


@pytest.mark.parametrize("target", TARGETS)
def test_the_examples_in_the_repository_are_those_of_the_targets_and_pass(target: str) -> None:
    kept = [path.read_bytes() for path in sorted((FOLDER / target).iterdir())]
    assert kept == examples(target), "run python -m bench.trials.fuzz.corpus_files"
    assert sum(map(len, kept)) < 20_000
    for data in kept:
        examine(target)(data)


@pytest.mark.parametrize("target", TARGETS)
def test_no_target_stumbles_over_inputs_of_no_kind(target: str) -> None:
    for data in (b"", b"\x00", b"\x01\n", b"\xff" * 9, bytes(range(256))):
        examine(target)(data)


def test_a_finding_ends_the_run_with_a_command_that_shows_it_again(tmp_path: pathlib.Path) -> None:
    """A target whose promise is broken on purpose: the campaign fails, and the command it prints fails alike."""
    (tmp_path / "sitecustomize.py").write_text(
        "import router.log.cursor as cursor\ncursor._ENTRY = cursor.re.compile(cursor._ENTRY.pattern)\n"
    )
    found = tmp_path / "var" / "fuzz" / "corpus" / "cursors"
    found.mkdir(parents=True)
    (found / "start").write_bytes(FOUND[4][1])
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "bench.trials.fuzz"]
    ran = subprocess.run(
        [*command, "--seconds", "1", "--target", "cursors"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 1 and "a cursor that is taken is one that was given out" in ran.stdout
    (said,) = [line.split() for line in ran.stdout.splitlines() if "--replay" in line]
    again = [*command, *said[said.index("--replay") :]]
    replay = subprocess.run(again, cwd=tmp_path, env=environment, capture_output=True, timeout=60, check=False)
    assert replay.returncode == 1 and b"AssertionError" in replay.stderr


# --- what was mended, in words ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line", [b"x" * 24, b"x" * 24 + b"\r", BOM + b"x" * 24, b"x" * 25, b" " * 99, b"{}" + b"\r" * 40]
)
def test_a_line_at_its_limit_is_judged_alike_however_it_arrives(line: bytes) -> None:
    limits = Limits(line_bytes_max=24)
    whole = decode_lines(line, 1, limits)
    splitter = LineSplitter(limits)
    blocks = [block for at in range(len(line)) for block in splitter.feed(line[at : at + 1])]
    blocks += splitter.finish()
    told = [refusal.detail for block in blocks for refusal in decode_block(block, limits).refused]
    assert told == [refusal.detail for refusal in whole.refused]


@pytest.mark.parametrize(
    ("odd", "shown"),
    [
        ("1e999", "1e999"),
        ("-1E+400", "-1E+400"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("[1.5,{}]", [1.5, {}]),
    ],
)
def test_a_number_that_no_type_holds_is_kept_as_its_text(odd: str, shown: object) -> None:
    line = json.dumps(plain_order())[:-1] + f',"x":{odd}}}'
    document = presentable(document_of(decode_lines(line.encode(), 1, Limits()).documents, 0))
    assert document["x"] == shown
    orjson.dumps(document)


@pytest.mark.parametrize(("depth", "taken"), [(50, True), (218, True), (221, False), (900, False), (100_000, False)])
def test_json_is_taken_as_deep_as_it_can_be_shown_again(depth: int, taken: bool) -> None:
    line = json.dumps(plain_order())[:-1] + ',"x":' + "[" * depth + "]" * depth + "}"
    wire = decode_lines(line.encode(), 1, Limits())
    assert len(wire.refused) == (not taken)
    if taken:
        orjson.dumps(document_of(wire.documents, 0))
    else:
        assert "nested too deeply" in wire.refused[0].detail


def test_a_column_that_cannot_be_kept_ends_the_stream_in_words() -> None:
    """It was a dictionary of lists, which can be written out by now."""
    views = pa.FixedSizeListArray.from_arrays(pa.array(["a", "b"], pa.string_view()), 2)
    batch = rows_to_arrow([plain_order()]).append_column("x", views)
    with pytest.raises(WireError, match="a column has a type that cannot be kept") as caught:
        list(ArrowStreamDecoder(Limits()).feed([stream(batch)]))
    assert caught.value.code == "arrow_schema"


def test_columns_named_like_an_object_or_a_line_are_shown_apart() -> None:
    batch = rows_to_arrow([plain_order()])
    names = ["customer", "json", *batch.schema.names]
    columns = [pa.array(["text"]), pa.array(['{"order_id":"other"}']), *batch.columns]
    (wire,) = ArrowStreamDecoder(Limits()).feed([stream(pa.RecordBatch.from_arrays(columns, names))])
    document = document_of(wire.documents, 0)
    assert document is not None
    assert (document["customer"], document["customer_id"]) == ("text", "C1")
    assert document["json"] == '{"order_id":"other"}' and "order_id" not in document


def test_values_that_python_cannot_hold_are_named_and_do_not_hide_the_others() -> None:
    decimals = pa.Array.from_buffers(pa.decimal128(2, 65_536), 1, [None, pa.py_buffer(b"\x07" + bytes(15))])
    columns = {"a": decimals, "b": pa.array([2**62], pa.timestamp("s")), "c": pa.array(["kept"])}
    document = document_of(pa.RecordBatch.from_arrays(list(columns.values()), list(columns)), 0)
    assert document == {**dict.fromkeys("ab", "a value beyond what its type can show"), "c": "kept"}


def test_a_cursor_has_digits_of_ascii() -> None:
    with pytest.raises(CursorError):
        parse_cursor("0:1٣.0", 1)


def test_a_header_with_a_wrong_quote_is_told_and_a_time_beyond_the_calendar_is_its_rows_fault() -> None:
    mapping = load_mapping(MAPPING.replace(b"GROUP", b"all"))
    with pytest.raises(Misconfigured, match="first row of the CSV file cannot be read"):
        list(CsvTranslator(mapping).orders(['"No"x,Sku\n']))
    translator = CsvTranslator(mapping)
    rows = ["1,A,1,1,01.01.0001,EUR,DE\n", "2,A,1,1,02.02.0203,EUR,DE\n"]
    orders = [json.loads(order.body) for order in translator.orders([HEADER.decode(), *rows])]
    assert [order["placed_at"] for order in orders] == ["0203-02-01T23:06:32Z"], "years have four digits"
    assert translator.report.not_orders["time_format"].rows == 1


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b'"at_most":"0"', b'"at_most":"NaN"', "a pattern or number that cannot be read"),
        (b"%d.%m.%Y", b"%Y %Y", "is no format of a time"),
        (b'"thousands"', b'"delimiter":"\\n","thousands"', "neither is an end of line"),
        (b'"thousands"', b'"encoding":"undefined","thousands"', "is unknown"),
    ],
)
def test_a_mapping_that_could_not_be_used_is_refused_before_it_is(old: bytes, new: bytes, says: str) -> None:
    with pytest.raises(Misconfigured, match=says):
        load_mapping(MAPPING.replace(b"GROUP", b"all").replace(old, new))
