"""Every known field of an order, in one place: its name in JSON, in Arrow, and its number in the columns."""

from __future__ import annotations

from collections.abc import Iterator

from kernels.text import scan_form as scan
from router.wire.key_table import Key, KeyTable

ADDRESS = ("name", "line1", "line2", "city", "region", "postcode", "country")

# Objects of an order, and their level in the scanner; fields that are no numbers are text.
OBJECTS: dict[str, tuple[str, ...]] = {
    "customer": ("id", "name", "email", "phone"),
    "ship_to": ADDRESS,
    "bill_to": ADDRESS,
    "payment": ("method", "status", "reference"),
    "shipping": ("service", "promise_by", "fee"),
}
TIME_FIELDS = ("placed_at", "shipping.promise_by")
# A field that came later stands at the end: the fingerprint knows a field by its place.
NUMBER_FIELDS = (*TIME_FIELDS, "priority", "total", "shipping.fee", "discount", "tax")
TEXT_FIELDS = (
    "order_id",
    "channel",
    "seller",
    "currency",
    *(
        f"{name}.{field}"
        for name, fields in OBJECTS.items()
        for field in fields
        if f"{name}.{field}" not in NUMBER_FIELDS
    ),
)
LINE_FIELDS = ("sku", "qty", "unit_price", "line_id", "discount", "tax", "node")
LINE_TEXTS = ("sku", "line_id", "node")  # the others are numbers

TEXT = {name: number for number, name in enumerate(TEXT_FIELDS)}
PLACED_AT, PROMISE_BY, PRIORITY, TOTAL, FEE, DISCOUNT, TAX = range(7)

# Text of a person's own making; every other text is a code or an id and has the shorter limit.
LONG_TEXTS = frozenset(
    name
    for name in TEXT_FIELDS
    if name.rsplit(".", 1)[-1] in ("name", "line1", "line2", "city", "email", "phone", "reference")
)


def arrow_name(name: str) -> str:
    """``ship_to.country`` is the column ``ship_to_country``."""
    return name.replace(".", "_")


def _keys() -> Iterator[Key]:
    """Every key the scanner knows of an order."""
    bits = iter(range(scan.LINE_BIT))
    for name in (*TEXT_FIELDS, *NUMBER_FIELDS, "coupons", "lines", *OBJECTS):
        owner, _, key = name.rpartition(".")
        level = 1 + list(OBJECTS).index(owner) if owner else scan.TOP_LEVEL
        yield Key(level, key, next(bits), *_kind(name))
    for bit, (key, kind, field) in enumerate(
        (
            ("sku", scan.LINE_TEXT, scan.SKU_START),
            ("line_id", scan.LINE_TEXT, scan.LINE_ID_START),
            ("qty", scan.LINE_NUMBER, scan.QTY),
            ("unit_price", scan.LINE_NUMBER, scan.UNIT_PRICE),
            ("discount", scan.LINE_NUMBER, scan.LINE_DISCOUNT),
            ("tax", scan.LINE_NUMBER, scan.LINE_TAX),
            ("node", scan.LINE_TEXT, scan.NODE_START),
        )
    ):
        yield Key(scan.LINE_LEVEL, key, scan.LINE_BIT + bit, kind, field)


def _kind(name: str) -> tuple[int, int]:
    if name in TEXT:
        return scan.TEXT, TEXT[name]
    if name in NUMBER_FIELDS:
        return (scan.TIME if name in TIME_FIELDS else scan.NUMBER), NUMBER_FIELDS.index(name)
    if name in OBJECTS:
        return scan.OBJECT, 1 + list(OBJECTS).index(name)
    return (scan.COUPONS if name == "coupons" else scan.LINES), 0


ORDER_KEYS = KeyTable(list(_keys()), len(TEXT_FIELDS), len(NUMBER_FIELDS))
