"""Number cells of a workbook are their values, whatever marks the mapping has for texts."""

from __future__ import annotations

import datetime as dt
import io
import json
import pathlib
import zipfile
from typing import Any

import pytest

from actors.client.rejects import RowRejects
from actors.client.row_source import RowSource
from adapters.channels.csv.load_mapping import load_mapping
from router.errors import Misconfigured
from tests.labs.csv_files import HEADER, PLAIN
from tests.labs.workbook import Error, open_document, open_row, workbook

GERMAN = PLAIN + '[file]\ndecimal = ","\nthousands = "."\ndelimiter = ";"\n'
NAMES: list[object] = [*HEADER.strip().split(",")]
MOMENT = dt.datetime(2026, 3, 2, 9)


def _sheet(path: pathlib.Path, *rows: list[object]) -> pathlib.Path:
    path.write_bytes(workbook(rows))
    return path


def _line(qty: object, price: object, order: object = "1", item: object = "A") -> list[object]:
    return [order, MOMENT, "b1", "1 High St", item, qty, price]


def _read(path: pathlib.Path, mapping: str, rejects: RowRejects | None = None) -> tuple[list[Any], RowSource]:
    with RowSource([str(path)], load_mapping(mapping.encode()), {}, rejects) as source:
        return [json.loads(order.body) for order in source.orders()], source


@pytest.mark.parametrize(
    ("price", "minor"),
    [
        (12.9, 1290),
        (1.125, None),
        (12.345, None),
        (1125.0, 112500),
        (1234567.5, 123456750),
        (0.1 + 0.2, 30),
        (0.00001, None),
        (-0.0, 0),
        ("8,90", 890),
        ("1.125", 112500),
        ("1.125,5", 112550),
        ("12.9", None),
    ],
)
@pytest.mark.parametrize("of_column", [False, True])
def test_a_number_cell_is_its_value_and_a_text_is_read_by_its_marks(
    price: object, minor: int | None, of_column: bool, tmp_path: pathlib.Path
) -> None:
    own = PLAIN + '[cells."lines.unit_price"]\ndecimal = ","\nthousands = "."\n'
    orders, source = _read(_sheet(tmp_path / "o.xlsx", NAMES, _line(2, price)), own if of_column else GERMAN)
    assert [order["lines"][0]["unit_price"] for order in orders] == ([] if minor is None else [minor])
    assert source.report.orders_refused == ({"amount_format": 1} if minor is None else {})


@pytest.mark.parametrize(
    ("qty", "read"), [(3.0, [3]), (1.125, []), (1.5, []), ("1.125", [1125]), (True, []), (None, [])]
)
def test_a_quantity_is_a_whole_number(qty: object, read: list[int], tmp_path: pathlib.Path) -> None:
    orders, _ = _read(_sheet(tmp_path / "o.xlsx", NAMES, _line(qty, 1)), GERMAN)
    assert [order["lines"][0]["qty"] for order in orders] == read


def test_what_is_no_number_of_the_order_keeps_its_point(tmp_path: pathlib.Path) -> None:
    orders, _ = _read(_sheet(tmp_path / "o.xlsx", NAMES, _line(1, 1, order=17.0, item=12.5)), GERMAN)
    assert (orders[0]["order_id"], orders[0]["lines"][0]["sku"]) == ("17", "12.5")
    assert orders[0]["placed_at"] == "2026-03-02T09:00:00Z"


def test_filters_compare_the_value(tmp_path: pathlib.Path) -> None:
    said = GERMAN + '[[filters]]\nreason = "small"\ncolumn = "Price"\nbelow = "2"\n'
    orders, source = _read(_sheet(tmp_path / "o.xlsx", NAMES, _line(1, 1.125, "1"), _line(1, 2.5, "2")), said)
    assert [order["order_id"] for order in orders] == ["2"] and source.report.not_orders["small"].rows == 1


def test_rejects_of_a_workbook_say_the_same_number_when_they_are_sent_again(tmp_path: pathlib.Path) -> None:
    text = io.StringIO(newline="")
    rejects = RowRejects(text, load_mapping(GERMAN.encode()).file)
    _read(_sheet(tmp_path / "o.xlsx", NAMES, _line(1.125, 12.9), _line(1, 12.5, item="B")), GERMAN, rejects)
    again = tmp_path / "bad.csv"
    again.write_text(text.getvalue().replace("1,125", "1"))
    [order], _ = _read(again, GERMAN)
    assert [line["unit_price"] for line in order["lines"]] == [1290, 1250]


def test_sums_and_events_of_a_joined_workbook_are_of_values(tmp_path: pathlib.Path) -> None:
    said = GERMAN.replace("[columns]", '[columns]\ntotal = "paid.Sum"') + (
        '[joins.paid]\non = { Order = "Order" }\npath = "paid.xlsx"\nmerge = { Sum = "sum" }\n'
        '[joins.paid.file]\ndecimal = ","\n'
        '[[events]]\ntype = "payment_captured"\neach = "paid"\nevent_id = "p-{No}"\n'
        'columns = { amount = "Tip", payment_id = "No" }\n'
    )
    said = said.replace('merge = { Sum = "sum" }', 'merge = { Sum = "sum", Tip = "first", No = "first" }')
    _sheet(tmp_path / "paid.xlsx", ["Order", "Sum", "Tip", "No"], ["1", 1.125, 2.5, 1], ["1", 2.875, 3, 2])
    path = _sheet(tmp_path / "o.xlsx", NAMES, _line(1, 4))
    with RowSource([str(path)], load_mapping(said.encode()), {}) as source:
        [order] = source.orders()
    assert json.loads(order.body)["total"] == 400
    assert [json.loads(event)["amount"] for event in order.events] == [250, 300]


def test_a_sum_in_other_marks_than_its_field_is_a_fault_of_the_mapping() -> None:
    said = GERMAN.replace("[columns]", '[columns]\ntotal = "paid.Sum"')
    said += '[joins.paid]\non = { Order = "Order" }\npath = "paid.csv"\nmerge = { Sum = "sum" }\n'
    with pytest.raises(Misconfigured, match=r"paid.Sum is summed with '.' before decimals, but total is read with ','"):
        load_mapping(said.encode())


def _reasons(source: RowSource) -> dict[str, tuple[int, str]]:
    return {reason: left.examples[0] for reason, left in source.report.not_orders.items()}


@pytest.mark.parametrize("error", ["#N/A", "#DIV/0!", "#REF!"])
@pytest.mark.parametrize("place", range(len(NAMES)))
def test_a_cell_with_an_error_refuses_its_row_by_name_where_its_column_is_used(
    error: str, place: int, tmp_path: pathlib.Path
) -> None:
    faulty = _line(1, 2, order="2")
    faulty[place] = Error(error)
    path = _sheet(tmp_path / "o.xlsx", NAMES, _line(1, 2), faulty, _line(1, 2, order="3"))
    text = io.StringIO(newline="")
    orders, source = _read(path, GERMAN, RowRejects(text, load_mapping(GERMAN.encode()).file))
    assert "1" in {order["order_id"] for order in orders} and len(orders) == 2
    row, said = _reasons(source)["cell_error"]
    assert row == 3 and said.startswith(f"column {NAMES[place]!r} has the error {error} of a spreadsheet")
    again = tmp_path / "bad.csv"
    again.write_text(text.getvalue())
    orders, source = _read(again, GERMAN)
    assert not orders and "cell_error" in _reasons(source)


def test_an_error_in_a_column_that_nobody_uses_is_nothing(tmp_path: pathlib.Path) -> None:
    path = _sheet(tmp_path / "o.xlsx", [*NAMES, "More"], [*_line(1, 2), Error("#N/A")])
    assert len(_read(path, GERMAN)[0]) == 1


def test_errors_of_an_open_document_are_seen_in_the_sheet_that_is_read_and_in_every_repeated_row(
    tmp_path: pathlib.Path,
) -> None:
    first = open_row(*NAMES) + open_row(Error("#N/A"))
    cells = ["b1", "1 High St", "A", "1"]
    rows = [
        open_row(*NAMES),
        open_row("1", "2026-03-02 09:00:00", *cells, "2"),
        open_row("2", "2026-03-02 09:00:00", *cells, Error("#DIV/0!"), repeated=2),
        open_row("3", Error("Err:502"), *cells, "2"),  # as the language of somebody's spreadsheet has it
        open_row("4", "2026-03-02 09:00:00", *cells, "2"),
    ]
    path = tmp_path / "o.ods"
    path.write_bytes(open_document(("First", first), ("Orders", "".join(rows))))
    orders, source = _read(path, GERMAN + 'sheet = "Orders"\n')
    assert [order["order_id"] for order in orders] == ["1", "4"]
    told = source.report.not_orders["cell_error"].examples
    assert [(row, said.split(" of ")[0]) for row, said in told] == [
        (3, "column 'Price' has the error #DIV/0!"),
        (4, "column 'Price' has the error #DIV/0!"),
        (5, "column 'When' has the error #VALUE!"),
    ]


def test_a_sheet_that_says_an_error_and_is_no_xml_is_refused_in_words(tmp_path: pathlib.Path) -> None:
    with zipfile.ZipFile(io.BytesIO(workbook([NAMES, _line(1, Error("#N/A"))]))) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    with zipfile.ZipFile(tmp_path / "o.xlsx", "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part.replace(b"</sheetData></worksheet>", b"</sheetData></worksheet><"))
    with pytest.raises(Misconfigured, match="is no readable workbook"):
        _read(tmp_path / "o.xlsx", GERMAN)
