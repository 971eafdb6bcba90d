"""A file of rejects that is sent back: no cell is lost in it, and untouched it is refused again as it was."""

from __future__ import annotations

import csv
import io
import pathlib
import re

import pytest

from adapters.channels.csv import report
from adapters.channels.csv.report import REASONS
from router.errors import Misconfigured
from tests.labs.csv_files import HEADER, PAGE, PLAIN, row, translate

SHORT = row("1").replace(",1 High St", "")  # the price would be blank, and its pieces those of another column
LONG = row("1", street="1 High St, Flat 2")
OPEN = row("1", street='"1 High St')
NEVER_CLOSED = [
    [SHORT],
    [LONG],
    [row("1").rstrip("\n") + ",more\n"],
    [row("1").rstrip("\n") + ",,,more\n"],
    [OPEN],
    [OPEN, row("2"), row("3", street='2"')],
    [row("1", street='"High" St')],
    [row("1", street='"1 High'), "St,1,A\n"],
    [row("2"), SHORT, row("1", item="B")],
    [row("2"), row("2", item="B"), ",,,\n", ',,,B,"x\n', row("3")],
    [row("1", price='"2'), "\n", row("2")],
    [row("1", street='"1, High St"', price='"2"x')],
]


def cells_of(text: str) -> set[str]:
    """Quotes aside, which may be the fault."""
    return {cell for line in text.replace('"', "").splitlines() for cell in line.split(",")} - {""}


@pytest.mark.parametrize("rows", NEVER_CLOSED)
@pytest.mark.parametrize("group", ["all", "consecutive"])
def test_what_was_refused_for_its_form_stays_refused_for_the_same_reason_until_somebody_mends_it(
    rows: list[str], group: str
) -> None:
    said = f'group = "{group}"\ncontinuation = "blank_id"\n{PLAIN}'
    found = translate(said, HEADER + "".join(rows))
    refused = "".join(rows[reject.record.row - 2] for reject in found.rejects)
    assert found.rejects and cells_of(refused) <= cells_of(found.written().decode("utf-8-sig"))
    again = translate(said, found.written())
    assert again.ids == [] and sorted(again.told) == sorted(found.told)
    once_more = translate(said, again.written())
    assert once_more.ids == [] and sorted(once_more.told) == sorted(found.told)
    assert once_more.written() == translate(said, once_more.written()).written()  # and so on for ever


def test_a_short_row_does_not_get_its_neighbours_cells() -> None:
    """Ten pieces ordered, one shipped: the cells moved to the left, and the last one was filled up with a blank."""
    header = "Order,When,Buyer,Street,Item,Price,Pieces\n"
    said = PLAIN + '[cells."lines.qty"]\ndefault = "1"\n'
    found = translate(said, header + "1,2026-03-02 09:00:00,1 High St,b1,7,10\n")
    assert found.reasons == {"row_shape": 1}
    again = translate(said, found.written())
    assert again.ids == [] and again.reasons == {"row_shape": 1}
    assert "6 cells where the header has 7; see that its cells stand in their columns" in again.details


def test_cells_of_a_row_that_is_too_long_stand_behind_the_reason() -> None:
    found = translate(PLAIN, HEADER + LONG.rstrip("\n") + ",,last\n")
    header, told = csv.reader(io.StringIO(found.written().decode("utf-8-sig")))
    assert header == [*HEADER.strip().split(","), "reject_reason", "reject_detail"]
    assert told == [
        *["1", "2026-03-02 09:00:00", "b1", "1 High St", " Flat 2", "A", "1", "row_shape"],
        *["10 cells where the header has 7", "2", "", "last"],
    ]
    rectangular = found.written().decode("utf-8-sig").replace("reject_detail", "reject_detail,,,")  # by a spreadsheet
    again = translate(PLAIN, rectangular)
    assert again.reasons == {"row_shape": 1} and again.ids == []
    header, told = csv.reader(io.StringIO(again.written().decode("utf-8-sig")))
    assert header[7:] == ["", "", "", "reject_reason", "reject_detail"] and told[7:10] == ["2", "", "last"]


@pytest.mark.parametrize("rows", [[SHORT], [LONG], [OPEN], [OPEN, row("2")]])
def test_a_row_that_is_mended_goes_when_its_reason_is_cleared(rows: list[str]) -> None:
    told = translate(PLAIN, HEADER + "".join(rows)).written().decode("utf-8-sig")
    [header, *refused] = csv.reader(io.StringIO(told))
    mended = io.StringIO(newline="")
    good = [row(str(number), pieces="3").strip().split(",") for number, _ in enumerate(refused, 1)]
    csv.writer(mended).writerows([header, *([*cells, "", "as you like"] for cells in good)])
    found = translate(PLAIN, mended.getvalue())
    assert [order["lines"][0]["qty"] for order in found.orders] == [3] * len(rows) and not found.rejects
    kept = mended.getvalue().replace(",,as you like", ",row_shape,as you like")
    assert translate(PLAIN, kept).ids == []


@pytest.mark.parametrize("reason", ["number_format", "order_with_faulty_row", "sku_unknown, qty_range", "so they said"])
def test_a_row_that_was_refused_for_its_content_is_judged_by_its_content(reason: str) -> None:
    header = HEADER.strip() + ",reject_reason,reject_detail\n"
    assert translate(PLAIN, header + row("1").strip() + f',"{reason}",why\n').ids == ["1"]
    found = translate(PLAIN, header + row("1", pieces="x").strip() + f',"{reason}",why\n')
    assert found.reasons == {"number_format": 1}


def test_an_order_is_held_by_its_one_row_that_is_not_mended() -> None:
    written = translate(PLAIN, HEADER + row("1") + SHORT + row("2", pieces="x")).written().decode("utf-8-sig")
    found = translate(PLAIN, written.replace(",x,", ",2,"))
    assert found.ids == ["2"] and found.told == [("1", "order_with_faulty_row"), ("1", "row_shape")]


@pytest.mark.parametrize(
    ("said", "above", "mark"),
    [
        ('delimiter = ";"', "", ";"),
        ("", "sep=;\n", ";"),
        ('quote = ""', "", ","),
        ('quote = "\'"', "", ","),
        ("skip_lines = 1", "March\n", ","),
        ("find_header = true", "March\n", ","),
        ('encoding = "utf-16"', "", ","),
        ('encoding = "cp1252"', "", ","),
        (f"column_names = {HEADER.strip().split(',')}", None, ","),
    ],
)
@pytest.mark.parametrize("rows", [SHORT, LONG])
def test_so_it_is_in_whatever_form_the_file_has(said: str, above: str | None, mark: str, rows: str) -> None:
    mapping = f"{PLAIN}[file]\n{said}\n"
    text = ("" if above is None else above) + (rows if above is None else HEADER + rows).replace(",", mark)
    encoding = "utf-16" if "utf-16" in said else "cp1252"
    found = translate(mapping, text.replace("b1", "Käufer").encode(encoding))
    assert found.told == [("1", "row_shape")]
    again = translate(mapping, found.written())
    assert (
        again.ids == []
        and again.told == found.told
        and again.written() == translate(mapping, again.written()).written()
    )


def test_files_of_rejects_and_exports_are_one_run() -> None:
    refused = translate(PLAIN, HEADER + SHORT + row("2", pieces="x")).written()
    moved = "Order,When,Buyer,Street,Item,Pieces,Price\n" + row("3") + row("4", pieces="y")
    for files in ((refused, moved), (moved, refused)):
        found = translate(PLAIN, *files)
        assert found.ids == ["3"]
        assert sorted(found.told) == [("1", "row_shape"), ("2", "number_format"), ("4", "number_format")]
        again = translate(PLAIN, found.written())
        assert again.ids == [] and sorted(again.told) == sorted(found.told)
    doubled = refused + refused.removeprefix(b"\xef\xbb\xbf")  # two files of rejects put together
    assert translate(PLAIN, doubled).reasons["header_again"] == 1


def test_the_files_own_column_of_that_name_is_kept() -> None:
    said = PLAIN.replace("[constants]", '"attributes.returned" = "reject_reason"\n[constants]')
    header = HEADER.strip() + ",reject_reason\n"
    file = header + row("1").strip() + ",too small\n" + row("2", pieces="x").strip() + ",too large\n"
    found = translate(said, file)
    assert found.order["attributes"] == {"returned": "too small"}
    text = found.written().decode("utf-8-sig")
    assert (
        text.splitlines()[0] == header.strip() + ",reject_reason,reject_detail" and ",too large,number_format," in text
    )
    again = translate(said, text)
    assert again.told == found.told and again.written() == found.written()
    assert translate(said, text.replace(",x,", ",2,")).order["attributes"] == {"returned": "too large"}


@pytest.mark.parametrize("moved", [lambda cells: cells[:-1], lambda cells: [*cells[-2:], *cells[:-2]]])
def test_a_reason_is_obeyed_where_somebody_moved_the_columns(moved: object) -> None:
    assert callable(moved)
    rows = csv.reader(io.StringIO(translate(PLAIN, HEADER + SHORT).written().decode("utf-8-sig")))
    text = io.StringIO(newline="")
    csv.writer(text).writerows(map(moved, rows))
    found = translate(PLAIN, text.getvalue())
    assert found.ids == [] and found.told == [("1", "row_shape")]
    assert "2026-03-02 09:00:00,b1,A,1,2," in found.written().decode()


def test_a_row_that_is_cut_in_a_file_of_rejects_is_refused_and_loses_nothing() -> None:
    header = HEADER.strip() + ",reject_reason,reject_detail\n"
    for cut in (row("1"), SHORT, "1,2026-03-02 09:00:00,b1,A,1,2,row_shape,short\n"):
        found = translate(PLAIN, header + cut)
        assert found.told == [("1", "row_shape")] and "cells where the header has 9" in found.details
        assert cells_of(cut) <= cells_of(found.written().decode("utf-8-sig"))
        assert translate(PLAIN, found.written()).ids == []


UNLINED = """
[columns]
order_id = "Order"
"lines.sku" = "Item"
"lines.qty" = "Pieces"
"customer.id" = "orders.who"
[constants]
currency = "EUR"
[joins.orders]
on = { Order = "id" }
path = "orders.csv"
holds_orders = true
[[filters]]
reason = "no_item"
column = "Item"
empty = true
"""


def test_an_order_without_lines_names_itself_in_its_own_column_and_waits_there_for_a_line() -> None:
    joined = {"orders": "id,who\n7,ada\n8,bob\n"}
    found = translate(UNLINED, "Item,Order,Pieces\nA,7,1\n", joined=joined)
    assert found.ids == ["7"] and found.written().decode("utf-8-sig").splitlines()[1].startswith(
        ",8,,order_without_lines,"
    )
    again = translate(UNLINED, found.written(), joined=joined)
    assert again.told == [("8", "order_without_lines")]
    mended = found.written().decode().replace(",8,,", "B,8,2,")
    assert translate(UNLINED, mended, joined=joined).line == {"sku": "B", "qty": 2, "line_id": "1"}


def test_the_page_has_every_reason_of_the_channel() -> None:
    table = PAGE.partition("## Rows that are not orders")[2].partition("\n## ")[0]
    named = {
        cell.strip(" `")
        for line in table.splitlines()
        if line.startswith("| `")
        for cell in line.split("|")[1].split(",")
    }
    assert named == REASONS


def test_every_fault_of_a_cell_has_one_of_these_reasons() -> None:
    sources = pathlib.Path(report.__file__).parent.glob("*.py")
    raised = {name for path in sources for name in re.findall(r'CellFault\("(\w+)"', path.read_text("utf-8"))}
    assert len(raised) > 10 and raised <= REASONS


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_no_filter_may_be_called_like_a_reason_of_the_channel(reason: str) -> None:
    with pytest.raises(Misconfigured, match=f"filter 1 .{reason}.: this reason is one of the channel's own"):
        translate(f'{PLAIN}[[filters]]\nreason = "{reason}"\ncolumn = "Item"\nempty = true\n', HEADER)
