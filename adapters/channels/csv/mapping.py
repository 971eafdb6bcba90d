"""The mapping file of the CSV channel: which column is which field of an order, and which rows are no orders.

Read from TOML or JSON, checked once as a whole; ``docs/csv-channel.md`` explains every key with an example.
"""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from decimal import Decimal, InvalidOperation
from typing import Literal

import msgspec

from router.errors import Misconfigured

_PERSON = ("name", "line1", "line2", "city", "region", "postcode", "country")
ORDER_FIELDS = frozenset(
    """order_id channel seller placed_at currency total priority coupons
    customer.id customer.name customer.email customer.phone
    payment.method payment.status payment.reference shipping.service shipping.promise_by""".split()
    + [f"{place}.{part}" for place in ("ship_to", "bill_to") for part in _PERSON]
)
LINE_FIELDS = frozenset(("lines.line_id", "lines.sku", "lines.qty", "lines.unit_price"))
REQUIRED_COLUMNS = ("order_id", "lines.sku", "lines.qty")


class FileFormat(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the file writes text, numbers and times."""

    encoding: str = "utf-8-sig"  # with or without a byte order mark
    delimiter: str = ","
    quote: str = '"'
    decimal: str = "."
    thousands: str = ""
    time_formats: tuple[str, ...] = ("%Y-%m-%d %H:%M:%S",)  # tried in this order
    time_zone: str = "UTC"  # of times that name none


class Strip(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Text removed from a cell before it is used, where it is there."""

    prefix: str = ""
    suffix: str = ""


class Filter(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Rows that are no order lines, under the name they are reported by. Exactly one test is given."""

    reason: str
    column: str
    starts_with: str | None = None
    equals: list[str] | None = None
    matches: str | None = None  # regular expression over the whole cell
    below: str | None = None  # decimal number
    at_most: str | None = None
    empty: bool | None = None


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    columns: dict[str, str]  # field of the order -> column of the file
    file: FileFormat = FileFormat()
    constants: dict[str, str | int] = {}
    translate: dict[str, dict[str, str]] = {}  # field -> cell -> value; a cell not listed is a fault
    strip: dict[str, Strip] = {}
    filters: list[Filter] = []  # the first that fits names the row
    group: Literal["consecutive", "all"] = "consecutive"


def load_mapping(raw: bytes) -> Mapping:
    """Read a mapping file; what is wrong with it is said in one sentence that names the key."""
    try:
        decode = msgspec.json.decode if raw.lstrip()[:1] == b"{" else msgspec.toml.decode
        mapping = decode(raw, type=Mapping)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as fault:
        raise Misconfigured(f"The mapping file cannot be read: {fault}.") from None
    for problem in (*_field_problems(mapping), *_format_problems(mapping.file), *_filter_problems(mapping.filters)):
        raise Misconfigured(f"The mapping file is wrong: {problem}.")
    return mapping


def is_field(path: str) -> bool:
    return path in ORDER_FIELDS or path in LINE_FIELDS or path.startswith("attributes.")


def _field_problems(mapping: Mapping) -> list[str]:
    problems = [f"columns.{path} is missing" for path in REQUIRED_COLUMNS if path not in mapping.columns]
    for section in ("columns", "constants", "translate", "strip"):
        for path in getattr(mapping, section):
            if not is_field(path):
                problems.append(f"{section}.{path!r} is no field of an order")
    if "order_id" in mapping.translate:
        problems.append("translate.order_id: an order keeps its id; use strip")
    for path in mapping.constants:
        if path in mapping.columns:
            problems.append(f"{path} is both a column and a constant")
        if path in LINE_FIELDS:
            problems.append(f"constants.{path}: a field of a line needs a column")
    if "currency" not in mapping.columns and "currency" not in mapping.constants:
        problems.append("currency is neither a column nor a constant")
    return problems


def _format_problems(file: FileFormat) -> list[str]:
    problems = []
    if file.decimal == file.thousands:
        problems.append("file.decimal and file.thousands are the same mark")
    if len(file.delimiter) != 1 or len(file.quote) != 1:
        problems.append("file.delimiter and file.quote are one character each")
    if file.delimiter == file.quote or {file.delimiter, file.quote} & {"\r", "\n"}:
        problems.append("file.delimiter and file.quote differ, and neither is an end of line")
    if file.time_zone not in zoneinfo.available_timezones():
        problems.append(f"file.time_zone {file.time_zone!r} is no IANA time zone (such as Europe/London)")
    problems += [
        f"file.time_formats: {text!r} is no format of a time" for text in file.time_formats if not _reads(text)
    ]
    try:
        "".encode(file.encoding)
    except (LookupError, UnicodeError):
        problems.append(f"file.encoding {file.encoding!r} is unknown")
    return problems


def _reads(time_format: str) -> bool:
    """Whether a time that is written in this format can be read again."""
    try:
        dt.datetime.strptime(dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC).strftime(time_format), time_format)
    except (ValueError, re.error):
        return False
    return True


def _filter_problems(filters: list[Filter]) -> list[str]:
    problems = []
    for position, rule in enumerate(filters, 1):
        tests = (rule.starts_with, rule.equals, rule.matches, rule.below, rule.at_most, rule.empty)
        if sum(test is not None for test in tests) != 1:
            problems.append(f"filter {position} ({rule.reason}) needs exactly one test")
        try:
            re.compile(rule.matches or "")
            bounds = [Decimal(rule.below or 0), Decimal(rule.at_most or 0)]
        except (re.error, InvalidOperation):
            bounds = [Decimal("NaN")]
        if not all(bound.is_finite() for bound in bounds):
            problems.append(f"filter {position} ({rule.reason}) has a pattern or number that cannot be read")
    return problems
