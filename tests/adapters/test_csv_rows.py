"""Which rows a file has: header, what stands above and below, quotes, rows without an id, rows that do not agree."""

from __future__ import annotations

import csv
from collections.abc import Iterator

import pytest

from adapters.channels.csv.rows import CELL_CHARACTERS_MAX, LINE_CHARACTERS_MAX
from router.errors import Misconfigured
from tests.labs.csv_files import HEADER, PLAIN, row, translate

TITLED = """
[columns]
order_id = "Order"
"lines.sku" = "Item"
"lines.qty" = "Pieces"
[constants]
currency = "EUR"
[file]
delimiter = "\\t"
"""


def test_every_line_that_a_stray_quote_swallowed_is_lost_by_name_and_nothing_else() -> None:
    """The quote of t-2 is closed in t-5, where no separator follows: four rows are one unreadable one."""
    lines = [f"t-{n}\tA\t{title}\t1\n" for n, title in enumerate(["x", '"x', "x", "x", '7" x "new" ', "x"], 1)]
    found = translate(TITLED, "Order\tItem\tTitle\tPieces\n" + "".join(lines))
    assert found.ids == ["t-1", "t-6"]
    assert [(reject.order_id, reject.record.row) for reject in found.rejects] == [
        (f"t-{n}", n + 1) for n in (2, 3, 4, 5)
    ]
    assert found.reasons == {"quote_swallowed_rows": 4} and found.report.refused == 4


def test_rows_between_two_stray_quotes_are_not_read_as_one_row_of_the_right_width() -> None:
    """The cell from the first quote to the second closes well: t-2 would get the pieces of t-4."""
    lines = [f"t-{n}\tA\t{title}\t{n}\n" for n, title in enumerate(["x", '"x', "x", 'x"', "x"], 1)]
    found = translate(TITLED, "Order\tItem\tTitle\tPieces\n" + "".join(lines))
    assert found.ids == ["t-1", "t-5"] and found.reasons == {"quote_swallowed_rows": 3}


def test_a_quote_that_is_never_closed_loses_every_row_to_the_end_by_name() -> None:
    lines = [f"t-{n}\tA\t{title}\t1\n" for n, title in enumerate(["x", '"x', "x", "x"], 1)]
    found = translate(TITLED, "Order\tItem\tTitle\tPieces\n" + "".join(lines))
    assert found.ids == ["t-1"] and found.reasons == {"quote_swallowed_rows": 3}


@pytest.mark.parametrize("group", ["all", "consecutive"])
def test_an_order_that_has_another_row_among_the_swallowed_ones_is_not_sent_without_it(group: str) -> None:
    lines = ["t-1\tA\tx\t1\n", 't-2\tA\t"x\t1\n', "t-1\tB\tx\t1\n", "t-3\tA\tx\t1\n"]
    found = translate(f'group = "{group}"\n' + TITLED, "Order\tItem\tTitle\tPieces\n" + "".join(lines))
    assert found.ids == []
    assert {reject.order_id for reject in found.rejects} >= {"t-1", "t-2", "t-3"}


@pytest.mark.parametrize("group", ["all", "consecutive"])
def test_an_order_that_a_broken_piece_of_a_row_names_is_not_sent_without_it(group: str) -> None:
    lines = ["t-1\tA\tx\t1\n", "t-1\tA\n", "t-2\tA\tx\t1\n", 't-3\tA\t"x\t1\n', "t-2\tB\n"]
    found = translate(f'group = "{group}"\n' + TITLED, "Order\tItem\tTitle\tPieces\n" + "".join(lines))
    assert found.ids == [] and {lost.order_id for lost in found.rejects} == {"t-1", "t-2", "t-3"}


def test_with_an_empty_quote_a_quote_is_a_letter() -> None:
    lines = [f"t-{n}\tA\t{title}\t1\n" for n, title in enumerate(["x", '"x', 'x"', '7" x'], 1)]
    found = translate(TITLED + 'quote = ""\n', "Order\tItem\tTitle\tPieces\n" + "".join(lines))
    assert found.ids == ["t-1", "t-2", "t-3", "t-4"] and found.reasons == {}


def test_a_note_over_several_lines_is_a_cell_and_rows_are_called_by_the_line_they_begin_on() -> None:
    lines = ['1\tA\t"at the\nback, door\n\nplease"\t1\n', "2\tA\tx\tmany\n"]
    found = translate(TITLED, "Order\tItem\tTitle\tPieces\n" + "".join(lines))
    assert found.ids == ["1"] and found.report.not_orders["number_format"].examples[0][0] == 6


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;", "sep=|"])
def test_the_line_that_names_the_separator_is_obeyed(first: str, mark: str, ending: str) -> None:
    lines = [mark + first, (HEADER + row()).replace(",", first.strip('"')[-1]).replace("\n", ending)]
    found = translate(PLAIN, ending.join(lines))
    assert found.ids == ["1"] and found.reasons == {"before_header": 1}


@pytest.mark.parametrize("above", ["\n", ",,,,,,\n", "\n\n,,\n", " , \n"])
def test_blank_lines_above_the_header_are_passed_over_and_counted(above: str) -> None:
    found = translate(PLAIN, above + HEADER + row())
    assert found.ids == ["1"] and found.reasons == {"blank_row": above.count("\n")}


@pytest.mark.parametrize(
    ("said", "above"),
    [
        ("skip_lines = 2", "Orders of March\nShop: north, south\n"),
        ("skip_lines = 1", 'Report "of March\n'),
        ("skip_lines = 1", "sep=,\n"),
        ("find_header = true", "Orders of March\nShop: north\n\nFrom,To\n1 March,2 March\n"),
    ],
)
def test_lines_above_the_header_are_skipped_as_the_mapping_says_and_counted(said: str, above: str) -> None:
    found = translate(f"{PLAIN}[file]\n{said}\n", above + HEADER + row())
    assert found.ids == ["1"]
    assert found.reasons["before_header"] + found.reasons.get("blank_row", 0) == above.count("\n")


def test_a_header_that_is_nowhere_is_said_with_the_columns_that_are_looked_for() -> None:
    with pytest.raises(Misconfigured, match="No row of the CSV file has all columns"):
        translate(PLAIN + "[file]\nfind_header = true\n", "a,b\nc,d\n")


def test_a_file_without_a_header_gets_its_names_from_the_mapping() -> None:
    names = HEADER.strip().split(",")
    said = f"{PLAIN}[file]\ncolumn_names = {names}\n"
    assert translate(said, row() + row("2")).ids == ["1", "2"]
    assert translate(said, HEADER.strip() + ",reject_reason\n" + row().strip() + ",because\n").ids == ["1"]


FOOTERS = """
[[filters]]
reason = "footer"
matches = "(\\\\d+,records? downloaded|Seller ID).*"
"""


@pytest.mark.parametrize("footer", ["3,record downloaded\n", "12,records downloaded,,,,,\n", "Seller ID : me\n"])
def test_footers_of_any_shape_are_named_by_their_text(footer: str) -> None:
    found = translate(PLAIN + FOOTERS, HEADER + row() + "\n" + footer)
    assert found.ids == ["1"] and found.reasons == {"blank_row": 1, "footer": 1} and not found.report.refused


@pytest.mark.parametrize("footer", ["3,things\n", ",total,,,,,9\n", "Total: 9\n"])
def test_a_footer_that_no_filter_names_is_never_passed_over_in_silence(footer: str) -> None:
    found = translate(PLAIN, HEADER + row() + footer)
    assert found.report.refused >= 1 and sum(found.reasons.values()) >= 1


SUMMARY = """
[[filters]]
reason = "summary"
column = "Item"
empty = true
"""
SUMMED = (
    HEADER + row("1") + row("2", item="", pieces="2") + row("2", street="", when="") + row("2", item="B", street="")
)


def test_a_summary_row_can_carry_the_address() -> None:
    found = translate(f"{PLAIN}{SUMMARY}head = true\n", SUMMED)
    assert [order["ship_to"]["line1"] for order in found.orders] == ["1 High St", "1 High St"]
    assert [len(order["lines"]) for order in found.orders] == [1, 2] and found.reasons == {"summary": 1}


def test_an_order_whose_address_stands_only_in_rows_that_a_filter_left_out_is_refused() -> None:
    found = translate(PLAIN + SUMMARY, SUMMED)
    assert found.ids == ["1"] and found.reasons == {"summary": 1, "order_head_left_out": 2}
    assert "whole_order = true or head = true" in found.details


CANCELLED = """
[[filters]]
reason = "cancelled"
column = "Price"
equals = ["0"]
whole_order = true
"""


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("group", ["all", "consecutive"])
def test_a_filter_of_whole_orders_leaves_every_row_of_the_order_out(place: int, group: str) -> None:
    rows = [row("1", item=item, price="0" if at == place else "2") for at, item in enumerate("ABC")]
    found = translate(f'group = "{group}"\n{PLAIN}{CANCELLED}', HEADER + "".join(rows) + row("2"))
    assert found.ids == ["2"] and found.reasons == {"cancelled": 3} and not found.report.refused


CANCEL = """
[[events]]
type = "cancel"
event_id = "cancelled"
column = "Street"
equals = ["gone"]
left_out = true
columns = { at = "When" }
[[events]]
type = "deliver"
event_id = "delivered"
"""


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("group", ["all", "consecutive"])
def test_an_order_that_is_left_out_has_the_events_that_say_so_and_no_others(place: int, group: str) -> None:
    """The cell stands in the row that the filter names, or in another one."""
    rows = [
        row("1", item=item, price="0" if at == place else "2", street="" if at else "gone")
        for at, item in enumerate("ABC")
    ]
    said = f'group = "{group}"\norder_id_scope = "channel"\n{PLAIN}{CANCELLED}{CANCEL}'
    found = translate(said, HEADER + "".join(rows) + row("2"))
    assert found.ids == ["2"] and found.reasons == {"cancelled": 3} and not found.report.refused
    [cancel, deliver] = found.events
    assert cancel == {
        "event_id": "cancelled",
        "order_id": "1",
        "type": "cancel",
        "channel": "shop",
        "at": "2026-03-02T09:00:00Z",
    }
    assert (deliver["order_id"], deliver["type"]) == ("2", "deliver")
    assert not translate(said.replace("left_out = true\n", ""), HEADER + "".join(rows)).events


def test_a_cell_of_which_such_an_event_cannot_be_made_is_told() -> None:
    said = PLAIN + CANCELLED + CANCEL
    found = translate(said, HEADER + row("1", street="gone", when="soon", price="0") + row("2"))
    assert found.ids == ["2"] and found.report.orders_refused == {"event_field": 1} and not found.events[1:]
    assert translate(PLAIN + CANCELLED, HEADER + row("1", when="soon", price="0")).report.refused == 0


# Rows without an id

BARE = {"street": "", "buyer": "", "when": ""}
BLANK = HEADER + row("1") + row("", item="B", **BARE) + row("2") + row("", item="C", **BARE)


@pytest.mark.parametrize("group", ["all", "consecutive"])
def test_rows_without_an_id_belong_to_the_order_above_where_the_mapping_says_so(group: str) -> None:
    found = translate(f'continuation = "blank_id"\ngroup = "{group}"\n{PLAIN}', BLANK)
    assert [[line["sku"] for line in order["lines"]] for order in found.orders] == [["A", "B"], ["A", "C"]]


@pytest.mark.parametrize("group", ["all", "consecutive"])
def test_otherwise_the_whole_order_above_is_refused(group: str) -> None:
    found = translate(f'group = "{group}"\n{PLAIN}', BLANK + row("3"))
    assert found.ids == ["3"] and found.report.orders_refused == {"value_missing": 2}
    assert found.reasons == {"value_missing": 2, "order_with_faulty_row": 2}
    assert [reject.record.row for reject in found.rejects] == [2, 3, 4, 5]


def test_a_row_without_an_id_above_all_orders_is_refused_alone() -> None:
    found = translate(f'continuation = "blank_id"\n{PLAIN}', HEADER + row("", **BARE) + row("1"))
    assert found.ids == ["1"] and found.reasons == {"value_missing": 1} and found.report.rows_alone == 1


@pytest.mark.parametrize("continuation", ["none", "blank_id"])
@pytest.mark.parametrize("group", ["all", "consecutive"])
def test_a_row_without_an_id_that_may_be_of_the_order_below_refuses_that_one_too(group: str, continuation: str) -> None:
    """Its customer is not the one above, so it may be the first row of order 2, whose id was lost."""
    rows = row("1") + row("", buyer="b2", item="B") + row("2", buyer="b2") + row("3")
    found = translate(f'group = "{group}"\ncontinuation = "{continuation}"\n{PLAIN}', HEADER + rows)
    assert found.ids == ["3"] and found.report.refused == 2
    assert {reject.order_id for reject in found.rejects} == {"1", "2"}


def test_a_faulty_row_without_an_id_spoils_the_order_above_it() -> None:
    found = translate(f'continuation = "blank_id"\n{PLAIN}', HEADER + row("1") + row("", pieces="x") + row("2"))
    assert found.ids == ["2"] and found.report.orders_refused == {"number_format": 1}
    found = translate(f'continuation = "blank_id"\n{PLAIN}', HEADER + row("1") + ",,,,B\n" + row("2"))
    assert found.ids == ["2"] and found.report.orders_refused == {"row_shape": 1}


# Rows that are not of one order


@pytest.mark.parametrize("differing", [{"buyer": "b2"}, {"street": "2 High St"}, {"buyer": "b2", "street": "9 Low St"}])
@pytest.mark.parametrize("group", ["all", "consecutive"])
def test_rows_of_one_id_for_two_customers_or_addresses_are_no_order(group: str, differing: dict[str, str]) -> None:
    found = translate(f'group = "{group}"\n{PLAIN}', HEADER + row() + row(item="B", **differing) + row("2"))
    assert found.ids == ["2"] and found.reasons == {"order_rows_differ": 2}
    assert found.report.orders_refused == {"order_rows_differ": 1}
    assert "in row 2 and" in found.details and "in row 3" in found.details


def test_rows_in_two_currencies_are_no_order() -> None:
    said = PLAIN.replace('currency = "EUR"\n', "").replace("[constants]", 'currency = "Street"\n[constants]')
    found = translate(said.replace('"ship_to.line1" = "Street"\n', ""), HEADER + row(street="EUR") + row(street="USD"))
    assert found.ids == [] and found.reasons == {"order_rows_differ": 2}


@pytest.mark.parametrize("same", ["1 HIGH ST", "1  High St ", "", "1 high st"])
def test_case_blanks_and_empty_cells_make_no_other_address(same: str) -> None:
    found = translate(PLAIN, HEADER + row() + row(item="B", street=same))
    assert found.order["ship_to"]["line1"] == "1 High St" and len(found.order["lines"]) == 2


def test_two_whole_addresses_are_not_put_together_to_a_third() -> None:
    said = PLAIN.replace('"lines.sku"', '"ship_to.line2" = "Flat"\n"lines.sku"')
    head = HEADER.strip() + ",Flat\n"
    file = head + row().strip() + ",\n" + row(item="B").strip() + ",Flat 2\n"
    assert translate(said, file).reasons == {"order_rows_differ": 2}
    file = head + row().strip() + ",Flat 2\n" + row(item="B", street="").strip() + ",\n"
    assert translate(said, file).order["ship_to"]["line2"] == "Flat 2"


@pytest.mark.parametrize("order_id", ["2.19E+26", "4.05359E+11", "4,05359E+11", "1e+15", "4.05e11", "-1.5E-07"])
def test_an_id_in_scientific_form_is_named_as_spoilt(order_id: str) -> None:
    rows = f'"{order_id}",' + row("x", item="B").partition(",")[2]
    found = translate(PLAIN, HEADER + rows + row("405358863537"))
    assert found.ids == ["405358863537"] and found.reasons == {"id_spoilt": 1} and "spreadsheet" in found.details


@pytest.mark.parametrize("order_id", ["1E5", "12E4", "E+11", "405358863537", "2.19", "A1.5E+10", "111-2223334-5556667"])
def test_ids_that_only_look_a_little_like_numbers_are_kept(order_id: str) -> None:
    assert translate(PLAIN, HEADER + row(order_id)).ids == [order_id]


def test_customers_and_skus_in_scientific_form_are_spoilt_too() -> None:
    assert translate(PLAIN, HEADER + row(item="1.2E+10")).reasons == {"id_spoilt": 1}
    assert translate(PLAIN, HEADER + row(buyer="1.2E+10")).reasons == {"id_spoilt": 1}


def test_a_shops_name_can_stand_before_the_id() -> None:
    said = PLAIN + '[cells.order_id]\nprefix = "north/"\n'
    assert translate(said, HEADER + row("7")).ids == ["north/7"]
    assert translate(said, HEADER + row("2.19E+26")).reasons == {"id_spoilt": 1}
    assert translate(said + '[strip.order_id]\nprefix = "#"\n', HEADER + row("#7")).ids == ["north/7"]
    assert translate(said, HEADER + row("")).reasons == {"value_missing": 1}  # a name alone is no id


def test_ids_can_be_unique_within_a_seller() -> None:
    said = PLAIN.replace("[constants]", 'seller = "Buyer"\n[constants]').replace('"customer.id" = "Buyer"\n', "")
    file = HEADER + row("7", buyer="s1") + row("7", buyer="s2", item="B") + row("7", buyer="s1", item="C")
    assert translate(said, file).reasons == {"order_rows_differ": 3}
    found = translate('order_id_scope = "seller"\n' + said, file)
    assert [(order["seller"], len(order["lines"])) for order in found.orders] == [("s1", 2), ("s2", 1)]


@pytest.mark.parametrize("group", ["all", "consecutive"])
def test_an_export_cut_into_files_is_one_where_the_mapping_says_so(group: str) -> None:
    files = (HEADER + row("1") + row("2"), HEADER + row("2", item="B"))
    found = translate(f'group = "{group}"\nacross_files = "join"\n{PLAIN}', *files)
    assert [len(order["lines"]) for order in found.orders] == [1, 2]
    found = translate(f'group = "{group}"\n{PLAIN}', *files)
    assert found.ids == ["1"] and found.report.refused == 1 and len(found.rejects) == 2


def test_overlapping_exports_multiply_nothing() -> None:
    first = HEADER + row("1") + row("2") + row("2", item="B")
    found = translate(PLAIN, first, HEADER + row("2") + row("2", item="B") + row("3"))
    assert [len(order["lines"]) for order in found.orders] == [1, 2, 1]
    assert found.reasons == {"order_again": 2} and not found.report.refused
    for later in (
        row("2"),
        row("2", item="B") + row("2"),
        row("2") + row("2", item="B", pieces="2"),
        row("2", buyer="x"),
    ):
        found = translate(PLAIN, first, HEADER + later)
        assert found.ids == ["1"] and found.report.orders_refused == {"order_in_two_files": 1}
        assert "across_files" in found.details


def test_rows_of_two_files_sent_again_together_stay_refused_until_somebody_chooses() -> None:
    told = HEADER.strip() + ",reject_reason\n"
    rows = row("2").strip() + ",order_in_two_files\n"
    found = translate(PLAIN, told + rows + rows)
    assert found.ids == [] and found.reasons == {"order_in_two_files": 2}
    assert translate(PLAIN, told + row("2").strip() + ",\n").ids == ["2"]
    assert translate(PLAIN, told + row("2").strip() + ",order_rows_differ\n").ids == ["2"]  # judged anew


def test_files_of_one_run_may_have_their_columns_in_another_order() -> None:
    other = HEADER.replace("Order,When", "When,Order")
    found = translate(PLAIN, HEADER + row("1"), other + "2026-03-02 09:00:00,2,b1,1 High St,A,1,2\n")
    assert found.ids == ["1", "2"]


def test_separators_at_the_end_of_a_row_are_no_cells_but_missing_ones_are_missed() -> None:
    assert translate(PLAIN, HEADER + row("1").strip() + ",,\n" + row("2")).ids == ["1", "2"]
    assert translate(PLAIN, HEADER + row("1").strip() + ",,x\n").reasons == {"row_shape": 1}
    assert translate(PLAIN, HEADER + row("1").rpartition(",")[0] + "\n").reasons == {"row_shape": 1}


def test_a_header_in_the_middle_is_passed_over_and_counted() -> None:
    found = translate(PLAIN, HEADER + row("1") + HEADER + row("2"))
    assert found.ids == ["1", "2"] and found.reasons == {"header_again": 1}


def test_an_id_with_more_digits_than_a_spreadsheet_keeps_is_spoilt_when_the_rest_is_zeros() -> None:
    assert translate(PLAIN, HEADER + row("21901234567890100000")).reasons == {"id_spoilt": 1}
    for whole in ("21901234567890112345", "2190123456789010000", "100000", "00000"):
        assert translate(PLAIN, HEADER + row(whole)).ids == [whole]


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    found = translate(PLAIN + CANCELLED, (HEADER + row(price="0", street="x")).encode().replace(b"x", b"\xff"))
    assert r"\udcff" in found.details
    found.details.encode()


LIMIT = CELL_CHARACTERS_MAX


@pytest.fixture(params=[LIMIT, 8 * LIMIT])
def of_the_process(request: pytest.FixtureRequest) -> Iterator[None]:
    """What ``csv`` takes as one cell is one number of the process: ours, or what tables set it to."""
    before = csv.field_size_limit(request.param)
    yield
    csv.field_size_limit(before)


@pytest.mark.usefixtures("of_the_process")
@pytest.mark.parametrize("cell", ["x" * (LIMIT + 1), f'"{"x," * LIMIT}"', f'"{"x" * LIMIT}""y"'])
def test_a_cell_that_is_too_large_is_refused_by_row_and_column_and_its_neighbours_go(cell: str) -> None:
    found = translate(PLAIN, HEADER + row("1") + row("2", street=cell) + row("3", street='"at, the back"'))
    assert found.ids == ["1", "3"] and found.reasons == {"row_shape": 1}
    assert found.report.not_orders["row_shape"].examples == [
        (3, f"column 'Street' has more than {LIMIT:,} characters: shorten it, or close the quote before it")
    ]
    assert found.written().count(b"x") == cell.count("x")


@pytest.mark.usefixtures("of_the_process")
def test_a_cell_of_that_size_is_read() -> None:
    said = PLAIN.replace("[constants]", '"attributes.note" = "Note"\n[constants]')
    file = HEADER.replace("\n", ",Note\n") + row("1").strip() + f",{'x' * LIMIT}\n"
    assert translate(said, file).reasons == {}


@pytest.mark.parametrize(
    ("rows", "where"),
    [
        (row("2", item="x" * LINE_CHARACTERS_MAX), "Line 3 of .* in column 'Item'"),
        (row("2", item=f'"{"x," * LINE_CHARACTERS_MAX}'), "Line 3 of .* in column 'Item'"),
        (row("2", street='"at the\nback"', item="x" * LINE_CHARACTERS_MAX), "Line 4 of .* in column 'Item'"),
        (row("2").strip() + ",x" * LINE_CHARACTERS_MAX, "Line 3 of .* in column [0-9]+,"),
    ],
)
@pytest.mark.usefixtures("of_the_process")
@pytest.mark.parametrize("group", ["all", "consecutive"])
def test_a_line_that_is_no_row_stops_the_run_before_anything_is_sent(rows: str, where: str, group: str) -> None:
    with pytest.raises(Misconfigured, match=where):
        translate(f'group = "{group}"\n{PLAIN}', HEADER + row("1") + rows)


@pytest.mark.parametrize("above", ["", "[file]\nskip_lines = 2\n", "[file]\nfind_header = true\n"])
def test_a_line_that_is_no_header_is_refused_by_its_number(above: str) -> None:
    for file, line in (("x" * (LINE_CHARACTERS_MAX + 1), 1), ("\n" + "x," * LINE_CHARACTERS_MAX, 2)):
        with pytest.raises(Misconfigured, match=f"Line {line} of the CSV file has more than"):
            translate(PLAIN + above, file)


@pytest.mark.parametrize("error", ["#N/A", "#DIV/0!", "#NAME?"])
@pytest.mark.parametrize("column", ["order", "street", "item", "pieces", "price", "when"])
def test_an_error_of_a_spreadsheet_is_no_value_of_any_column_that_is_used(error: str, column: str) -> None:
    faulty = row(error) if column == "order" else row("1", **{column: error})
    found = translate(PLAIN, HEADER + faulty + row("1", item="B") + row("2"))
    assert found.reasons["cell_error"] == 1 and found.ids == (["1", "2"] if column == "order" else ["2"])
    name = {"order": "Order", "when": "When"}.get(column, column.title())
    assert f"column '{name}' has the error {error} of a spreadsheet" in found.details
    assert translate(PLAIN, found.written()).told == found.told


def test_such_an_error_is_nothing_where_nobody_looks_and_may_be_named_by_a_filter() -> None:
    assert translate(PLAIN, HEADER.strip() + ",More\n" + row("1").strip() + ",#N/A\n").ids == ["1"]
    assert translate(PLAIN, HEADER + row("1", item="#N/A: see note")).ids == ["1"]
    said = PLAIN + '[[filters]]\nreason = "no_price"\ncolumn = "Price"\nequals = ["#N/A"]\n'
    found = translate(said, HEADER + row("1") + row("1", price="#N/A", item="B"))
    assert found.ids == ["1"] and found.reasons == {"no_price": 1}


def test_an_error_in_a_joined_file_refuses_the_orders_that_have_it() -> None:
    said = PLAIN.replace('"Price"', '"goods.price"') + '[joins.goods]\non = { Item = "sku" }\npath = "goods.csv"\n'
    goods = "sku,price,more\nA,#REF!,\nB,2,#REF!\n"
    found = translate(said, HEADER + row("1") + row("2", item="B"), joined={"goods": goods})
    assert found.ids == ["2"] and "column 'goods.price' has the error #REF!" in found.details
