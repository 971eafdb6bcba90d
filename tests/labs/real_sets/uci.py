"""UCI Online Retail: invoices of a wholesaler, prices with 20 % in them, freight by weight as the example sets it."""

from __future__ import annotations

import math
import pathlib
import re
from fractions import Fraction

from tests.labs.real_sets.counted import Cells, Counted, Line, Order, minor, rows_of, tax_on

# Reason of a row by its stock code, once it is known to be neither a cancellation nor a write-off.
_BY_CODE = {"POST": "freight", "DOT": "freight", "C2": "freight", "AMAZONFEE": "fee", "BANK CHARGES": "fee"}
_BY_CODE |= {"D": "discount", "M": "manual_entry", "m": "manual_entry", "S": "sample", "CRUK": "donation"}
_AT_HOME = {"United Kingdom", "European Community", "Unspecified"}  # the last two name no country
_IN_EUROPE = set(
    "Austria Belgium Switzerland Cyprus Denmark Germany Spain Finland France Greece EIRE Iceland Italy Lithuania Malta "
    "Norway Poland Portugal Sweden".split()
) | {"Czech Republic", "Channel Islands"}
_UNIT_G = 300
_VAT = Fraction(20, 100)


def count(path: pathlib.Path) -> Counted:
    counted, countries = Counted(), dict[str, str]()
    for row in rows_of(path):
        counted.rows += 1
        reason = _reason(row)
        if reason:
            counted.not_orders[reason] += 1
            continue
        countries.setdefault(row["InvoiceNo"], row["Country"])
        qty, price = int(row["Quantity"]), minor(row["UnitPrice"])
        tax = tax_on(qty * price, _VAT, is_inclusive=True) if row["Country"] in _AT_HOME else 0
        order = counted.orders.setdefault(row["InvoiceNo"], Order())
        order.lines.append(Line(row["StockCode"], qty, price, tax=tax))
    for invoice, order in counted.orders.items():
        order.shipping = _freight(countries[invoice], sum(line.qty for line in order.lines) * _UNIT_G)
    return counted


def _reason(row: Cells) -> str:
    """Why a row is no line of an order; "" where it is one."""
    kind = {"C": "cancellation", "A": "bad_debt_adjustment"}.get(row["InvoiceNo"][0])
    if kind or int(row["Quantity"]) < 0:
        return kind or "write_off"
    code, price = row["StockCode"], float(row["UnitPrice"])
    if code in _BY_CODE:
        return _BY_CODE[code]
    if re.fullmatch(r"gift_0001_\d\d", code):
        return "gift_voucher"
    return "no_price" if price <= 0 else "price_below_a_penny" if price < 0.01 else ""


def _freight(country: str, weight_g: int) -> int:
    """The cheapest service, in one parcel: from the nearer of Daventry and Rotterdam."""
    if country in _AT_HOME or country == "Netherlands":
        price, per_kg = 395, 45
    else:
        price, per_kg = (995, 120) if country in _IN_EUROPE else (2450, 480)
    return price if weight_g <= 2_000 else price + per_kg * math.ceil(Fraction(weight_g, 1_000))
