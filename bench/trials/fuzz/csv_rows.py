"""The CSV channel: every row of any file is accounted for, and every order made of rows is one the router can read."""

from __future__ import annotations

import io
from functools import cache

from adapters.channels.csv.binding import used_columns
from adapters.channels.csv.joins import make_tables
from adapters.channels.csv.load_mapping import load_mapping
from adapters.channels.csv.mapping import FileFormat, Mapping
from adapters.channels.csv.report import Reject
from adapters.channels.csv.rows import TextRows
from adapters.channels.csv.translate import CsvTranslator
from bench.trials.fuzz.targets import Examine
from router.config import Limits
from router.errors import Misconfigured
from router.wire.order_json import plain_line

LIMITS = Limits()
HEADER = b"No,Sku,Qty,Price,When,Currency,Country\n"
FILE = HEADER + b"1,A,2,1.50,2026-03-01 12:00:00,EUR,DE\n1,B,1,2,,EUR,DE\n2,A,x,1,2026-03-01 12:00:00,EUR,DE\n"
MAPPING = b"""{"columns":{"order_id":"No","lines.sku":"Sku","lines.qty":"Qty","lines.unit_price":"Price",
"placed_at":"When","currency":"Currency","ship_to.country":"Country"},"constants":{"channel":"shop","priority":1},
"file":{"time_formats":["%Y-%m-%d %H:%M:%S","%d.%m.%Y","%Y-%m-%dT%H:%M:%S%z"],"time_zone":"Europe/Berlin",
"thousands":"'"},"filters":[{"reason":"credit","column":"No","starts_with":"C"},{"reason":"gift","column":"Price",
"at_most":"0"}],"translate":{"ship_to.country":{"DE":"DE","Germany":"DE","":""}},
"strip":{"order_id":{"prefix":"#"}},"group":"GROUP"}"""
WIDE = b"""continuation = "blank_id"
order_id_scope = "seller"
[columns]
order_id = "No"
seller = "Country"
"lines.sku" = ["Sku", "goods.kind"]
"lines.qty" = "Qty"
"lines.line_total" = "Price"
"lines.node" = "Country"
"lines.discount" = "Qty"
tax = "Price"
placed_at = "When"
currency = "Currency"
coupons = "Sku"
[file]
quote = ""
find_header = true
thousands = ","
time_formats = ["iso", "epoch_s", "%d %b %Y %Z"]
[file.zone_names]
PST = "-08:00"
[cells.coupons]
separator = [" ", "|"]
[cells."lines.line_total"]
round = "noise"
[cells.currency]
case = "upper"
default = "EUR"
[joins.goods]
on = { Sku = "Sku" }
missing = "blank"
merge = { kind = "list", price = "sum" }
[[filters]]
reason = "footer"
matches = "Total.*"
[[filters]]
reason = "void"
column = "Qty"
equals = ["0"]
whole_order = true
[[filters]]
reason = "summary"
column = "Sku"
empty = true
head = true
[[events]]
type = "payment_captured"
each = "goods"
event_id = "paid-{kind}"
columns = { amount = "price" }
[[events]]
type = "hold"
event_id = "hold"
column = "Qty"
at_most = "1"
constants = { hold = "one" }
"""
GOODS = "Sku,kind,price\nA,soft,1.50\nA,hard,2\nB,soft,x\n"
TOML = b"""group = "all"
[columns]
order_id = "No"
"lines.sku" = "Sku"
"lines.qty" = "Qty"
[constants]
currency = "EUR"
[[filters]]
reason = "returns"
column = "Qty"
matches = "-.*"
"""
WORDS = (
    *(b",", b"\n", b"\r\n", b'"', b'""', b"EUR", b"JPY", b"2026-03-01 12:00:00", b"01.01.0001", b"9999-12-31 23:59:59"),
    *(
        b"2026-03-01T00:00:00-2359",
        b"1e5",
        b"NaN",
        b"Infinity",
        b"1'000.50",
        b"-",
        b"\xff",
        b"\xef\xbb\xbf",
        b"C1",
        b"#1",
    ),
    *(b'"columns"', b'"filters"', b'"matches":"("', b'"time_zone"', b'"encoding":"utf-16"', b'"delimiter":"\\n"'),
    *(
        b'"quote"',
        b'"group":"all"',
        b'"below":"NaN"',
        b'"time_formats":[]',
        b'"decimal":""',
        b'"translate"',
        b'"strip"',
    ),
    *(
        b'"continuation":"blank_id"',
        b'"cells"',
        b'"round":"noise"',
        b'"joins"',
        b'"events"',
        b'"head":true',
        b'"quote":""',
    ),
    *(
        b"sep=;",
        b"[cells.total]",
        b"whole_order = true",
        b"find_header = true",
        b"skip_lines = 1",
        b"2.19E+26",
        b"AU $1",
    ),
)


def examples(name: str) -> list[bytes]:
    if name == "mapping":
        return [MAPPING.replace(b"GROUP", b"all"), TOML, WIDE]
    rows = FILE.removeprefix(HEADER)
    quoted = (
        b'#3,"A ""b"", c",1\'000,0.5,01.03.2026,EUR,Germany\nC4,A,-1,0,x,EUR,DE\n\n3,A\n'
        b"1,A,1,1,2026-03-01 12:00:00,USD,FR\n"
    )
    return [
        b"\x00" + rows,
        b"\x01" + rows + quoted,
        b"\x02" + FILE,
        b"\x00" + b'5,"open,1,1,2026-03-01 12:00:00,EUR,DE\n',
        b"\x03" + HEADER + b'1,A,3,10.00,1772442000,,s\n,C,1,"2,1 Mar 2026 PST,usd,s\n2,,1,1,,,t\nTotal\n',
    ]


def examine(name: str) -> Examine:
    return _mapping if name == "mapping" else _file


def _file(data: bytes) -> None:
    """The first byte says how rows are grouped, and whether the header is fuzzed too."""
    said, body = data[:1], data[1:]
    if said == b"\x03":
        _translate(_wide(), body)
        return
    mapping = _usual("all" if said == b"\x01" else "consecutive")
    _translate(mapping, body if said == b"\x02" else HEADER + body)


def _mapping(data: bytes) -> None:
    try:
        mapping = load_mapping(data)
    except Misconfigured as fault:
        assert str(fault).startswith("The mapping file ")
        return
    _translate(mapping, FILE)


@cache
def _wide() -> Mapping:
    return load_mapping(WIDE)


@cache
def _usual(group: str) -> Mapping:
    return load_mapping(MAPPING.replace(b"GROUP", group.encode()))


class _Refused:
    """Which orders were refused, in a row at least."""

    def __init__(self) -> None:
        self.keys: set[str] = set()

    def begin(self, header: list[str], preamble: list[str], delimiter: str) -> None:
        assert header and len(delimiter) == 1

    def put(self, reject: Reject) -> None:
        assert reject.reason and reject.detail
        self.keys.add(reject.order_id)


def _translate(mapping: Mapping, file: bytes) -> None:
    lines = io.TextIOWrapper(io.BytesIO(file), mapping.file.encoding, errors="surrogateescape", newline="")
    refused, sent = _Refused(), list[str]()
    try:
        further = {name: TextRows(io.StringIO(GOODS), FileFormat()) for name in mapping.joins}
        translator = CsvTranslator(mapping, make_tables(mapping, further, used_columns(mapping)), refused)
        for order in translator.orders(lines):
            sent.append(order.order_id)
            plain_line(order.body, LIMITS)  # raises where the router could not read the order
    except Misconfigured as fault:
        assert len(str(fault)) > 20
        return
    report = translator.report
    left_out = sum(reason.rows for reason in report.not_orders.values())
    assert report.rows == report.order_lines + left_out, "every row is accounted for"
    assert report.orders == len(sent)
    if mapping.order_id_scope == "global":
        assert len(set(sent)) == len(sent) and not refused.keys & set(sent), "an order is sent whole or not at all"
