"""Small exports through the CSV channel: a mapping and a file as texts, orders and the account of every row back."""

from __future__ import annotations

import io
import pathlib
from collections.abc import Callable
from collections.abc import Mapping as Named
from dataclasses import dataclass
from typing import Any

import msgspec

from actors.client.rejects import RowRejects
from adapters.channels.csv.binding import used_columns
from adapters.channels.csv.joins import make_tables
from adapters.channels.csv.load_mapping import load_mapping
from adapters.channels.csv.mapping import FileFormat
from adapters.channels.csv.report import CsvReport, Reject
from adapters.channels.csv.rows import TextRows
from adapters.channels.csv.translate import CsvTranslator
from router.config import Limits
from router.wire.order_json import plain_line

Document = dict[str, Any]
LIMITS = Limits()
PAGE = (pathlib.Path(__file__).parents[2] / "docs/csv-channel.md").read_text(encoding="utf-8")

PLAIN = """
[columns]
order_id = "Order"
placed_at = "When"
"customer.id" = "Buyer"
"ship_to.line1" = "Street"
"lines.sku" = "Item"
"lines.qty" = "Pieces"
"lines.unit_price" = "Price"
[constants]
channel = "shop"
currency = "EUR"
"customer.name" = "Ada"
"""
HEADER = "Order,When,Buyer,Street,Item,Pieces,Price\n"


def row(order: str = "1", **cells: str) -> str:
    """A row of HEADER; cells by their column's name in lower case."""
    usual = {
        "when": "2026-03-02 09:00:00",
        "buyer": "b1",
        "street": "1 High St",
        "item": "A",
        "pieces": "1",
        "price": "2",
    }
    assert not cells.keys() - usual.keys()
    return ",".join([order, *(usual | cells).values()]) + "\n"


def mapping_of(title: str) -> str:
    """The mapping that docs/csv-channel.md has under this title."""
    section = PAGE.partition(f"\n### {title}")[2]
    assert section, f"docs/csv-channel.md has no section {title}"
    return section.partition("```toml\n")[2].partition("```")[0]


class Kept:
    """What was refused, in memory."""

    def __init__(self) -> None:
        self.rejects: list[Reject] = []
        self.put = self.rejects.append
        self._files: list[tuple[list[str], list[str], str]] = []

    def begin(self, header: list[str], preamble: list[str], delimiter: str) -> None:
        self._files.append((header, preamble, delimiter))

    def written(self, form: FileFormat) -> bytes:
        """The file of rejects as the commands write it."""
        text = io.StringIO(newline="")
        writer = RowRejects(text, form)
        for file in self._files:
            writer.begin(*file)
        for reject in self.rejects:
            writer.put(reject)
        return text.getvalue().encode(form.encoding, "surrogateescape")


@dataclass
class Outcome:
    orders: list[Document]
    report: CsvReport
    rejects: list[Reject]
    events: list[Document]
    written: Callable[[], bytes]  # the file of rejects

    @property
    def told(self) -> list[tuple[str, str]]:
        """Order and reason of every row that was refused."""
        return [(reject.order_id, reject.reason) for reject in self.rejects]

    @property
    def ids(self) -> list[str]:
        return [order["order_id"] for order in self.orders]

    @property
    def order(self) -> Document:
        [order] = self.orders
        return order

    @property
    def line(self) -> Document:
        [line] = self.order["lines"]
        return dict(line)

    @property
    def reasons(self) -> dict[str, int]:
        return {reason: left.rows for reason, left in self.report.not_orders.items()}

    @property
    def details(self) -> str:
        return "\n".join(said for left in self.report.not_orders.values() for _, said in left.examples)


def translate(mapping: str, *files: str | bytes, joined: Named[str, str] | None = None) -> Outcome:
    """What becomes of the files; that every row is accounted for and every order readable is asserted each time."""
    said = load_mapping(mapping.encode())
    tables = make_tables(
        said,
        {name: TextRows(io.StringIO(text, newline=""), said.joins[name].file) for name, text in (joined or {}).items()},
        used_columns(said),
    )
    kept = Kept()
    left_out: list[bytes] = []
    translator = CsvTranslator(said, tables, kept, left_out.extend)
    texts = [file.encode() if isinstance(file, str) else file for file in files]
    lines = [
        io.TextIOWrapper(io.BytesIO(text), said.file.encoding, errors="surrogateescape", newline="") for text in texts
    ]
    made = list(translator.orders(*lines))
    report = translator.report
    assert report.rows == report.order_lines + sum(left.rows for left in report.not_orders.values())
    assert report.orders == len(made)
    assert bool(kept.rejects) == bool(report.refused)
    if said.order_id_scope == "global":
        assert not {order.order_id for order in made} & {reject.order_id for reject in kept.rejects}
    for order in made:
        plain_line(order.body, LIMITS)
    events = [msgspec.json.decode(event) for event in [*left_out, *(event for order in made for event in order.events)]]
    assert report.events == len(events)
    orders = [msgspec.json.decode(order.body) for order in made]
    return Outcome(orders, report, kept.rejects, events, lambda: kept.written(said.file))
