"""Whole or not at all: whatever is done to a file, an order that is sent is the order that was written."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.labs.csv_files import translate

NAMES = "Order,Buyer,Item,Title,Pieces,Note"
Line = tuple[str, str, int, str]  # SKU, title, pieces, note
Order = tuple[str, list[Line]]


def mapping(group: str, continuation: str) -> str:
    return f"""
group = "{group}"
continuation = "{continuation}"
[columns]
order_id = "Order"
"customer.id" = "Buyer"
"lines.sku" = "Item"
"lines.qty" = "Pieces"
[constants]
currency = "EUR"
"""


titles = st.sampled_from(
    ["lamp", '"lamp', 'lamp"', '"', '""', '7" lamp', '"a" lamp', '"a, b"', "a; b", '" lamp', "", '"""']
)
notes = st.sampled_from(["", "", "ring twice", '"at the\nback"', '"x, y\n\nz"', '"', 'end"'])
lines = st.tuples(st.sampled_from(["A", "B"]), titles, st.integers(1, 9), notes)
orders = st.lists(st.lists(lines, min_size=1, max_size=3), min_size=1, max_size=6)
damages = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from(["cut", "blank id", "other buyer", "more"])), max_size=2
)


def written(order: int, lines: Sequence[Line], continued: bool) -> list[str]:
    rows = []
    for at, (sku, title, pieces, note) in enumerate(lines):
        head = ",b" if continued and at else f"o{order},b{order}"
        head = "," if continued and at else head
        rows.append(f"{head},{sku},{title},{pieces},{note}\n")
    return rows


@settings(max_examples=400, deadline=None)
@given(orders, damages, st.sampled_from(["all", "consecutive"]), st.booleans())
@example([[("A", '"lamp', 1, "")], [("A", "x", 2, "")], [("A", 'lamp"', 3, "")]], [], "all", False)
@example([[("A", '"lamp', 1, "")], [("A", "x", 2, ""), ("B", 'x"', 4, "")]], [], "consecutive", True)
@example(
    [[("A", "lamp", 1, "")], [("A", '"lamp', 1, '"at the\nback"'), ("A", "lamp", 1, "")]],
    [(1, "blank id")],
    "all",
    False,
)
def test_an_order_that_is_sent_is_the_one_that_was_written(
    drawn: list[list[Line]], done: list[tuple[int, str]], group: str, continued: bool
) -> None:
    rows = [row for number, lines in enumerate(drawn) for row in written(number, lines, continued)]
    for at, what in done:
        row = rows[at % len(rows)]
        cells = row.rstrip("\n").split(",")
        if what == "cut":
            row = ",".join(cells[:3]) + "\n"
        elif what == "blank id":
            row = ",".join(["", *cells[1:]]) + "\n" if not continued else row
        elif what == "other buyer":
            row = ",".join([cells[0], "other" if cells[0] else cells[1], *cells[2:]]) + "\n"
        else:
            row = row.rstrip("\n") + ",more\n"
        rows[at % len(rows)] = row
    found = translate(mapping(group, "blank_id" if continued else "none"), NAMES + "\n" + "".join(rows))
    for order in found.orders:
        number = int(order["order_id"].removeprefix("o"))
        sent = [(line["sku"], line["qty"]) for line in order["lines"]]
        assert sent == [(sku, pieces) for sku, _, pieces, _ in drawn[number]], "shortened, or made of two"
        assert order["customer"]["id"] in (f"b{number}", "other")
    told = {reject.order_id for reject in found.rejects}
    lost = {f"o{number}" for number in range(len(drawn))} - set(found.ids)
    named = {row.partition(",")[0] for row in rows}
    assert lost & named <= told, "an order that is not sent is told by name"
    again = translate(mapping(group, "blank_id" if continued else "none"), found.written())
    assert not again.ids, "what was refused is refused when it is sent back untouched"
    assert {reason for _, reason in again.told} == {reason for _, reason in found.told}
