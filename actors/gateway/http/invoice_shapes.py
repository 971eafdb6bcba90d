"""Invoices and credit notes as the OpenAPI document shows them.

A test holds every member against what ``router/queries/invoices.py`` really gives.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from actors.gateway.http.order_shapes import Date, InvoiceNamed, PaymentView, Time
from router.wire.order_json import Address


class InvoiceSeller(msgspec.Struct):
    id: str | None
    lines: Annotated[list[str], Meta(description="`issuer` of the policy of the day")]


class InvoiceBuyer(msgspec.Struct):
    name: str | None
    address: Annotated[Address | None, Meta(description="where the bill goes, else where the goods went")]


class InvoiceLine(msgspec.Struct):
    line_id: str
    sku: str
    name: str | None
    qty: int
    unit_price: int
    gross: int
    discount: int
    net: Annotated[int, Meta(description="without tax")]
    tax: int
    total: int


class InvoiceTax(msgspec.Struct):
    """A tax by name and rate."""

    name: str | None
    percent: float | None  # null of a tax that the channel declared
    net: Annotated[int, Meta(description="what it is on")]
    amount: int


class Invoice(msgspec.Struct):
    """Minor units of `currency`; those of a credit note are what it gives the buyer."""

    number: str
    type: Literal["invoice", "credit_note"]
    order_id: str
    channel: str
    issued_at: Time | None
    due_date: Annotated[Date | None, Meta(description="of invoices")]
    locale: Literal["zh", "en"]
    corrects: Annotated[list[str], Meta(description="numbers of the documents that it takes back, or a part of")]
    seller: InvoiceSeller
    buyer: Annotated[InvoiceBuyer | None, Meta(description="null where it was erased")]
    currency: str | None
    lines: list[InvoiceLine]
    shipping: int
    refunded: Annotated[int, Meta(description="of a credit note for money that went back, which names no lines")]
    taxes: list[InvoiceTax]
    gross: Annotated[int, Meta(description="of the lines")]
    discount: Annotated[int, Meta(description="of the lines")]
    net: Annotated[int, Meta(description="total - tax")]
    tax: int
    total: Annotated[int, Meta(description="lines, shipping and what is refunded")]
    payments: Annotated[list[PaymentView], Meta(description="of the order, as they were when it was made")]
    paid: Annotated[int, Meta(description="of the total, when it was made")]
    due: Annotated[int, Meta(description="total - paid")]
    erased: bool


class InvoicesOfOrder(msgspec.Struct):
    invoices: list[InvoiceNamed]
