"""Documents of account: invoices and credit notes, and how their numbers look.

    [PREFIX-]INV[-SELLER]-000001    invoices         [PREFIX-]CN[-SELLER]-000001    credit notes

Numbers count from 1 for each seller and series, without a gap; the prefix is a setting and counts nothing. Of a
seller's name every byte but ASCII letters, digits, ``.``, ``_`` and ``-`` is written ``~XX``, so a number has only
characters that mean themselves in a URL and in the name of a file. It reads back in one way: a prefix has no hyphen and
is not a mark, the counter has none either, and what lies between is the seller.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import NamedTuple

from router.config import MARKS

DIGITS_MIN = 6
TEXT_CHARACTERS_MAX = 1_024  # of a number that is looked for: a name of 128 bytes takes 404 at most


class Series(IntEnum):
    """What is counted apart. Numbers are permanent, they stand in log records."""

    INVOICE = 1
    CREDIT_NOTE = 2


class Document(IntEnum):
    """What an event made; permanent, too. Kinds of the same series share its numbers."""

    NONE = 0
    INVOICE = 1  # of all that the order has that was not cancelled
    INVOICE_OF_PART = 2  # of the units that the event sent
    CREDIT_NOTE = 3  # of money that went back
    INVOICE_WITHDRAWN = 4  # a credit note: the event that made the invoice was taken back
    CREDIT_WITHDRAWN = 5  # an invoice: the refund was taken back


SERIES_OF = {
    Document.INVOICE: Series.INVOICE,
    Document.INVOICE_OF_PART: Series.INVOICE,
    Document.CREDIT_WITHDRAWN: Series.INVOICE,
    Document.CREDIT_NOTE: Series.CREDIT_NOTE,
    Document.INVOICE_WITHDRAWN: Series.CREDIT_NOTE,
}
MARK_OF = dict(zip(Series, MARKS, strict=True))
_SERIES_OF_MARK = {mark: series for series, mark in MARK_OF.items()}
_ODD = re.compile(rb"[^A-Za-z0-9._-]")
_WRITTEN = re.compile(r"~([0-9A-F]{2})")


class DocumentNumber(NamedTuple):
    """One number of one seller; ``prefix`` is how it looked when it was taken."""

    seller: str
    series: Series
    number: int
    prefix: str = ""

    def __str__(self) -> str:
        parts = (self.prefix, MARK_OF[self.series], _written(self.seller), f"{self.number:0{DIGITS_MIN}d}")
        return "-".join(part for part in parts if part)


def parse_number(text: str) -> DocumentNumber | None:
    """What a number says; None where nothing is written so."""
    if len(text) > TEXT_CHARACTERS_MAX:
        return None
    prefix, _, rest = text.partition("-")
    if prefix in _SERIES_OF_MARK:
        prefix, mark = "", prefix
    else:
        mark, _, rest = rest.partition("-")
    seller, _, digits = rest.rpartition("-")
    if mark not in _SERIES_OF_MARK or not (digits.isascii() and digits.isdigit() and len(digits) < 19):
        return None
    name = _read(seller)
    found = None if name is None else DocumentNumber(name, _SERIES_OF_MARK[mark], int(digits), prefix)
    return found if found is not None and str(found) == text else None


def _written(seller: str) -> str:
    return _ODD.sub(lambda odd: b"~%02X" % odd[0][0], seller.encode()).decode("ascii")


def _read(written: str) -> str | None:
    try:
        return _WRITTEN.sub(lambda byte: chr(int(byte[1], 16)), written).encode("latin-1").decode()
    except UnicodeError:
        return None
