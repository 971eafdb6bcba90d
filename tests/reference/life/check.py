"""Plain twin of kernels/life/check.py, on a book as plain Python (router/life/open_book.py)."""

from __future__ import annotations

from kernels.life.check import MONEY_DIFFERS, UNITS_DIFFER, VALUE_DIFFERS, WHOLE


def check_books(books, orders):
    """A fault for each book, none without a book; ``orders`` are (units of each line, what they all carry)."""
    return [WHOLE if book is None else check_book(book, *order) for book, order in zip(books, orders, strict=True)]


def check_book(book, ordered, value_minor):
    """What is wrong with a book of which so many units of each line were ordered, and what they all carry."""
    positions = [row for row in book.positions if row["qty"]]
    for line, qty in enumerate(ordered):
        units = {}
        for row in positions:
            if row["line"] == line:
                units[int(row["sku"])] = units.get(int(row["sku"]), 0) + int(row["qty"])
        parts = book.parts.get(line, {})
        loose = sum(count for sku, count in units.items() if sku not in parts)
        if parts and any(units.get(sku, 0) != (qty - loose) * each for sku, each in parts.items()):
            return UNITS_DIFFER
        if not parts and loose != qty:
            return UNITS_DIFFER
    if sum(int(row["value_minor"]) for row in positions) != value_minor:
        return VALUE_DIFFERS
    authorized, captured, refunding, refunded = (
        sum(getattr(payment, name) for payment in book.payments)
        for name in ("authorized_minor", "captured_minor", "refunding_minor", "refunded_minor")
    )
    is_whole = min(authorized, refunding, refunded) >= 0 and captured >= refunding + refunded
    return WHOLE if is_whole else MONEY_DIFFERS
