"""The invoices and credit notes of an order, derived from its history: what each says is stored nowhere.

    step that made it ─▶ the order's book before and after ─▶ shares of its lines ─▶ amounts, taxes, what was paid

A document is told by the records up to its own and by the tables and the policy that these name, so it always says the
same; the buyer stands in the order's document, and goes with it when that is erased.

    invoice              all that was not cancelled, and shipping
    invoice of a part    the units that the event sent; shipping is on the first
    credit note          money that went back: taxes as they stand on the invoices, in proportion
    withdrawn            the lines of the document that the event took back, turned round, by the other series
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kernels.life import layout
from router.arrow.arrays import numbers
from router.config import Policy
from router.life.documents import SERIES_OF, Document, DocumentNumber, Series
from router.life.history import tell
from router.life.moved import accounts_of, moved_by
from router.life.open_book import OpenBook
from router.life.scratch import ROW
from router.life.states import MoneyAccount, Stage, stage_of
from router.log.kinds import Kind
from router.log.records import OUTCOME_PART, read_batch
from router.log.reference import reference
from router.log.steps import OrderHistory, Step, step_at
from router.queries.answered import line_ids_of
from router.queries.document_lines import (
    SHIPPING,
    Priced,
    Share,
    part_between,
    priced_of,
    share_of,
    tax_rows,
    turned,
)
from router.queries.order_money import payment_views
from router.queries.source import RecordSource, Row
from router.queries.taxes import OrderTaxes
from router.queries.text import date_text, name_of, time_text
from router.queries.view_terms import ViewTerms
from router.queries.words import OrderWords
from router.tables.compiled import Tables

DAY_MS = 86_400_000
_TYPES = {Series.INVOICE: "invoice", Series.CREDIT_NOTE: "credit_note"}
_HOUSE = (Stage.HELD, Stage.ALLOCATED, Stage.PICKED, Stage.PACKED)
_SENT = (Stage.SHIPPED, Stage.DELIVERED)


@dataclass
class Made:
    """One document of an order."""

    step: Step
    kind: Document
    number: DocumentNumber
    shares: list[Share]  # of lines, and of shipping
    corrects: list[Made] = field(default_factory=list)
    payments: list[Row] = field(default_factory=list)
    paid_minor: int = 0

    @property
    def total_minor(self) -> int:
        return sum(share.total_minor for share in self.shares)


def has_documents(history: OrderHistory) -> bool:
    return any(step.kind is Kind.EVENTS and step.outcome["document"] for step in history.back())


def document_rows(history: OrderHistory, source: RecordSource, terms: ViewTerms) -> list[Row]:
    """What an order's view says of its documents, the first one first."""
    if not has_documents(history):
        return []
    return [
        {
            "number": str(made.number),
            "type": _TYPES[made.number.series],
            "issued_at": time_text(made.step.now_ms),
            "total": abs(made.total_minor),
            "corrects": [str(other.number) for other in made.corrects],
        }
        for made in _Telling(history, source, terms).documents()
    ]


def documents_of(history: OrderHistory, source: RecordSource, terms: ViewTerms) -> tuple[Step, list[Made]]:
    """The step of an order's decision and its documents, the first one first."""
    telling = _Telling(history, source, terms)
    made = telling.documents()
    return telling.order, made


def document_view(wanted: DocumentNumber, history: OrderHistory, source: RecordSource, terms: ViewTerms) -> Row | None:
    """One document of an order; None where the order has none of this number."""
    telling = _Telling(history, source, terms)
    made = next((made for made in telling.documents() if made.number == wanted), None)
    return None if made is None else telling.view(made)


def numbered_steps(source: RecordSource, sequence: int, wanted: DocumentNumber) -> Iterator[Step]:
    """The events of a batch that made a document of this series and number, each of another seller."""
    outcome = source.read(sequence, OUTCOME_PART)
    if outcome is None:
        return
    batch = read_batch(outcome)
    for row in np.flatnonzero(numbers(batch, "number") == wanted.number).tolist():
        if SERIES_OF[Document(batch.column("document")[row].as_py())] is wanted.series:
            step = step_at(source, reference(sequence, row))
            assert step is not None, "its outcome was read a moment ago"
            yield step


class _Telling:
    """The history of one order, told until its last document."""

    def __init__(self, history: OrderHistory, source: RecordSource, terms: ViewTerms) -> None:
        self._history = history
        self._source = source
        self._terms = terms
        self._words = OrderWords()
        self._priced: list[Priced] = []
        self._made: list[Made] = []
        self._standing: list[Made] = []  # invoices that were not withdrawn
        self._credited: list[Made] = []  # credit notes of money that went back, likewise
        self._sent: Counter[tuple[int, int]] = Counter()  # units by line and SKU that were invoiced as sent

    @property
    def order(self) -> Step:
        assert self._words.order is not None, "an order's history begins with the order"
        return self._words.order

    @property
    def _tables(self) -> Tables:
        return self._terms.tables_of(self.order.tables_version)

    def documents(self) -> list[Made]:
        with self._terms.scratch.told([]) as books:
            passed: list[Step] = []
            for step in (step for piece in self._history.pieces() for step in piece):
                self._words.note(step)
                if step.kind is Kind.EVENTS and step.outcome["document"]:
                    tell(books, ROW, passed, self._terms.key)
                    before = books.look(ROW)
                    tell(books, ROW, [step], self._terms.key)
                    self._make(step, before, books.look(ROW))
                    passed = []
                else:
                    passed.append(step)
        return self._made

    # --- what each kind says ---------------------------------------------------------------------

    def _make(self, step: Step, before: OpenBook, after: OpenBook) -> None:
        kind = Document(step.outcome["document"])
        if not self._priced:
            self._priced = priced_of(self.order, OrderTaxes(self.order, self._tables), self._bundles())
        number = DocumentNumber(
            self.order.given["seller"], SERIES_OF[kind], step.outcome["number"], self._policy(step).invoice_prefix
        )
        made = Made(step, kind, number, [])
        if kind is Document.INVOICE:
            made.shares = self._shares(_values(after), self._units_there(after))
        elif kind is Document.INVOICE_OF_PART:
            made.shares = self._shares(*self._units_sent(step, before, after))
        elif kind is Document.CREDIT_NOTE:
            made.shares, made.corrects = self._went_back(step, before, after), list(self._standing)
        else:
            made.corrects = self._taken_back(step)
            made.shares = [turned(share) for other in made.corrects for share in other.shares]
        self._settle(made, after)
        self._made.append(made)

    def _settle(self, made: Made, book: OpenBook) -> None:
        """What stands afterwards; of an invoice also what of it was paid by then."""
        if made.kind in (Document.INVOICE, Document.INVOICE_OF_PART):
            accounts = accounts_of(book)
            came = _sum(accounts, MoneyAccount.CAPTURED) - _sum(accounts, MoneyAccount.REFUNDED)
            invoiced = sum(other.total_minor for other in (*self._standing, *self._credited))
            made.paid_minor = min(max(came - invoiced, 0), made.total_minor)
            made.payments = payment_views(book, self._words, _method(self._document()))
            self._standing.append(made)
        elif made.kind is Document.CREDIT_NOTE:
            self._credited.append(made)
        for other in made.corrects if made.kind is not Document.CREDIT_NOTE else ():
            (self._standing if other in self._standing else self._credited).remove(other)

    def _shares(self, values: dict[int, int], units: dict[int, int]) -> list[Share]:
        """Of lines by what these units carry; shipping where no invoice has it yet."""
        before = Counter[int]()
        for share in (share for made in self._standing for share in made.shares):
            before[share.line] += share.total_minor
        shares = [
            share_of(priced, units.get(priced.line, 0), values.get(priced.line, 0), before[priced.line])
            for priced in self._priced[:-1]
            if units.get(priced.line) or values.get(priced.line)
        ]
        has_shipping = any(share.line == SHIPPING for made in self._standing for share in made.shares)
        fee = self._priced[-1]
        return shares if has_shipping or not fee.total_minor else [*shares, share_of(fee, 1, fee.total_minor, 0)]

    def _units_there(self, book: OpenBook) -> dict[int, int]:
        """Units of each line that were not cancelled; of a bundle those that have all of their parts."""
        counts: Counter[tuple[int, int]] = Counter()
        for position in book.positions:
            if stage_of(int(position["stage"])) is not Stage.CANCELLED:
                counts[int(position["line"]), int(position["sku"])] += int(position["qty"])
        return {priced.line: self._whole(priced.line, counts, book) for priced in self._priced[:-1]}

    def _units_sent(self, step: Step, before: OpenBook, after: OpenBook) -> tuple[dict[int, int], dict[int, int]]:
        """What the units carry that the event sent, and how many they are, by line."""
        moved = moved_by(step, lambda place: after if place == step.reference else before).units
        values, had = Counter[int](), self._sent.copy()
        for move in moved:
            if stage_of(int(move["from_stage"])) in _HOUSE and stage_of(int(move["to_stage"])) in _SENT:
                values[int(move["line"])] += int(move["value_minor"])
                self._sent[int(move["line"]), int(move["sku"])] += int(move["qty"])
        units = {line: self._whole(line, self._sent, after) - self._whole(line, had, after) for line in values}
        return dict(values), units

    def _whole(self, line: int, counts: Counter[tuple[int, int]], book: OpenBook) -> int:
        sku = self.order.given["lines"][line]["sku"]
        parts = book.parts.get(line)
        own = counts[line, sku]
        return own + min(counts[line, part] // each for part, each in parts.items()) if parts else own

    def _went_back(self, step: Step, before: OpenBook, after: OpenBook) -> list[Share]:
        """The refund as one line without units, with its share of the taxes invoiced."""
        moved = moved_by(step, lambda place: after if place == step.reference else before).money
        amount = sum(int(move["amount_minor"]) for move in moved if move["account"] == MoneyAccount.REFUNDED)
        invoiced = [share for made in self._standing for share in made.shares]
        whole, credited = sum(share.total_minor for share in invoiced), -sum(m.total_minor for m in self._credited)
        marks = min(credited, whole), min(credited + amount, whole)  # more than was invoiced carries no tax
        taxes = Counter[Any]()
        for share in invoiced:
            taxes.update(share.taxes)
        parts = {tax: -part_between(sum_minor, whole, *marks) for tax, sum_minor in taxes.items()}
        return [Share(SHIPPING - 1, 0, -amount, 0, -amount, parts)]

    def _taken_back(self, step: Step) -> list[Made]:
        key = step.given["reversed"]
        return [made for made in (*self._standing, *self._credited) if made.step.given["event_key"] == key]

    def _bundles(self) -> frozenset[int]:
        offset = self._tables.skus.bundle_offset
        skus = [line["sku"] for line in self.order.given["lines"]]
        return frozenset(line for line, sku in enumerate(skus) if sku >= 0 and offset[sku + 1] > offset[sku])

    def _policy(self, step: Step) -> Policy:
        policy = self._terms.tables_of(step.tables_version).policy_or(self._terms.config.policy)
        return policy.of_order(self.order.given["channel"], self.order.given["seller"])

    def _document(self) -> Row | None:
        return self._source.document(self.order.sequence, self.order.row)

    # --- as it is shown --------------------------------------------------------------------------

    def view(self, made: Made) -> Row:
        """A document's amounts are positive whatever its series: a credit note says what the buyer is given."""
        order, document, policy = self.order, self._document(), self._policy(made.step)
        sign = 1 if made.number.series is Series.INVOICE else -1
        shares = [share if sign > 0 else turned(share) for share in made.shares]
        lines = [share for share in shares if share.line >= 0]
        shipping = [share for share in shares if share.line == SHIPPING]
        total, day = sign * made.total_minor, made.step.now_ms // DAY_MS
        is_bill = made.kind in (Document.INVOICE, Document.INVOICE_OF_PART)
        return {
            "number": str(made.number),
            "type": _TYPES[made.number.series],
            "order_id": order.given["order_id"],
            "channel": order.given["channel"],
            "issued_at": time_text(made.step.now_ms),
            "due_date": date_text(day + policy.payment_days) if is_bill else None,
            "locale": locale_of(document),
            "corrects": [str(other.number) for other in made.corrects],
            "seller": {"id": order.given["seller"] or None, "lines": list(policy.issuer)},
            "buyer": _buyer(document),
            "currency": name_of(self._tables.currencies, order.given["currency"]),
            "lines": list(self._line_rows(lines, document)),
            "shipping": sum(share.total_minor for share in shipping),
            "refunded": sum(share.total_minor for share in shares if share.line < SHIPPING),
            "taxes": tax_rows(shares),
            "gross": sum(share.gross_minor for share in lines),
            "discount": sum(share.discount_minor for share in lines),
            "net": sum(share.net_minor for share in shares),
            "tax": sum(share.tax_minor for share in shares),
            "total": total,
            "payments": made.payments,
            "paid": made.paid_minor,
            "due": total - made.paid_minor if is_bill else 0,
            "erased": document is None,
        }

    def _line_rows(self, shares: Sequence[Share], document: Row | None) -> Iterator[Row]:
        ids, skus = line_ids_of(self.order, document), self._tables.skus.ids
        for share in shares:
            line = self.order.given["lines"][share.line]
            yield {
                "line_id": ids[share.line],
                "sku": skus.text(line["sku"]),
                "name": _line_name(document, share.line),
                "qty": share.qty,
                "unit_price": max(line["unit_price_minor"], 0),
                "gross": share.gross_minor,
                "discount": share.discount_minor,
                "net": share.net_minor,
                "tax": share.tax_minor,
                "total": share.total_minor,
            }


def locale_of(document: Row | None) -> str:
    """Language of the buyer's documents, "zh" or "en": as the customer's locale says, else by where it is sent to."""
    known = document or {}
    customer, ship_to = known.get("customer"), known.get("ship_to")
    said = customer.get("locale") if isinstance(customer, dict) else None
    if isinstance(said, str) and said:
        return "zh" if said.lower().partition("-")[0] == "zh" else "en"
    country = ship_to.get("country") if isinstance(ship_to, dict) else None
    return "zh" if country in ("CN", "HK", "MO", "TW") else "en"


def _values(book: OpenBook) -> dict[int, int]:
    """What units carry that were not cancelled, by line."""
    values = Counter[int]()
    for position in book.positions:
        if int(position["stage"]) & layout.STAGE_MASK != Stage.CANCELLED:
            values[int(position["line"])] += int(position["value_minor"])
    return dict(values)


def _sum(accounts: dict[tuple[int, int], int], account: MoneyAccount) -> int:
    return sum(amount for (_, kind), amount in accounts.items() if kind == account)


def _method(document: Row | None) -> str | None:
    payment: Any = (document or {}).get("payment")
    return payment.get("method") if isinstance(payment, dict) else None


def _line_name(document: Row | None, line: int) -> str | None:
    lines: Any = (document or {}).get("lines")
    if not isinstance(lines, list) or line >= len(lines) or not isinstance(lines[line], dict):
        return None
    name = lines[line].get("name")
    return name if isinstance(name, str) else None


def _buyer(document: Row | None) -> Row | None:
    """As the channel sent them: who pays, and where the bill goes."""
    if document is None:
        return None
    customer = document.get("customer")
    name = customer.get("name") if isinstance(customer, dict) else None
    return {"name": name, "address": document.get("bill_to") or document.get("ship_to")}
